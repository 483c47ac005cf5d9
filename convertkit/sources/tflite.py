"""A .tflite file: a flatbuffer with the identifier TFL3, whose indices are checked before anything runs it.

An interpreter follows them without looking: files that are right by their schema, an index apart, end it.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator, Sequence
from typing import IO

import msgspec

from convertkit.errors import ModelFileError
from convertkit.sources.flatbuffer import Table, root
from convertkit.sources.source import Findings, Kind

IDENTIFIER = b"TFL3"
NONE = -1  # the index of an optional input that is not given
MOST_ELEMENTS = 1 << 40
# Builtin options (their type in the union) that name other subgraphs, and the fields that do.
CALLS = {16: (0,), 92: (0, 1), 93: (0, 1), 103: (0,)}
CALLS_2 = {6: (1,), 7: (6,), 13: (5,), 14: (2,), 15: (0, 1), 21: (1,)}


class Graph(msgspec.Struct, frozen=True):
    """A subgraph, and how many tensors it has."""

    table: Table
    name: str
    tensors: int


def looks_like(head: bytes) -> bool:
    """True where the identifier is in its place."""
    return head[4:8] == IDENTIFIER


def read(stream: IO[bytes], head: bytes, size: int) -> Findings:
    """Findings on a TFLite file.

    Raises:
        ModelFileError: its root table, or that table's list of fields, lies outside the file; or an index
            in it leads to nothing.
    """
    start = struct.unpack("<I", head[:4])[0]
    if not 8 <= start <= size - 4:
        raise ModelFileError("a truncated TFLite file")
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as content:
        check_indices(root(content))
    return Findings(Kind.TFLITE)


def check_indices(model: Table) -> None:
    """Raise ModelFileError for an index of the model that leads to nothing, or a graph that calls itself."""
    buffers, codes = model.vector(4, 4)[1], model.vector(1, 4)[1]
    graphs = [
        Graph(table, f"subgraph {place}", table.vector(0, 4)[1])
        for place, table in enumerate(model.tables(2))
    ]
    if not graphs:
        raise ModelFileError("a TFLite file without a graph")
    for graph in graphs:
        check_graph(graph, buffers, codes)
    for buffer in model.tables(4):
        check_buffer(buffer)
    for entry in model.tables(6):
        check("metadata", "buffer", [entry.integer(1, 4)], buffers)
    for signature in model.tables(7):
        place = signature.integer(4, 4)
        check("a signature", "subgraph", [place], len(graphs))
        named = [entry.integer(1, 4) for field in (0, 1) for entry in signature.tables(field)]
        check("a signature", "tensor", named, graphs[place].tensors)
    check_calls([list(calls_of(graph, len(graphs))) for graph in graphs])


def check_graph(graph: Graph, buffers: int, codes: int) -> None:
    """Check the tensors and operators of a subgraph."""
    for place, tensor in enumerate(graph.table.tables(0)):
        check(f"tensor {place} of {graph.name}", "buffer", [tensor.integer(2, 4)], buffers)
        check_shape(tensor, f"tensor {place} of {graph.name}")
    for field in (1, 2):
        check(graph.name, "tensor", graph.table.integers(field), graph.tensors)
    for place, operator in enumerate(graph.table.tables(3)):
        where = f"operator {place} of {graph.name}"
        check(where, "operator code", [operator.integer(0, 4)], codes)
        for field in (1, 2, 8):
            used = [index for index in operator.integers(field) if field == 2 or index != NONE]
            check(where, "tensor", used, graph.tensors)


def check(where: str, kind: str, indices: Sequence[int], count: int) -> None:
    """Raise ModelFileError for an index that none of `count` has."""
    for index in indices:
        if not 0 <= index < count:
            raise ModelFileError(f"a damaged TFLite file: {where} names {kind} {index} of {count}")


def check_shape(tensor: Table, where: str) -> None:
    """Raise ModelFileError for a shape that no memory holds, and for scales along no axis of it."""
    shape = tensor.integers(0)
    if any(size < -1 for size in shape) or math.prod(shape) > MOST_ELEMENTS:
        raise ModelFileError(f"a damaged TFLite file: {where} is of shape {list(shape)}")
    quantization = tensor.table(4)
    if quantization is None:
        return
    scales, axis = quantization.vector(2, 4)[1], quantization.integer(6, 4, is_signed=True)
    if scales > 1 and not (0 <= axis < len(shape) and shape[axis] == scales):
        raise ModelFileError(f"a damaged TFLite file: {where} has {scales} scales along axis {axis}")


def check_buffer(buffer: Table) -> None:
    """Raise ModelFileError for a buffer behind the flatbuffer that is not all in the file."""
    buffer.vector(0, 1)
    start, size = buffer.integer(1, 8), buffer.integer(2, 8)
    if start > 1 and start + size > len(buffer.content):
        raise ModelFileError("a TFLite file that leads out of itself", hint="it is damaged: get it again")


def calls_of(graph: Graph, count: int) -> Iterator[int]:
    """The subgraphs that a subgraph's operators call."""
    for place, operator in enumerate(graph.table.tables(3)):
        for kinds, field in ((CALLS, 3), (CALLS_2, 11)):
            options, kind = operator.table(field + 1), operator.integer(field, 1)
            if options is None or kind not in kinds:
                continue
            called = [options.integer(one, 4) for one in kinds[kind]]
            check(f"operator {place} of {graph.name}", "subgraph", called, count)
            yield from called


def check_calls(calls: list[list[int]]) -> None:
    """Raise ModelFileError where a subgraph leads back to itself: running it would never end."""
    open_ends = set(range(len(calls)))
    while ends := {place for place in open_ends if not open_ends.intersection(calls[place])}:
        open_ends -= ends
    if open_ends:
        raise ModelFileError(f"a damaged TFLite file: subgraph {min(open_ends)} calls itself")
