"""SavedModels made from bytes, without TensorFlow: parts of saved_model.pb, and a model with all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def varint(value: int) -> bytes:
    """A number of seven bits to the byte."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def field(number: int, value: int | str | bytes) -> bytes:
    """A field: a number, or a text or message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def entry(key: str, value: bytes) -> bytes:
    """An entry of a map."""
    return field(1, key) + field(2, value)


def text(value: str) -> bytes:
    """An attribute that is a text."""
    return field(2, value)


def function_name(name: str) -> bytes:
    """An attribute that is a function."""
    return field(10, field(1, name))


def node(name: str, op: str, *inputs: str, **attrs: bytes) -> bytes:
    """A NodeDef."""
    parts = [field(1, name), field(2, op), *(field(3, given) for given in inputs)]
    return b"".join([*parts, *(field(5, entry(key, value)) for key, value in attrs.items())])


def call(name: str, function: str, *inputs: str) -> bytes:
    """A node that calls a function."""
    return node(name, "StatefulPartitionedCall", *inputs, f=function_name(function))


def function(name: str, arguments: Iterable[str], *nodes: bytes, more: bytes = b"") -> bytes:
    """A FunctionDef."""
    signature = field(1, name) + b"".join(field(2, field(1, argument)) for argument in arguments)
    return field(1, signature) + b"".join(field(3, one) for one in nodes) + more


def saver(filename: str = "saver_filename:0", save: str = "save:0", restore: str = "restore") -> bytes:
    """A SaverDef."""
    return field(1, filename) + field(2, save) + field(3, restore) + field(7, 2)


def signature(key: str, output: str) -> bytes:
    """An entry of the signatures with one output."""
    return entry(key, field(2, entry("y", field(1, output))))


def asset(tensor: str, filename: str) -> bytes:
    """An AssetFileDef."""
    return field(1, field(1, tensor)) + field(2, filename)


def node_list(key: str, *names: str) -> bytes:
    """A collection of nodes."""
    return entry(key, field(1, b"".join(field(1, name) for name in names)))


def bound(function: str, *objects: int) -> bytes:
    """An entry of the object graph's functions, with what is bound to their last arguments."""
    return entry(function, field(2, b"".join(map(varint, objects))))


ASSET_OBJECT = field(5, b"")
CONSTANT_OBJECT = field(9, field(1, "c"))

SERVE = function(
    "serve", ["x", "w"], node("product", "MatMul", "x", "w"), node("out", "Identity", "product:product:0")
)
SAVE = function(
    "traced_save",
    ["path", "w"],
    node("join", "StringJoin", "path", "part:output:0"),
    node("part", "Const"),
    node("sharded", "ShardedFilename", "join:output:0", "part:output:0", "part:output:0"),
    node("write", "SaveV2", "sharded:filename:0", "part:output:0", "part:output:0", "w"),
    node("merge", "MergeV2Checkpoints", "sharded:filename:0", "path", "^write"),
)
RESTORE = function(
    "traced_restore",
    ["path", "w"],
    node("names", "Const"),
    node("same", "Identity", "path"),
    node("read", "RestoreV2", "same:output:0", "names:output:0", "names:output:0"),
    node("assign", "AssignVariableOp", "w", "read:tensors:0"),
)
TABLE = function(
    "initialize",
    ["path", "table"],
    node("read", "InitializeTableFromTextFileV2", "table", "path"),
)
NODES = [
    node("x", "Placeholder"),
    node("w", "VarHandleOp", shared_name=text("w")),
    node("path", "Placeholder"),
    node("kept", "VarHandleOp", shared_name=text("kept")),
    node("keep", "AssignVariableOp", "kept", "path"),
    node("value", "ReadVariableOp", "kept", "^keep"),
    node("table", "HashTableV2"),
    call("fill", "initialize", "value", "table"),
    node("init", "NoOp", "^fill", "^keep"),
    call("y", "serve", "x", "w"),
    node("saver_filename", "Placeholder"),
    call("save", "traced_save", "saver_filename", "w"),
    call("restore", "traced_restore", "saver_filename", "w"),
]
FUNCTIONS = [SERVE, SAVE, RESTORE, TABLE]
SIGNATURES = [signature("serving_default", "y:0"), signature("__saved_model_init_op", "init")]
BINDINGS = [bound("initialize", 0, 1), bound("serve")]


def meta_graph(
    nodes: Iterable[bytes] = NODES,
    functions: Iterable[bytes] = FUNCTIONS,
    *,
    saver: bytes = saver(),
    signatures: Iterable[bytes] = SIGNATURES,
    assets: Iterable[bytes] = (asset("path:0", "vocabulary.txt"),),
    collections: Iterable[bytes] = (node_list("saved_model_main_op", "init"),),
    objects: Iterable[bytes] = (ASSET_OBJECT, CONSTANT_OBJECT),
    bindings: Iterable[bytes] = BINDINGS,
    more: bytes = b"",
) -> bytes:
    """A MetaGraphDef of these parts; as it stands, what tf.saved_model.save writes for a small model."""
    library = b"".join(field(1, one) for one in functions)
    graph = b"".join(field(1, one) for one in nodes) + field(2, library) + field(4, field(1, 2000))
    object_graph = b"".join(field(1, one) for one in objects) + b"".join(field(2, one) for one in bindings)
    parts = [field(1, field(4, "serve")), field(2, graph), field(3, saver), field(7, object_graph)]
    parts += [field(4, one) for one in collections]
    parts += [field(5, one) for one in signatures]
    parts += [field(6, one) for one in assets]
    return b"".join(parts) + more


def saved_model(*meta_graphs: bytes) -> bytes:
    """The content of saved_model.pb."""
    return field(1, 1) + b"".join(field(2, one) for one in meta_graphs or [meta_graph()])


def with_nodes(*more: bytes, **parts: Any) -> bytes:
    """The model with more nodes."""
    return meta_graph([*NODES, *more], **parts)


def with_functions(*functions: bytes, **parts: Any) -> bytes:
    """The model with these functions only."""
    return meta_graph(functions=functions, **parts)


def without(nodes: list[bytes], *names: str) -> list[bytes]:
    """Nodes without those of these names."""
    return [one for one in nodes if not any(one.startswith(field(1, name) + b"\x12") for name in names)]


def changed(function: bytes, *nodes: bytes) -> bytes:
    """A function with more nodes."""
    return function + b"".join(field(3, one) for one in nodes)
