"""Where an ONNX file keeps tensors in other files: all of them, wherever in it, and whether they may be read.

Read from the bytes, before any parser of ONNX's sees them; field numbers are those of onnx.proto.
"""

from __future__ import annotations

import contextlib
import mmap
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from convertkit.errors import ModelFileError
from convertkit.sources.protobuf_wire import Found, Span, TruncatedError, WireError, WireReader, message_table

MESSAGES = message_table("""
Model: 7 graph Graph, 25 functions Function*
Graph: 1 node Node*, 5 initializer Tensor*, 15 sparse_initializer Sparse*
Function: 7 node Node*
Node: 5 attribute Attribute*
Attribute: 5 t Tensor, 6 g Graph, 10 tensors Tensor*, 11 graphs Graph*, 22 sparse Sparse, 23 sparses Sparse*
Sparse: 1 values Tensor, 2 indices Tensor
Tensor: 8 name text, 13 external_data Entry*
Entry: 1 key text, 2 value text
""")
FIELDS = {
    "Model": (("graph", "Graph"), ("functions", "Function")),
    "Graph": (("node", "Node"), ("initializer", "Tensor"), ("sparse_initializer", "Sparse")),
    "Function": (("node", "Node"),),
    "Node": (("attribute", "Attribute"),),
    "Attribute": (
        ("t", "Tensor"),
        ("g", "Graph"),
        ("tensors", "Tensor"),
        ("graphs", "Graph"),
        ("sparse", "Sparse"),
        ("sparses", "Sparse"),
    ),
    "Sparse": (("values", "Tensor"), ("indices", "Tensor")),
}
HINT = "the tensors of a model lie beside it: export it anew, or copy them there"
LARGEST_NUMBER = 1 << 62


def external_files(path: Path) -> tuple[str, ...]:
    """Names of the files with tensors of an ONNX file, relative to its folder, sorted.

    Every one is a regular file below the folder, reached by no link, and holds what is asked of it.

    Raises:
        ModelFileError: one is not, or parsers could read the file differently.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream, contextlib.closing(mapped(stream.fileno())) as data:
        reader = WireReader(data, MESSAGES)
        try:
            entries = [entries_of(reader, tensor) for tensor in tensors(reader)]
        except TruncatedError:
            return ()  # the checker of ONNX says so in the worker, and reads no other file
        except WireError as error:
            raise ModelFileError(f"not a valid ONNX model: {error}") from None
    found = [each for each in entries if each]
    for entry in found:
        check_entry(path.parent, entry)
    return tuple(sorted({entry["location"] for entry in found}))


def mapped(descriptor: int) -> mmap.mmap:
    """The file's bytes, none of them read yet."""
    return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)


def tensors(reader: WireReader) -> Iterator[Found]:
    """Every tensor of the file: initializers, attributes, those of subgraphs, functions and sparse ones."""
    waiting = [(Span(0, len(reader.data)), "Model")]
    while waiting:
        span, message = waiting.pop()
        found = reader.read(span, message)
        if message == "Tensor":
            yield found
        for field, kind in FIELDS.get(message, ()):
            waiting += [(inner, kind) for inner in found.get(field, ())]


def entries_of(reader: WireReader, tensor: Found) -> dict[str, str]:
    """What a tensor says of the file that holds it; empty where it holds its values itself.

    Raises:
        WireError: it says a thing twice.
    """
    entries: dict[str, str] = {}
    for entry in reader.each(tensor, "external_data", "Entry"):
        key = reader.only(entry, "key")
        if key in entries:
            raise WireError(f"a tensor names its {key} twice")
        entries[key] = reader.only(entry, "value")
    if entries:
        entries.setdefault("location", "")
        entries["tensor"] = reader.only(tensor, "name")
    return entries


def check_entry(folder: Path, entry: dict[str, str]) -> None:
    """See that a tensor lies in a regular file of the folder, whole.

    Raises:
        ModelFileError: it does not.
    """
    location, name = entry["location"], entry["tensor"]
    where = f"external data of tensor '{name}' in '{location}'"
    parts = PurePosixPath(location).parts
    if not parts or location.startswith("/") or ".." in parts or "\0" in location or "\\" in location:
        raise ModelFileError(f"{where}: not a path below the model's folder", hint=HINT)
    for depth in range(1, len(parts) + 1):
        if folder.joinpath(*parts[:depth]).is_symlink():
            raise ModelFileError(f"{where}: reached by a link", hint=HINT)
    try:
        status = (folder / location).stat()
    except (OSError, ValueError):
        raise ModelFileError(f"{where}: no such file", hint=HINT) from None
    if not stat.S_ISREG(status.st_mode):
        raise ModelFileError(f"{where}: not a file", hint=HINT)
    offset, length = number(entry, "offset", where), number(entry, "length", where)
    if offset + length > status.st_size:
        raise ModelFileError(f"{where}: the file ends before it", hint=HINT)


def number(entry: dict[str, str], key: str, where: str) -> int:
    """A number of bytes, 0 where none is given.

    Raises:
        ModelFileError: it is none.
    """
    text = entry.get(key, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < LARGEST_NUMBER):
        raise ModelFileError(f"{where}: its {key} is '{text[:20]}', not a number of bytes", hint=HINT)
    return int(text)
