"""What a PyTorch model returns: its tensors by name, their types, and which sizes move. Runs in a worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from convertkit.artifacts.signature import Dim
from convertkit.errors import ModelFileError, SamplesError

Shapes = dict[str, tuple[str, tuple[int, ...]]]


def flatten_outputs(value: Any, name: str = "output") -> dict[str, torch.Tensor]:
    """Tensors of a forward pass by name: a dict's keys, `output` for one tensor, `output_<i>` for several."""
    if torch.is_tensor(value):
        return {name: value}
    if isinstance(value, dict):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, (tuple, list)):
        names = getattr(value, "_fields", None) or [f"{name}_{i}" for i in range(len(value))]
        items = list(zip(names, value, strict=True)) if len(value) > 1 else [(name, value[0])]
    elif value is None:
        return {}
    else:
        raise ModelFileError(f"the model returns a {type(value).__name__}, which no format has")
    flat: dict[str, torch.Tensor] = {}
    for key, item in items:
        flat |= flatten_outputs(item, key)
    return flat


def output_shapes(model: Callable[..., Any], arrays: list[Any]) -> Shapes:
    """dtype and shape of each output for these inputs.

    Raises:
        SamplesError: the model does not take them.
    """
    try:
        with torch.inference_mode():
            outputs = flatten_outputs(model(*(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays)))
    except (RuntimeError, TypeError, ValueError, IndexError, AssertionError) as error:
        shapes = ", ".join(f"{a.dtype}{list(a.shape)}" for a in arrays)
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise SamplesError(f"the model does not run on {shapes}: {reason.strip()[:200]}") from error
    return {
        name: (str(value.dtype).removeprefix("torch."), tuple(value.shape)) for name, value in outputs.items()
    }


def dynamic_shape(name: str, shape: tuple[int, ...], other: dict[str, Shapes]) -> tuple[Dim, ...]:
    """The shape with a word wherever it moves with a dynamic axis of the inputs."""
    dims: list[Dim] = list(shape)
    for axis, shapes in other.items():
        for index, size in enumerate(shapes[name][1]):
            if index < len(shape) and size != shape[index]:
                dims[index] = axis if isinstance(dims[index], int) else f"{dims[index]}_{axis}"
    return tuple(dims)
