"""The app's side: a folder for Python, Android, iOS or the web, with the vectors as its test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from convertkit.artifacts.files import copy_artifact
from convertkit.artifacts.formats import Format
from convertkit.kits.annotate import annotate
from convertkit.kits.identifiers import package, pascal
from convertkit.kits.rendering import render_folder
from convertkit.kits.subject import Subject, Tensor
from convertkit.kits.vector_file import write_vectors
from convertkit.report.report import write_json, write_whole
from convertkit.report.shipping import LABELS_FILE, PREPROCESSING_FILE

SIGNATURE_FILE = "signature.json"
PACKAGE = "com.example"


class AppKit(msgspec.Struct, frozen=True):
    """One kind of kit.

    Attributes:
        formats: that it can use, the best first.
        model: where the artifact goes.
        assets: where labels, signature and preprocessing go.
        vectors: where the vectors go.
    """

    formats: tuple[Format, ...]
    model: str
    assets: str
    vectors: str


APP_KITS = {
    "python": AppKit((Format.TFLITE,), "model.tflite", ".", "."),
    "android": AppKit(
        (Format.TFLITE,), "src/main/assets/model.tflite", "src/main/assets", "src/androidTest/assets"
    ),
    "ios": AppKit((Format.TFLITE,), "Resources/model.tflite", "Resources", "Tests/Resources"),
    "web": AppKit((Format.ONNX,), "model.onnx", ".", "."),
}


def write_app_kit(kind: str, subject: Subject, out: Path) -> None:
    """Write a kit into an empty folder.

    Raises:
        OSError: it cannot be written.
    """
    kit = APP_KITS[kind]
    (out / kit.model).parent.mkdir(parents=True, exist_ok=True)
    copy_artifact(subject.artifact, out / kit.model)
    if kit.model.endswith(".tflite"):
        annotate(subject, out / kit.model)
    write_assets(subject, out / kit.assets)
    write_vectors(subject, out / kit.vectors)
    render_folder(kind, out, names_of(subject))


def write_assets(subject: Subject, folder: Path) -> None:
    """Write what code reads beside the model: its tensors, labels and preprocessing."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {"variant": subject.variant, "inputs": subject.inputs, "outputs": subject.outputs}
    write_json(tensors, folder / SIGNATURE_FILE)
    if subject.labels:
        write_whole("".join(f"{label}\n" for label in subject.labels).encode(), folder / LABELS_FILE)
    if subject.preprocessing is not None:
        write_json(subject.preprocessing, folder / PREPROCESSING_FILE)


def names_of(subject: Subject) -> Mapping[str, Any]:
    """What the templates are rendered with."""
    image, size, is_last = image_of(subject)
    told = subject.preprocessing
    return {
        "name": subject.name,
        "class": pascal(subject.name),
        "package": f"{PACKAGE}.{package(subject.name)}",
        "variant": subject.variant,
        "inputs": subject.inputs,
        "outputs": subject.outputs,
        "inputs_json": plain(subject.inputs),
        "outputs_json": plain(subject.outputs),
        "labels": subject.labels,
        "preprocessing": told,
        "image": image,
        "image_size": size,
        "channels_last": is_last,
        "is_pixels": bool(told and told.folded and image and image.dtype == "uint8"),
    }


def plain(tensors: tuple[Tensor, ...]) -> str:
    """Name, key and type of tensors, as JSON."""
    return json.dumps([{"name": each.name, "key": each.key, "dtype": each.dtype} for each in tensors])


def image_of(subject: Subject) -> tuple[Tensor | None, tuple[int, int], bool]:
    """The image input of the artifact, height and width, and whether its channels are last."""
    told = subject.preprocessing
    image = next((each for each in subject.inputs if told is not None and each.name == told.input), None)
    if told is None or image is None or len(image.shape) != 4:
        return None, (0, 0), False
    is_last = image.shape[3] == (1 if told.color == "gray" else 3)
    height, width = image.shape[1:3] if is_last else image.shape[2:4]
    return image, (height, width), is_last
