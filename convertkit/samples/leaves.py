"""One thing of numbers handed over in Python, as an array: tensor, column or list. Imports no framework."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from numbers import Number
from typing import Any

import numpy as np

from convertkit.artifacts.signature import Array
from convertkit.errors import SamplesError

NUMBERS = "fiub"
TAKEN = "an array, a tensor, a tuple, list or dict of them, a table, a Dataset, a DataLoader or a generator"
HINT = f"give {TAKEN}; or the path of an .npz, an .npy or a folder of images"


def array_of(value: Any) -> Array:
    """The numbers of a tensor, a column, an image or a nested list, as NumPy has them.

    bfloat16, which NumPy lacks, becomes float32.

    Raises:
        SamplesError: it holds something else than numbers, or lists of different lengths.
    """
    try:
        array = np.asarray(plain(value))
    except SamplesError:
        raise
    except Exception as error:  # `__array__` of whatever class this is
        if isinstance(error, ValueError) and "inhomogeneous" in str(error):
            raise SamplesError(
                "the samples are lists of different lengths", hint="cut or pad them to one length"
            ) from None
        raise unusable(value) from error
    if array.dtype == object and array.ndim and array.size:
        return stacked([array_of(each) for each in array.ravel()])
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    if array.dtype.kind not in NUMBERS:
        raise unusable(value)
    return array


def plain(value: Any) -> Any:
    """What NumPy can take without losing anything: a tensor on the CPU, the values of a column."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.is_quantized:
            raise SamplesError(
                f"the samples are a tensor of layout {value.layout}".replace("torch.", ""),
                hint="give it dense: tensor.to_dense(), or tensor.dequantize()",
            )
        value = value.detach().cpu().resolve_conj().resolve_neg()
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    return value.to_numpy() if is_column(value) or is_table(value) else value


def is_table(value: Any) -> bool:
    """True for a data frame of pandas or of something like it."""
    return hasattr(value, "to_numpy") and hasattr(value, "columns")


def is_column(value: Any) -> bool:
    """True for a column of a data frame."""
    return hasattr(value, "to_numpy") and not hasattr(value, "columns")


def is_leaf(value: Any) -> bool:
    """True for one thing of numbers: all of it is an array, rather than its parts."""
    if isinstance(value, list | tuple):
        return is_number_list(value)
    if isinstance(value, str | bytes | Mapping) or is_table(value):
        return False
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return True
    return isinstance(value, Number) or is_column(value) or has_array(value)


def has_array(value: Any) -> bool:
    """True for whatever offers itself to NumPy: arrays, TensorFlow's and JAX's tensors, Pillow's images."""
    return not isinstance(value, type) and any(
        hasattr(value, name) for name in ("__array__", "__array_interface__", "__dlpack__")
    )


def is_number_list(value: Any) -> bool:
    """True for lists in lists down to numbers, as far as the first of each tells."""
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return isinstance(value, Number)


def is_text(value: Any) -> bool:
    """True for text, or an array of it: names, paths, captions."""
    return isinstance(value, str | bytes) or getattr(getattr(value, "dtype", None), "kind", "") in ("U", "S")


def stacked(arrays: list[Array]) -> Array:
    """Samples of one shape each, along a new first axis.

    Raises:
        SamplesError: they differ in shape.
    """
    refuse_ragged(arrays, 0)
    return np.stack(arrays)


def concatenated(arrays: list[Array]) -> Array:
    """Batches, one behind the other.

    Raises:
        SamplesError: they differ in more than their number of samples.
    """
    refuse_ragged(arrays, 1)
    return np.concatenate(arrays)


def refuse_ragged(arrays: list[Array], start: int) -> None:
    """Raise SamplesError where the arrays differ in shape from an axis on."""
    first = arrays[0]
    for number, array in enumerate(arrays):
        if array.ndim != first.ndim or array.shape[start:] != first.shape[start:]:
            raise SamplesError(
                f"the samples differ in shape: item 0 is {list(first.shape)}, item {number} is "
                f"{list(array.shape)}",
                hint="bring them to one size: resize, cut or pad",
            )


def unusable(value: Any) -> SamplesError:
    """What to say of something that is no samples."""
    if is_text(value):
        return SamplesError("the samples are text; numbers are needed", hint=HINT)
    dtype = getattr(value, "dtype", None)
    kind = f"{type(value).__name__}{f' of {dtype}' if dtype is not None else ''}"
    return SamplesError(f"the samples are of type {kind}, and hold no numbers that a model takes", hint=HINT)
