"""The graph of a SavedModel as saved_model.pb has it: nodes, functions, and who mentions whom."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TypeVar

import msgspec

from convertkit.sources.protobuf_wire import Span, WireError, WireReader
from convertkit.sources.savedmodel_names import collection_nodes, node_name, read_asset, signature_nodes


class Node(msgspec.Struct, frozen=True):
    """A node of the graph or of a function.

    Attributes:
        inputs: data inputs `name`, `name:0` or `name:output:0`; control inputs `^name`.
        attrs: where its attributes lie.
        span: where all of it lies.
    """

    name: str
    op: str
    inputs: list[str]
    attrs: list[Span]
    span: Span

    @property
    def data_inputs(self) -> list[str]:
        """Its inputs without control inputs."""
        return [name for name in self.inputs if not name.startswith("^")]


class Function(msgspec.Struct, frozen=True):
    """A function of the graph's library; `arguments` are its inputs' names, none if one is a list."""

    name: str
    arguments: list[str]
    nodes: dict[str, Node]
    span: Span

    def node_at(self, position: int) -> Node | None:
        """The node that a byte of the file belongs to."""
        return next((n for n in self.nodes.values() if n.span.start <= position < n.span.end), None)


class MetaGraph:
    """One of a SavedModel's graphs, and what names its nodes.

    Attributes:
        nodes, functions: by name.
        saver: names of the nodes that take the checkpoint's path, that save, and that restore.
        signatures, collections: names of the nodes that these mention.
        initializer: nodes that only the loader's first run fetches.
        assets: (node that the loader gives the path, file name) of every asset.
        objects: where the object graph lies, if there is one.
    """

    def __init__(self, reader: WireReader, span: Span) -> None:
        self.reader, self.span = reader, span
        found = reader.read(span, "MetaGraphDef")
        graph = reader.one(found, "graph_def", "GraphDef")
        library = reader.one(graph, "library", "FunctionDefLibrary")
        self.nodes = read_nodes(reader, graph.get("node", ()))
        self.functions = by_name(read_function(reader, span) for span in library.get("function", ()))
        saver = reader.one(found, "saver_def", "SaverDef")
        self.filename, self.save, self.restore = (
            node_name(reader.only(saver, key))
            for key in ("filename_tensor_name", "save_tensor_name", "restore_op_name")
        )
        self.signatures, self.initializer = signature_nodes(reader, found)
        self.collections, assets = collection_nodes(reader, found)
        self.assets = assets + [
            read_asset(reader, a) for a in reader.each(found, "asset_file_def", "AssetFileDef")
        ]
        self.objects = next(iter(found.get("object_graph_def", ())), None)

    @cached_property
    def _places(self) -> list[tuple[Span, Node | Function]]:
        places = [(place.span, place) for table in (self.nodes, self.functions) for place in table.values()]
        return sorted(places, key=lambda place: place[0])

    @cached_property
    def _starts(self) -> list[int]:
        return [span.start for span, _ in self._places]

    def place_of(self, position: int) -> Node | Function | None:
        """The node or function that a byte belongs to; None outside of all."""
        index = bisect_right(self._starts, position) - 1
        if index < 0 or position >= self._places[index][0].end:
            return None
        return self._places[index][1]

    def mentions(self, name: str) -> Iterator[int]:
        """Where a function's name occurs as bytes, whatever it means there, but not within another's name."""
        needle = encoded(name)
        longer = [prefixed(encoded(other)) for other in self.functions if name in other and name != other]
        for position in self.reader.positions(needle, self.span):
            if not any(self._is_within(position, needle, text) for text in longer):
                yield position

    def _is_within(self, position: int, needle: bytes, text: bytes) -> bool:
        """True where a longer text, its length before it, covers the bytes at the position."""
        offset = text.find(needle)
        while offset >= 0:
            start = position - offset
            if start >= self.span.start and self.reader.data[start : start + len(text)] == text:
                return True
            offset = text.find(needle, offset + 1)
        return False

    def ancestors(self, roots: Iterable[str]) -> set[str]:
        """Names of the nodes that run when these are fetched, themselves among them."""
        found: set[str] = set()
        waiting = [name for name in roots if name in self.nodes]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                inputs = map(node_name, self.nodes[name].inputs)
                waiting += [given for given in inputs if given in self.nodes]
        return found

    def attribute(self, node: Node, key: str) -> list[str]:
        """The texts that an attribute of the node holds; one that is no text counts as ''."""
        values = []
        for span in node.attrs:
            entry = self.reader.read(span, "AttrEntry")
            if self.reader.only(entry, "key") == key:
                value = self.reader.one(entry, "value", "AttrValue")
                values.append(self.reader.only(value, "s") if value.keys() == {"s"} else "")
        return values


def encoded(name: str) -> bytes:
    """The bytes of a name as the file has them."""
    return name.encode("utf-8", "surrogateescape")


def prefixed(text: bytes) -> bytes:
    """A text behind its length, written the shortest way: no shorter text ends its own length so."""
    size, length = len(text), b""
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return length + bytes([size]) + text


def read_nodes(reader: WireReader, spans: Iterable[Span]) -> dict[str, Node]:
    """Nodes by name.

    Raises:
        WireError: two have one name.
    """
    return by_name(read_node(reader, span) for span in spans)


def read_node(reader: WireReader, span: Span) -> Node:
    """One node."""
    found = reader.read(span, "NodeDef")
    attrs = found.get("attr", [])
    return Node(
        reader.only(found, "name"), reader.only(found, "op"), reader.texts(found, "input"), attrs, span
    )


def read_function(reader: WireReader, span: Span) -> Function:
    """One function of the library."""
    found = reader.read(span, "FunctionDef")
    signature = reader.one(found, "signature", "OpDef")
    given = list(reader.each(signature, "input_arg", "ArgDef"))
    is_list = any("number_attr" in argument or "type_list_attr" in argument for argument in given)
    arguments = [] if is_list else [reader.only(argument, "name") for argument in given]
    nodes = read_nodes(reader, found.get("node_def", ()))
    return Function(reader.only(signature, "name"), arguments, nodes, span)


T = TypeVar("T", Node, Function)


def by_name(named: Iterable[T]) -> dict[str, T]:
    """Nodes or functions by name.

    Raises:
        WireError: one has no name, or two have the same.
    """
    table: dict[str, T] = {}
    for one in named:
        if not one.name or one.name in table:
            raise WireError("two nodes or functions of one name")
        table[one.name] = one
    return table
