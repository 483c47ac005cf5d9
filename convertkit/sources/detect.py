"""What a model file is, told by its content; and why a file that is none cannot be used."""

from __future__ import annotations

import difflib
import os
import re
import stat
import struct
import zlib
from pathlib import Path
from typing import IO

import msgspec

from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.formats import Format
from convertkit.errors import ConvertkitError, ModelFileError
from convertkit.sources import (
    exported_program,
    huggingface,
    keras_file,
    onnx_external,
    onnx_file,
    safetensors_file,
    savedmodel,
    state_dict,
    tflite,
    torchscript,
)
from convertkit.sources.archive import Archive, ArchiveError
from convertkit.sources.source import FORMATS, Findings, Kind, SourceFile
from convertkit.sources.strangers import refuse_folders, refuse_strangers

HEAD_BYTES = 1024
# Reading bytes from a stranger goes wrong in these ways; whatever else is raised is a bug of ours.
PARSE_ERRORS = (
    ArchiveError, ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError,
    EOFError, MemoryError, NotImplementedError, SyntaxError, struct.error, zlib.error,
)  # fmt: skip
SAFETENSORS = ".safetensors"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")
KNOWN_SUFFIXES = (".pt", ".pth", ".pt2", ".ckpt", ".bin", ".onnx", ".tflite", ".keras", ".h5", SAFETENSORS)


def inspect_source(path: Path) -> SourceFile:
    """What a model file is, without running anything from it.

    Args:
        path: a file, or a SavedModel folder.

    Raises:
        ModelFileError: it is missing, damaged, or no model file.
    """
    try:
        findings = read_folder(path) if path.is_dir() else read_file(path)
        sha256, size = hash_path(path)
    except ConvertkitError as error:
        raise ModelFileError(f"{path}: {error.message}", hint=error.hint) from error
    except OSError as error:
        raise ModelFileError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    except PARSE_ERRORS as error:
        told = str(error) if isinstance(error, ArchiveError) else "a damaged model file"
        raise ModelFileError(f"{path}: {told}") from error
    return SourceFile(
        path=str(path),
        format=FORMATS.get(findings.kind, Format.TORCH),
        sha256=sha256,
        size_bytes=size,
        **msgspec.structs.asdict(findings),
    )


def read_folder(path: Path) -> Findings:
    """Findings on a folder: a SavedModel, or one of Hugging Face's.

    Raises:
        ModelFileError: it is neither, or cannot be used.
    """
    if not (path / savedmodel.GRAPH_FILE).exists() and huggingface.looks_like(path):
        return huggingface.read(path)
    if not any((path / name).exists() for name in (savedmodel.GRAPH_FILE, *savedmodel.OTHER_GRAPH_FILES)):
        refuse_folders(path)
    return savedmodel.read(path)


def read_file(path: Path) -> Findings:
    """Findings on a file.

    Raises:
        ModelFileError: it cannot be used.
        OSError: it cannot be read.
    """
    if not path.exists():
        raise absent(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise ModelFileError("not a file")
    if not os.access(path, os.R_OK):
        raise ModelFileError("permission denied")
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(HEAD_BYTES)
        stream.seek(0)
        if not is_own_name(path):
            refuse_strangers(head, path)
        refuse_other_files(head, path.suffix.lower())
        findings = read_kind(stream, head, size, path.suffix.lower())
    if findings.kind is Kind.ONNX:
        findings = msgspec.structs.replace(findings, external=onnx_external.external_files(path))
    return note_wrong_name(findings, path)


def absent(path: Path) -> ModelFileError:
    """What to say of a path that is not there, which may be a name on the Hugging Face hub."""
    name = str(path)
    if HUB_NAME.fullmatch(name) and path.suffix.lower() not in KNOWN_SUFFIXES and not path.parent.exists():
        return hub_error(name)
    if HUB_NAME.fullmatch(name) and "/" not in name and not path.suffix:
        return hub_error(name)
    return ModelFileError("no such file", hint=near(path))


def near(path: Path) -> str:
    """What a path that is not there may have meant; or that its folder is not there either."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return ""
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.parent / close[0]}?" if close else f"nothing in {path.parent} is called so"


def hub_error(name: str) -> ModelFileError:
    """How to get the folder of a model on the hub: nothing is fetched here."""
    folder = name.rpartition("/")[2]
    return ModelFileError(
        "there is no such folder here, and nothing is fetched from the Hugging Face hub",
        hint=f"run: hf download {name} --local-dir {folder}; then give the folder, {folder}",
    )


def is_own_name(path: Path) -> bool:
    """True for a name that promises a model that is read here."""
    return path.suffix.lower() in KNOWN_SUFFIXES and path.suffix.lower() != ".bin"


def read_kind(stream: IO[bytes], head: bytes, size: int, suffix: str) -> Findings:
    """Findings of the reader whose kind of file this is."""
    if head.startswith(b"PK"):
        return read_zip(Archive(stream), suffix)
    if head.startswith(keras_file.HDF5):
        return keras_file.read_hdf5()
    if tflite.looks_like(head):
        return tflite.read(stream, head, size)
    if safetensors_file.looks_like(head):
        return safetensors_file.read(stream, size)
    if head[0] == 0x80:
        return state_dict.read_legacy(stream)
    if onnx_file.looks_like(head, suffix):
        return onnx_file.read()
    return read_text(stream, head)


def read_zip(archive: Archive, suffix: str) -> Findings:
    """Findings on an archive: an exported program, TorchScript, or a file of torch.save."""
    if exported_program.looks_like(archive):
        return exported_program.read(archive)
    if torchscript.looks_like(archive):
        return torchscript.read(archive)
    if "data.pkl" in archive:
        return state_dict.read_zip(archive)
    if suffix == ".keras" or "model.weights.h5" in archive:
        return keras_file.read_zip(archive)
    raise ModelFileError(
        "a zip archive, but not one that torch wrote", hint="unpack it, and give the model file"
    )


def read_text(stream: IO[bytes], head: bytes) -> Findings:
    """A text may still be a pickle of protocol 0; else it is no model.

    Raises:
        ModelFileError: it is no model.
    """
    findings = state_dict.scan_text(stream)
    if findings is not None:
        return findings
    if head.lstrip()[:1] in (b"{", b"["):
        raise ModelFileError("a JSON file, not a model")
    if is_text(head):
        raise ModelFileError("a text file, not a model")
    raise ModelFileError(
        "no model file that is known here", hint="known: .pt2 .pt .safetensors .onnx .tflite"
    )


def refuse_other_files(head: bytes, suffix: str) -> None:
    """Files that stand in a model's place, each told by its own words.

    Raises:
        ModelFileError: the file is one of them.
    """
    start = head.lstrip().lower()
    if not head:
        raise ModelFileError("an empty file")
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        raise ModelFileError("a git-lfs pointer, not the model itself", hint="run: git lfs pull")
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<body")) or b"<html" in start[:512]:
        told = "an HTML page, not a model: the download was probably a login or error page"
        raise ModelFileError(told)
    if start.startswith(b"<?xml"):
        raise ModelFileError("an XML file, not a model: the download was probably an error message")
    if suffix == ".keras" and not head.startswith((b"PK", keras_file.HDF5)):
        raise ModelFileError("no Keras file, although it is called one", hint="save it again: model.save")
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")):
        raise ModelFileError("a compressed file", hint="unpack it, and give the model file")
    if head[257:262] == b"ustar":
        raise ModelFileError("a tar archive", hint="unpack it, and give the model file")


def is_text(head: bytes) -> bool:
    """True where the bytes are UTF-8 without control characters."""
    text = head.decode("utf-8", "ignore")
    return len(text.encode()) > len(head) - 4 and all(c.isprintable() or c in "\r\n\t" for c in text)


def note_wrong_name(findings: Findings, path: Path) -> Findings:
    """Refuse a file that is called .safetensors and is something else: the name promises data."""
    if path.suffix.lower() != SAFETENSORS or findings.kind is Kind.SAFETENSORS:
        return findings
    reason = f"it is named {SAFETENSORS} but is a {findings.kind} file"
    return msgspec.structs.replace(findings, refusals=(reason, *findings.refusals))
