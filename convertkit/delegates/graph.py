"""The graphs of a `.tflite`, read field by field: what delegates ask of operators and tensors."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import msgspec

from convertkit.delegates.schema import CUSTOM, OPERATORS, OPTIONS, TYPES, Option
from convertkit.errors import ModelFileError
from convertkit.sources.flatbuffer import Table, root

MOST_VALUES = 64  # of a constant that is read: sizes, axes, paddings
INTEGERS = {"int32": 4, "int64": 8}


class Tensor(msgspec.Struct, frozen=True):
    """A tensor, or the value of a constant.

    Attributes:
        place: its number within the graph.
        type: `float32`, `int8`, …
        shape: as the file has it: a free axis is 1.
        is_constant: its values stand in the file.
        values: of a small constant of integers; None of all others.
        scales, zero_points, axis: its quantization; empty where there is none.
    """

    place: int
    name: str
    type: str
    shape: tuple[int, ...]
    is_constant: bool = False
    is_sparse: bool = False
    values: tuple[int, ...] | None = None
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    axis: int = 0

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return len(self.shape)


class Operator(msgspec.Struct, frozen=True):
    """One use of an operator.

    Attributes:
        kind: its name; a custom one's own name.
        inputs: None stands for an optional one that is not given.
        options: those that `schema.OPTIONS` names.
    """

    kind: str
    version: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Mapping[str, float]

    @property
    def given(self) -> tuple[Tensor, ...]:
        """Its inputs without those that are left out."""
        return tuple(tensor for tensor in self.inputs if tensor is not None)


class Graph(msgspec.Struct, frozen=True, dict=True):
    """A subgraph; its operators in the order of execution.

    Attributes:
        outputs: what it gives.
    """

    operators: tuple[Operator, ...]
    outputs: tuple[Tensor, ...] = ()

    @cached_property
    def producers(self) -> dict[int, int]:
        """Place of a tensor → place of the operator that gives it."""
        return {tensor.place: at for at, op in enumerate(self.operators) for tensor in op.outputs}

    @cached_property
    def consumers(self) -> dict[int, list[int]]:
        """Place of a tensor → places of the operators that take it."""
        found: dict[int, list[int]] = {}
        for at, operator in enumerate(self.operators):
            for tensor in operator.given:
                found.setdefault(tensor.place, []).append(at)
        return found


def read_graphs(path: Path) -> tuple[Graph, ...]:
    """All subgraphs of a `.tflite`, the main one first.

    Raises:
        ModelFileError: it is none, or an index in it leads to nothing.
    """
    try:
        with (
            path.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as content,
        ):
            return graphs_of(root(content))
    except (IndexError, ValueError):  # ValueError: an empty file cannot be mapped
        raise ModelFileError(f"{path} is a damaged TFLite file", hint="get it again") from None


def graphs_of(model: Table) -> tuple[Graph, ...]:
    """The subgraphs of a model."""
    kinds = [(kind_of(code), code.integer(2, 4, 1)) for code in model.tables(1)]
    buffers = list(model.tables(4))
    return tuple(graph_of(graph, kinds, buffers) for graph in model.tables(2))


def kind_of(code: Table) -> str:
    """An operator code's name; files before schema v3a keep its number in the deprecated byte."""
    number = max(code.integer(0, 1), code.integer(3, 4))
    if number == CUSTOM:
        return code.text(1)
    return OPERATORS[number] if number < len(OPERATORS) else f"operator {number}"


def graph_of(graph: Table, kinds: list[tuple[str, int]], buffers: list[Table]) -> Graph:
    """A subgraph with its operators."""
    tensors = [tensor_of(place, table, buffers) for place, table in enumerate(graph.tables(0))]
    operators = tuple(operator_of(table, kinds, tensors) for table in graph.tables(3))
    return Graph(operators, tuple(tensors[index] for index in graph.integers(2)))


def operator_of(table: Table, kinds: list[tuple[str, int]], tensors: list[Tensor]) -> Operator:
    """An operator with its tensors and options."""
    kind, version = kinds[table.integer(0, 4)]
    inputs = tuple(tensors[index] if index >= 0 else None for index in table.integers(1))
    outputs = tuple(tensors[index] for index in table.integers(2) if index >= 0)
    options = table.table(4)
    wanted = OPTIONS.get(kind, ())
    return Operator(kind, version, inputs, outputs, {one.name: option_of(options, one) for one in wanted})


def option_of(options: Table | None, option: Option) -> float:
    """The value of an option; its default where the operator has none."""
    if options is None:
        return option.default
    if option.form == "real":
        return options.real(option.field, option.default)
    size = 1 if option.form == "byte" else 4
    return options.integer(option.field, size, int(option.default), is_signed=True)


def tensor_of(place: int, table: Table, buffers: list[Table]) -> Tensor:
    """A tensor with what delegates ask of it."""
    quantization, number = table.table(4), table.integer(1, 1)
    kind = TYPES[number] if number < len(TYPES) else f"type {number}"
    buffer = buffers[table.integer(2, 4)]
    shape = table.integers(0)
    return Tensor(
        place=place,
        name=table.text(3),
        type=kind,
        shape=shape,
        is_constant=buffer.vector(0, 1)[1] > 0 or buffer.integer(1, 8) > 1,
        is_sparse=table.table(6) is not None,
        values=values_of(buffer, kind),
        scales=quantization.reals(2) if quantization else (),
        zero_points=quantization.integers(3, 8) if quantization else (),
        axis=quantization.integer(6, 4, is_signed=True) if quantization else 0,
    )


def values_of(buffer: Table, kind: str) -> tuple[int, ...] | None:
    """The values of a small constant of integers; None of all others."""
    size = INTEGERS.get(kind, 0)
    if not size or not 0 < buffer.vector(0, 1)[1] <= MOST_VALUES * size:
        return None
    start, count = buffer.vector(0, 1)
    view = buffer.content[start : start + count - count % size]
    return tuple(view.cast("i" if size == 4 else "q"))
