"""A SavedModel folder: plain files only, and a graph of operators that compute and do nothing else.

Loading one runs graph code: tf.saved_model.load on a hostile file wrote another one.
"""

from __future__ import annotations

import mmap
import stat
from pathlib import Path

from convertkit.errors import ModelFileError
from convertkit.sources.protobuf_wire import Span, WireError, WireReader
from convertkit.sources.savedmodel_graph import MetaGraph
from convertkit.sources.savedmodel_messages import MESSAGES
from convertkit.sources.savedmodel_rules import refusals_of
from convertkit.sources.source import Findings, Kind
from convertkit.sources.wording import listed, quoted

GRAPH_FILE = "saved_model.pb"
# Other forms of the same file, which a loader may read in its place.
OTHER_GRAPH_FILES = ("saved_model.pbtxt", "saved_model.cpb")
MAX_ENTRIES = 100_000
MAX_GRAPH_BYTES = (1 << 31) - 1  # no protobuf parser takes more


def read(folder: Path) -> Findings:
    """Findings on a SavedModel folder.

    Raises:
        ModelFileError: it is none, or something in it is not a plain file or leads out of it.
    """
    graph = folder / GRAPH_FILE
    others = [name for name in OTHER_GRAPH_FILES if (folder / name).exists()]
    if others:
        hint = "save the model again, as saved_model.pb alone"
        raise ModelFileError(f"a SavedModel with a graph that is not read here: {listed(others)}", hint=hint)
    if not graph.is_file():
        hint = "give the folder that saved_model.pb lies in, or a model file"
        raise ModelFileError("a folder that is no SavedModel", hint=hint)
    check_entries(folder)
    size = graph.stat().st_size
    if size == 0:
        raise ModelFileError("a SavedModel whose saved_model.pb is empty")
    if size > MAX_GRAPH_BYTES:
        raise ModelFileError("a SavedModel whose saved_model.pb is larger than 2 GiB")
    return Findings(Kind.SAVEDMODEL, refusals=graph_refusals(graph))


def check_entries(folder: Path) -> None:
    """Only plain files and folders, and no link that leads out.

    Raises:
        ModelFileError: an entry is something else, or there are too many.
    """
    top = folder.resolve()
    for count, entry in enumerate(folder.rglob("*")):
        if count > MAX_ENTRIES:
            raise ModelFileError(f"a folder with more than {MAX_ENTRIES} files")
        if entry.is_symlink() and not entry.resolve().is_relative_to(top):
            raise ModelFileError(f"a SavedModel with a link that leads out of it: {quoted(entry.name)}")
        mode = entry.stat().st_mode if entry.exists() else 0
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise ModelFileError(f"a SavedModel with something that is no file: {quoted(entry.name)}")


def graph_refusals(graph: Path) -> tuple[str, ...]:
    """Reasons to refuse what saved_model.pb holds.

    Raises:
        ModelFileError: it is damaged, or readers could disagree on what it holds.
    """
    with graph.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            return content_refusals(WireReader(content, MESSAGES))
        except WireError as error:
            raise ModelFileError(f"a damaged SavedModel: {error}") from error


def content_refusals(reader: WireReader) -> tuple[str, ...]:
    """Reasons to refuse a SavedModel message, each once.

    Raises:
        WireError: it is none.
    """
    model = reader.read(Span(0, len(reader.data)), "SavedModel")
    reasons: dict[str, None] = {}
    for span in model.get("meta_graphs", ()):
        reasons.update(dict.fromkeys(refusals_of(MetaGraph(reader, span))))
    if not model.get("meta_graphs"):
        raise WireError("it holds no graph")
    if reader.unknown:
        reasons[f"fields that this check does not know: {listed(reader.unknown)}"] = None
    return tuple(reasons)
