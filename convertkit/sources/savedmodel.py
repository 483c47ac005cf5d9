"""A SavedModel folder: plain files only, and no operator in its graph that touches files or calls Python.

Loading one runs graph code: tf.saved_model.load on such a file wrote another one.
"""

from __future__ import annotations

import mmap
import stat
from pathlib import Path

from convertkit.errors import ModelFileError
from convertkit.sources.source import Findings, Kind
from convertkit.sources.wording import listed, quoted, words

GRAPH_FILE = "saved_model.pb"
MAX_ENTRIES = 100_000
# Names as the graph spells them; one also finds those it begins (PyFunc: PyFuncStateless, EagerPyFunc).
# SaveV2, RestoreV2 and tables from asset files are part of every ordinary SavedModel.
REFUSED_OPERATORS = words("""
    WriteFile ReadFile MatchingFiles PyFunc WholeFileReader TextLineReader TFRecordReader
    FixedLengthRecordReader LMDBReader TextLineDataset TFRecordDataset FixedLengthRecordDataset SqlDataset
    LMDBDataset SaveDataset LoadDataset SnapshotDataset DatasetToTFRecord CacheDataset MatchingFilesDataset
    CreateSummaryFileWriter CreateSummaryDbWriter DebugIdentity DebugNanCount DebugNumericSummary
    DecodeProtoV2 GenerateBigQueryReaderPartitions BigQueryReader RemoteCall RpcCall
""")


def read(folder: Path) -> Findings:
    """Findings on a SavedModel folder.

    Raises:
        ModelFileError: it is none, or something in it is not a plain file or leads out of it.
    """
    graph = folder / GRAPH_FILE
    if not graph.is_file():
        hint = "give the folder that saved_model.pb lies in, or a model file"
        raise ModelFileError("a folder that is no SavedModel", hint=hint)
    check_entries(folder)
    if graph.stat().st_size == 0:
        raise ModelFileError("a SavedModel whose saved_model.pb is empty")
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
    """Reasons to refuse: operators that touch files or call Python, and paths that climb out.

    The bytes are searched for the bare names: a node that merely has such a name is refused as well.
    """
    with graph.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = [name for name in sorted(REFUSED_OPERATORS) if content.find(name.encode()) >= 0]
        if content.find(b"PrintV2") >= 0 and content.find(b"file://") >= 0:
            found.append("PrintV2 to a file")
        reasons = [f"its graph uses {listed(found)}"] if found else []
        if content.find(b"../") >= 0:
            reasons.append("its graph names a path with '..'")
    return tuple(reasons)
