"""The server's side: a folder for TensorFlow Serving, Triton, or a service of its own on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from convertkit.artifacts.files import copy_artifact
from convertkit.artifacts.formats import Format
from convertkit.kits.app import names_of, write_assets
from convertkit.kits.rendering import render_folder
from convertkit.kits.subject import Subject, Tensor
from convertkit.kits.vector_file import write_vectors
from convertkit.kits.warmup import warmup_file
from convertkit.report.report import write_whole

WARMUP = "assets.extra/tf_serving_warmup_requests"
LARGEST_BATCH = 32
TRITON_TYPES = {
    "float16": "TYPE_FP16", "float32": "TYPE_FP32", "float64": "TYPE_FP64", "bool": "TYPE_BOOL",
    "int8": "TYPE_INT8", "int16": "TYPE_INT16", "int32": "TYPE_INT32", "int64": "TYPE_INT64",
    "uint8": "TYPE_UINT8", "uint16": "TYPE_UINT16", "uint32": "TYPE_UINT32", "uint64": "TYPE_UINT64",
}  # fmt: skip
Place = Callable[[Subject, Path, int], None]


class ServerKit(msgspec.Struct, frozen=True):
    """One kind of kit.

    Attributes:
        formats: that it can use, the best first.
        place: puts the model where the server looks for it.
    """

    formats: tuple[Format, ...]
    place: Place


def write_server_kit(kind: str, subject: Subject, out: Path, version: int) -> None:
    """Write a kit into an empty folder.

    Args:
        version: of the model, a number as servers have it.

    Raises:
        OSError: it cannot be written.
    """
    SERVER_KITS[kind].place(subject, out, version)
    write_assets(subject, out / "client")
    write_vectors(subject, out / "client")
    render_folder(kind, out, serving_names(subject, version))


def place_tfserving(subject: Subject, out: Path, version: int) -> None:
    """`models/<name>/<version>/`, with the vectors' inputs as warm-up requests."""
    home = out / "models" / subject.name / str(version)
    home.parent.mkdir(parents=True)
    copy_artifact(subject.artifact, home)
    keys = {each.name: each.key for each in subject.inputs}
    (home / WARMUP).parent.mkdir(exist_ok=True)
    calls = [each.inputs for each in subject.vectors]
    write_whole(warmup_file(subject.name, calls, keys), home / WARMUP)


def place_triton(subject: Subject, out: Path, version: int) -> None:
    """`models/<name>/<version>/model.onnx`, or `model.savedmodel`."""
    home = out / "models" / subject.name / str(version)
    home.mkdir(parents=True)
    copy_artifact(subject.artifact, home / f"model{subject.artifact.suffix}")


def place_onnxruntime(subject: Subject, out: Path, version: int) -> None:
    """`model.onnx` beside the service."""
    copy_artifact(subject.artifact, out / "model.onnx")


SERVER_KITS = {
    "tfserving": ServerKit((Format.SAVEDMODEL,), place_tfserving),
    "triton": ServerKit((Format.ONNX, Format.SAVEDMODEL), place_triton),
    "onnxruntime": ServerKit((Format.ONNX,), place_onnxruntime),
}


def serving_names(subject: Subject, version: int) -> Mapping[str, Any]:
    """What the templates are rendered with."""
    batched = is_batched(subject)
    return {
        **names_of(subject),
        "version": version,
        "batch": LARGEST_BATCH if batched else 0,
        "backend": "onnxruntime" if subject.variant.startswith(Format.ONNX) else "tensorflow",
        "triton_inputs": [triton_tensor(each, is_batched=batched) for each in subject.inputs],
        "triton_outputs": [triton_tensor(each, is_batched=batched) for each in subject.outputs],
        "names_in": [(each.name, each.identifier) for each in subject.inputs],
        "names_out": [(each.name, each.identifier) for each in subject.outputs],
        "rows": all(each.batch == 0 for each in (*subject.inputs, *subject.outputs)),
    }


def is_batched(subject: Subject) -> bool:
    """True where a server may stack requests: the batch first and free, and more behind it, everywhere."""
    every = (*subject.inputs, *subject.outputs)
    return all(each.batch == 0 and len(each.shape) > 1 and each.shape[0] == -1 for each in every)


def triton_tensor(tensor: Tensor, *, is_batched: bool) -> dict[str, Any]:
    """Name, type and sizes as Triton has them: without the batch where it stacks requests itself."""
    dims = tensor.shape[1:] if is_batched else tensor.shape
    return {
        "key": tensor.key,
        "type": TRITON_TYPES[tensor.dtype],
        "dims": list(dims) or [1],
        "reshape": not dims,
    }
