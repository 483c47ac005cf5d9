"""Whether samples fit the inputs of a model, and which of an array's axes counts samples."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from convertkit.artifacts.signature import TensorSpec
from convertkit.errors import SamplesError
from convertkit.samples.rows import Rows
from convertkit.samples.samples import Samples

UNNAMED = ""  # the array of an `.npy`


def specs_from_arrays(arrays: Mapping[str, Rows]) -> tuple[TensorSpec, ...]:
    """Inputs as the samples show them, the first axis a dynamic batch."""
    return tuple(
        TensorSpec(name or "input", values.dtype.name, ("batch", *values.shape[1:]))
        for name, values in arrays.items()
    )


def fit_samples(samples: Samples, inputs: tuple[TensorSpec, ...]) -> Samples:
    """The samples in the order of the model's inputs.

    Raises:
        SamplesError: an array is missing, extra, misnamed, wrongly shaped or wrongly typed.
    """
    arrays = samples.arrays
    if list(arrays) == [UNNAMED] and len(inputs) == 1:
        arrays = {inputs[0].name: arrays[UNNAMED]}
    names = [spec.name for spec in inputs]
    missing = [name for name in names if name not in arrays]
    extra = [name or "(unnamed)" for name in arrays if name not in names]
    if missing or extra:
        parts = [f"lack {', '.join(missing)}"] if missing else []
        parts += [f"have {', '.join(extra)}, which the model does not take"] if extra else []
        raise SamplesError(f"the samples {' and '.join(parts)}", hint=f"the inputs are {', '.join(names)}")
    for spec in inputs:
        check_fit(spec, arrays[spec.name])
    return msgspec.structs.replace(samples, arrays={name: arrays[name] for name in names})


def check_fit(spec: TensorSpec, values: Rows) -> None:
    """Raise SamplesError where an array is not one input's, with a batch axis or one entry a sample."""
    shape = spec.logical_shape
    if values.dtype.name != spec.logical_dtype:
        raise SamplesError(
            f"array '{spec.name}' is {values.dtype}, the model takes {spec.logical_dtype}",
            hint=f"save it with .astype('{spec.logical_dtype}')",
        )
    expected = shape if values.ndim == len(shape) + 1 else shape[1:]
    fits = len(values.shape[1:]) == len(expected) and all(
        isinstance(dim, str) or dim == size for dim, size in zip(expected, values.shape[1:], strict=True)
    )
    if not fits:
        wanted = ",".join(str(dim) for dim in shape)
        raise SamplesError(f"array '{spec.name}' has shape {list(values.shape)}, the model takes [{wanted}]")


def leading_axes(spec: TensorSpec, values: Rows) -> int:
    """1 where the samples' axis stands before the input's own axes; 0 where it is the input's batch axis."""
    return values.ndim - len(spec.shape)


def is_batch_axis(spec: TensorSpec, values: Rows, axis: int) -> bool:
    """True where an axis of an input is the one along which samples are stacked."""
    return axis == 0 and leading_axes(spec, values) == 0
