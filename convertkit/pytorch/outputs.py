"""What a PyTorch model returns: its tensors by name, their types, and which sizes move. Runs in a worker."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils import _pytree

from convertkit.artifacts.signature import Dim
from convertkit.causes import caused
from convertkit.errors import ModelFileError, SamplesError
from convertkit.pytorch.casts import edge_type

AXES_HINT = "if a type or an axis is read wrongly, tell it: --input 'NAME:DTYPE[d0,d1,…]'"
TENSORS_HINT = "return tensors alone: leave the rest out, or make torch.tensor of it"
PARTS = ("_real", "_imag")
Shapes = dict[str, tuple[str, tuple[int, ...]]]


def flatten_outputs(value: Any, name: str = "output") -> dict[str, torch.Tensor]:
    """Tensors of a forward pass by name: a dict's keys, `output` for one tensor, `output_<i>` for several.

    Names that several tensors would have become paths: `small.cls` of nested dicts,
    `0.out` of a list of dicts. A complex tensor is two: `<name>_real` and `<name>_imag`.

    Raises:
        ModelFileError: there is something else than tensors in it.
    """
    leaves = [part for leaf in named_leaves(value, name, ()) for part in parts_of(leaf)]
    return dict(zip(unique_names(leaves), (leaf.tensor for leaf in leaves), strict=True))


class Leaf(NamedTuple):
    """A tensor within what a model returned, its plain name, and the keys that lead to it."""

    name: str
    path: tuple[str, ...]
    tensor: torch.Tensor


def parts_of(leaf: Leaf) -> list[Leaf]:
    """A leaf itself, or the real and the imaginary part of a complex one."""
    if not leaf.tensor.is_complex():
        return [leaf]
    pairs = torch.view_as_real(leaf.tensor)
    path = leaf.path or (leaf.name,)
    return [
        Leaf(leaf.name + part, (*path[:-1], path[-1] + part), pairs[..., number])
        for number, part in enumerate(PARTS)
    ]


def complex_names(value: Any) -> list[str]:
    """Plain names of the complex tensors in what a model returned."""
    return [leaf.name for leaf in named_leaves(value, "output", ()) if leaf.tensor.is_complex()]


def named_leaves(value: Any, name: str, path: tuple[str, ...]) -> Iterator[Leaf]:
    """Every tensor in a structure, in its order."""
    if torch.is_tensor(value):
        yield Leaf(name, path, value)
    elif value is not None:
        for key, inner, item in members(value, name):
            yield from named_leaves(item, inner, (*path, key))


def members(value: Any, name: str) -> list[tuple[str, str, Any]]:
    """Key, plain name and value of each part of a structure.

    Raises:
        ModelFileError: it is no structure.
    """
    if isinstance(value, dict):
        return [(str(key), str(key), item) for key, item in value.items()]
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return [(each, each, getattr(value, each)) for each in names]
    if not isinstance(value, tuple | list):
        raise ModelFileError(
            f"the model returns {type(value).__name__} among its outputs, which no format has",
            hint=TENSORS_HINT,
        )
    if len(value) == 1:
        return [("0", name, value[0])]
    fields = getattr(value, "_fields", None)
    if fields:
        return [(field, field, item) for field, item in zip(fields, value, strict=True)]
    return [(str(i), f"{name}_{i}", item) for i, item in enumerate(value)]


def is_flat(value: Any) -> bool:
    """True for a tensor, and for a structure of nothing but tensors."""
    return torch.is_tensor(value) or all(torch.is_tensor(item) for _, _, item in members(value, ""))


def register_dataclasses(model: Callable[..., Any], inputs: tuple[torch.Tensor, ...]) -> None:
    """Make the dataclasses that a model returns known to torch.export, by one call of the model."""
    with torch.inference_mode():
        waiting = [model(*inputs)]
    while waiting:
        value = waiting.pop()
        is_known = isinstance(value, dict) or type(value) in _pytree.SUPPORTED_NODES
        if dataclasses.is_dataclass(value) and not is_known:
            torch.export.register_dataclass(type(value))
        if not torch.is_tensor(value) and value is not None:
            waiting += [item for _, _, item in members(value, "")]


def unique_names(leaves: list[Leaf]) -> list[str]:
    """A name for each leaf: the plain one where it is the only one of that name, else its path."""
    tally = Counter(leaf.name for leaf in leaves)
    taken = {name for name, number in tally.items() if number == 1}
    names: list[str] = []
    for leaf in leaves:
        names.append(leaf.name if tally[leaf.name] == 1 else numbered(".".join(leaf.path), taken))
        taken.add(names[-1])
    return names


def numbered(name: str, taken: set[str]) -> str:
    """The name, with the first number behind it that makes it one that is not taken."""
    tries = (f"{name}_{number}" if number else name for number in count())
    return next(each for each in tries if each not in taken)


def run_once(model: Callable[..., Any], arrays: list[Any]) -> dict[str, torch.Tensor]:
    """Copies of the outputs for these inputs.

    Raises:
        SamplesError: the model does not take them.
    """
    try:
        with torch.inference_mode():
            outputs = flatten_outputs(model(*(torch.from_numpy(np.asarray(a, order="C")) for a in arrays)))
            return {name: value.clone() for name, value in outputs.items()}
    except (RuntimeError, TypeError, ValueError, IndexError, AssertionError) as error:
        shapes = ", ".join(f"{a.dtype}{list(a.shape)}" for a in arrays)
        raise SamplesError(
            f"the model does not run on {shapes}: {caused(error)[:200]}", hint=AXES_HINT
        ) from error


def shapes_of(outputs: dict[str, torch.Tensor]) -> Shapes:
    """dtype and shape of each output."""
    return {name: (edge_type(value.dtype), tuple(value.shape)) for name, value in outputs.items()}


def named_apart(values: dict[str, torch.Tensor], inputs: Collection[str]) -> dict[str, torch.Tensor]:
    """The outputs, those called as an input is under `<name>_out`: an ONNX graph has one value of a name."""
    taken = {*inputs, *values}
    apart: dict[str, torch.Tensor] = {}
    for name, value in values.items():
        if name in inputs:
            while name in taken:
                name += "_out"
            taken.add(name)
        apart[name] = value
    return apart


def output_shapes(model: Callable[..., Any], arrays: list[Any], inputs: Collection[str] = ()) -> Shapes:
    """dtype and shape of each output for these arrays; `inputs` are the names that outputs may not have.

    Raises:
        SamplesError: the model does not take them.
    """
    return shapes_of(named_apart(run_once(model, arrays), inputs))


def dynamic_shape(name: str, shape: tuple[int, ...], other: dict[str, Shapes]) -> tuple[Dim, ...]:
    """The shape with a word wherever it moves with a dynamic axis of the inputs."""
    dims: list[Dim] = list(shape)
    for axis, shapes in other.items():
        for index, size in enumerate(shapes[name][1]):
            if index < len(shape) and size != shape[index]:
                dims[index] = axis if isinstance(dims[index], int) else f"{dims[index]}_{axis}"
    return tuple(dims)
