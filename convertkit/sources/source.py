"""What inspection finds out about a model file, and the rule on what may be loaded."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import TensorSpec
from convertkit.errors import RefusedError


class Kind(StrEnum):
    """What a model file is, told by its content."""

    EXPORTED_PROGRAM = "exported-program"
    TORCHSCRIPT = "torchscript"
    STATE_DICT = "state-dict"
    SAFETENSORS = "safetensors"
    MODULE = "module"
    ONNX = "onnx"
    SAVEDMODEL = "savedmodel"
    TFLITE = "tflite"
    HUGGINGFACE = "huggingface"
    KERAS = "keras"


# What a runtime loads each kind as, where it is not torch.
FORMATS = {
    Kind.ONNX: Format.ONNX,
    Kind.SAVEDMODEL: Format.SAVEDMODEL,
    Kind.TFLITE: Format.TFLITE,
    Kind.KERAS: Format.KERAS,
}


class Findings(msgspec.Struct, frozen=True):
    """What the reader of one kind of file found, without running anything from it.

    Attributes:
        kind: what the file is, told by its content and not by its name.
        inputs: empty where the file cannot tell dtypes and shapes.
        outputs: empty where the file cannot tell the names.
        input_names: the inputs' names in order, also where nothing more is known of them.
        refusals: reasons why the file is, or may be, a program; empty means safe to load.
        ranges: dynamic axis name → smallest and largest size; None is no limit.
        details: what `inspect` shows: number of tensors and parameters, versions, classes.
        limits: integer input → what its values stay below, where the file tells.
        external: names of files beside it that hold some of its tensors (ONNX).
        images: settings of `sampling` that the file asks for where its samples are images.
    """

    kind: Kind
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    input_names: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    ranges: dict[str, tuple[int, int | None]] = {}
    details: dict[str, str] = {}
    limits: dict[str, int] = {}
    external: tuple[str, ...] = ()
    images: dict[str, Any] = {}


class SourceFile(Findings, frozen=True, kw_only=True):
    """A model file as inspection found it.

    Attributes:
        path: as it was given.
        format: the format that a runtime loads it as.
        sha256, size_bytes: of the file or folder (`convertkit.artifacts.digest`).
    """

    path: str
    format: Format
    sha256: str
    size_bytes: int


def check_trusted(source: SourceFile, *, allow_code: bool) -> None:
    """Refuse a file that is, or may be, a program.

    Args:
        source: what `inspect_source` found.
        allow_code: the user's consent to run what is in the file.

    Raises:
        RefusedError: there are reasons to refuse, and no consent.
    """
    if source.refusals and not allow_code:
        reasons = "; ".join(source.refusals)
        raise RefusedError(
            f"{source.path} is, or may be, a program: {reasons}",
            hint="--allow-code if you trust where it came from",
        )
