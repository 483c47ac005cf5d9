"""`inspect` and `convert` agree on every kind of file: what is said to be needed is, and is enough."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import handmade
import pytest
from handmade_savedmodel import saved_model
from test_huggingface import made as huggingface_folder
from test_keras_file import keras, layer

from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.cli import inspect as verb
from convertkit.errors import ConvertkitError, NoRouteError, RefusedError, UsageError
from convertkit.run.prepare import RunRequest, prepare
from convertkit.sources import Kind, inspect_source
from convertkit.words import worded_recipe
from convertkit.workers.answers import Described

EVIL = b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."
X = Signature((TensorSpec("x", "float32", ("batch", 3)),), ())
WORDS = {
    "--allow-code": {"allow_code": True},
    "--factory": {"factory": "models:net"},
    "--samples": {"inputs": ("image:float32[batch,3]",)},
}
FACTORY, SAMPLES, CODE = "--factory", "--samples", "--allow-code"


def written(content: bytes, name: str) -> Callable[[Path], Path]:
    """What writes a file of that name."""

    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def savedmodel(folder: Path) -> Path:
    """A SavedModel made from bytes."""
    (folder / "m.savedmodel" / "variables").mkdir(parents=True)
    (folder / "m.savedmodel" / "saved_model.pb").write_bytes(saved_model())
    (folder / "m.savedmodel" / "variables" / "variables.index").write_bytes(b"x")
    return folder / "m.savedmodel"


def huggingface(folder: Path) -> Path:
    """A folder of Hugging Face's with plain weights."""
    return huggingface_folder(folder, model__safetensors=handmade.safetensors())


def refused_folder(folder: Path) -> Path:
    """One whose weights are a program."""
    return huggingface_folder(folder, pytorch_model__bin=handmade.torch_zip(EVIL))


FILES: dict[str, tuple[Callable[[Path], Path], Kind, tuple[str, ...]]] = {
    "an exported program": (written(handmade.pt2(), "m.pt2"), Kind.EXPORTED_PROGRAM, ()),
    "TorchScript": (written(handmade.script(), "m.pt"), Kind.TORCHSCRIPT, (SAMPLES,)),
    "a state dict": (written(handmade.torch_zip(), "m.pt"), Kind.STATE_DICT, (FACTORY, SAMPLES)),
    "an old state dict": (written(handmade.legacy(), "m.pth"), Kind.STATE_DICT, (FACTORY, SAMPLES)),
    "a checkpoint": (
        written(handmade.torch_zip(handmade.NESTED), "m.ckpt"), Kind.STATE_DICT, (FACTORY, SAMPLES),
    ),
    "safetensors": (
        written(handmade.safetensors(), "m.safetensors"), Kind.SAFETENSORS, (FACTORY, SAMPLES),
    ),
    "a pickled program": (written(handmade.torch_zip(EVIL), "m.pt"), Kind.MODULE, (CODE, SAMPLES)),
    "ONNX": (written(handmade.ONNX, "m.onnx"), Kind.ONNX, ()),
    "a SavedModel": (savedmodel, Kind.SAVEDMODEL, ()),
    "a Keras file": (written(keras(layer("Dense")), "m.keras"), Kind.KERAS, ()),
    "a Keras file with a Lambda": (written(keras(layer("Lambda")), "m.keras"), Kind.KERAS, (CODE,)),
    "a Hugging Face folder": (huggingface, Kind.HUGGINGFACE, ()),
    "one with a pickle of a program": (refused_folder, Kind.HUGGINGFACE, (CODE,)),
}  # fmt: skip


def needed(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `inspect` says is needed; a parser's answer is made up."""
    monkeypatch.setattr(verb, "describe", lambda file: Described(X))
    return list(verb.needs(verb.complete(inspect_source(path))))


def planned(path: Path, options: tuple[str, ...]) -> str:
    """The format that the file is planned to be converted from, with these options."""
    words: dict[str, Any] = {}
    for option in options:
        words |= WORDS[option]
    allow_code = words.pop("allow_code", False)
    target = "savedmodel" if inspect_source(path).kind is Kind.KERAS else "tflite"
    recipe = worded_recipe(to=(target,) if target == "savedmodel" else ("tflite:float32",), **words)
    return str(prepare(RunRequest(path, recipe, allow_code=allow_code)).file.kind)


@pytest.mark.parametrize("name", FILES)
def test_what_is_needed_is_enough_and_none_of_it_can_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write, kind, options = FILES[name]
    path = write(tmp_path)
    assert [need.split()[0].rstrip(",") for need in needed(path, monkeypatch)] == list(options)
    assert planned(path, options) == kind
    for fewer in itertools.combinations(options, max(0, len(options) - 1)):
        if fewer != options:
            with pytest.raises((UsageError, RefusedError)):
                planned(path, fewer)


def test_a_tflite_file_is_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(handmade.TFLITE, "m.tflite")(tmp_path)
    (need,) = needed(path, monkeypatch)
    assert need.startswith("the model that it was made of: nothing is made of a .tflite")
    with pytest.raises(ConvertkitError) as caught:
        prepare(RunRequest(path, worded_recipe(to=("onnx",))))
    assert isinstance(caught.value, NoRouteError)
