"""The app's side: what is generated from any signature is whole, quoted, and reads its vectors back."""

from __future__ import annotations

import ast
import json
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convertkit.artifacts.pixels import Pixels
from convertkit.artifacts.signature import TensorSpec
from convertkit.config.run_settings import SampleOptions
from convertkit.kits.app import APP_KITS, write_app_kit
from convertkit.kits.identifiers import pascal
from convertkit.kits.rendering import kotlin_quoted
from convertkit.samples.images import load_images
from tests.kits.conftest import SIGNATURES, subject_of, tflite_file

OPEN = {")": "(", "]": "[", "}": "{"}


def balanced(code: str) -> bool:
    """True where brackets outside of texts and comments nest."""
    plain = re.sub(r'"(?:\\.|[^"\\\n])*"|//.*|/\*.*?\*/', "", code, flags=re.DOTALL if "/*" in code else 0)
    stack: list[str] = []
    for letter in plain:
        if letter in OPEN.values():
            stack.append(letter)
        elif letter in OPEN and (not stack or stack.pop() != OPEN[letter]):
            return False
    return not stack


@pytest.mark.parametrize("kind", APP_KITS)
def test_every_file_is_rendered_whole(kind: str, name: str, tmp_path: Path) -> None:
    out = tmp_path / "kit"
    write_app_kit(kind, subject_of(name, tmp_path), out)
    for file in out.rglob("*"):
        text = file.read_text(errors="replace") if file.is_file() else ""
        assert "{{" not in text, file
        assert "{%" not in text, file
        assert "__" not in file.name
        if file.suffix == ".py":
            ast.parse(text)
        if file.suffix == ".json":
            json.loads(text)
        if file.suffix in (".kt", ".swift", ".mjs", ".kts"):
            assert balanced(text), file
    assert tflite_file(*SIGNATURES[name]) in (out / APP_KITS[kind].model).read_bytes()


def test_names_stay_what_they_are_in_kotlin(tmp_path: Path) -> None:
    write_app_kit("android", subject_of("text", tmp_path), tmp_path / "kit")
    code = (tmp_path / "kit/src/main/kotlin/MyText.kt").read_text()
    assert "package com.example.my_text" in code
    assert 'Spec("input ids", "int64", 0.0, 0)' in code
    assert 'Spec("a\\"b\\$c", "int32", 0.0, 0)' in code
    assert "inputIds: MyTextTensor," in code
    write_app_kit("android", subject_of("quantized", tmp_path), tmp_path / "other")
    code = (tmp_path / "other/src/main/kotlin/MyQuantized.kt").read_text()
    assert 'Spec("StatefulPartitionedCall:0", "int8", 0.25, -3)' in code


def test_pictures_are_prepared_where_it_is_known_how(tmp_path: Path) -> None:
    file = "src/main/kotlin/My{}.kt"
    for name, is_known in (("image", True), ("state", False)):
        write_app_kit("android", subject_of(name, tmp_path), tmp_path / name)
        code = (tmp_path / name / file.format(pascal(name))).read_text()
        assert ("fun prepared(bitmap: Bitmap)" in code) is is_known
        assert ("import android.graphics.Bitmap" in code) is is_known
        assert ("val MEAN = floatArrayOf(0.5f)" in code) is is_known
        assert ("return intArrayOf(blue, green, red)" in code) is is_known


def test_bytes_of_pictures_are_left_as_they_are_where_the_model_normalises(tmp_path: Path) -> None:
    write_app_kit("android", subject_of("folded", tmp_path), tmp_path / "kit")
    code = (tmp_path / "kit/src/main/kotlin/MyFolded.kt").read_text()
    assert "values[at] = level.toByte()" in code
    assert "MyFoldedValues.Bytes(values)" in code
    assert "MEAN" not in code
    assert "@param image uint8 [batch, 8, 8, 3]" in code
    told = json.loads((tmp_path / "kit/src/main/assets/preprocessing.json").read_bytes())
    assert told["folded"] == {"white": 255.0, "mean": [0.5], "std": [0.25]}


def test_words_of_code() -> None:
    assert kotlin_quoted("$x\n") == '"\\$x\\n"'


def python_kit(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: object
) -> types.ModuleType:
    """The loader of a kit, on an interpreter that gives `answer`."""

    class Interpreter:
        def __init__(self, path: str, num_threads: int) -> None:
            assert Path(path).is_file()

        def get_signature_runner(self, key: str) -> object:
            assert key == "serving_default"
            return answer

    fake = types.ModuleType("ai_edge_litert.interpreter")
    fake.Interpreter = Interpreter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ai_edge_litert", types.ModuleType("ai_edge_litert"))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", fake)
    out = tmp_path / f"kit-{name}"
    write_app_kit("python", subject_of(name, tmp_path), out)
    module = types.ModuleType("model")
    module.__file__ = str(out / "model.py")
    exec(compile((out / "model.py").read_text(), "model.py", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, "model", module)
    return module


def vector_test(tmp_path: Path, name: str) -> types.ModuleType:
    module = types.ModuleType("test_model")
    file = tmp_path / f"kit-{name}" / "test_model.py"
    module.__file__ = str(file)
    exec(compile(file.read_text(), "test_model.py", "exec"), module.__dict__)
    return module


def test_the_vectors_are_a_test_that_passes_and_fails(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The artifact is played by its own vectors, as integers where it is quantized."""
    call = subject_of(name, tmp_path).vectors[0]
    specs = SIGNATURES[name][1]
    wrong = False

    def runner(**given: np.ndarray) -> dict[str, np.ndarray]:
        assert set(given) == {spec.runtime_name for spec in SIGNATURES[name][0]}
        assert all(given[spec.runtime_name].dtype == spec.dtype for spec in SIGNATURES[name][0])
        found = {}
        for spec in specs:
            values = call.outputs[spec.name] * (-1 if wrong else 1)
            if spec.scale:
                values = np.rint(values / spec.scale + (spec.zero_point or 0)).astype(spec.dtype)
            found[spec.runtime_name] = values
        return found

    python_kit(name, tmp_path, monkeypatch, runner)
    test = vector_test(tmp_path, name)
    test.test_vectors()
    wrong = True
    with pytest.raises(AssertionError):
        test.test_vectors()


def test_the_loader_prepares_images_as_the_samples_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (23, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    model = python_kit("image", tmp_path, monkeypatch, None)
    options = SampleOptions(resize=10, mean=(0.5,), std=(0.25,), color="bgr")
    samples = load_images(tmp_path, (TensorSpec("x", "float32", (1, 8, 8, 3)),), options)
    expected = samples.take([0])["x"]
    np.testing.assert_array_equal(model.image(tmp_path / "a.png"), expected)
    assert model.LABELS == ["cat", "dög"]
    bytes_of = python_kit("folded", tmp_path, monkeypatch, None)
    given = bytes_of.image(tmp_path / "a.png")
    assert (given.dtype, given.shape) == (np.uint8, (1, 8, 8, 3))
    np.testing.assert_array_equal(Pixels(255.0, (0.5,), (0.25,)).normalised(given), expected)
