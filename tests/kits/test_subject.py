"""What a kit is made of: which artifact, and its vectors as calls in its own axis order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import convertkit
from convertkit.artifacts.signature import TensorSpec
from convertkit.errors import MissingDependencyError, NotMeasuredError, UsageError
from convertkit.kits import subject as module
from convertkit.kits.subject import permuted, tensors_of
from convertkit.kits.write import write_kit
from tests.bundles.conftest import infer, make_run, quiet, whole
from tests.kits.conftest import IMAGE, STATE

__all__ = ["whole"]  # a fixture


def test_a_kit_of_a_run_whose_gate_failed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", status="failed")
    with pytest.raises(
        UsageError, match=r"did not pass: output 'scores': 3\.2 dB SQNR, below 20 dB"
    ) as error:
        write_kit(run, "python", tmp_path / "kit", quiet, only="tflite:int8", infer=infer)
    assert "convertkit report" in error.value.hint


def test_tensors_in_the_artifacts_own_order() -> None:
    image, state = tensors_of([IMAGE, STATE])
    assert (image.shape, image.axes, image.batch) == ((-1, 8, 8, 3), ("batch", 8, 8, 3), 0)
    assert (state.shape, state.batch) == ((2, -1, 4), 1)
    moved = TensorSpec("s", "float32", ("batch", 2, 4), axis_order=(1, 0, 2), batch_axis=1)
    assert tensors_of([moved])[0].batch == 0
    values = np.arange(3 * 8 * 8, dtype=np.float32).reshape(1, 3, 8, 8)
    assert permuted(values, IMAGE).shape == (1, 8, 8, 3)
    assert permuted(values, IMAGE)[0, 5, 6, 2] == values[0, 2, 5, 6]


def test_a_sample_is_given_its_batch_axis_again() -> None:
    assert module.whole(np.zeros((2, 4)), STATE, 1).shape == (2, 1, 4)
    assert module.whole(np.zeros((2, 4)), STATE, 3).shape == (2, 3, 4)
    assert module.whole(np.zeros((5, 2)), TensorSpec("x", "float32", ("rows", 2)), 1).shape == (5, 2)
    assert module.whole(np.zeros(()), TensorSpec("x", "float32", (), batch_axis=None), 1).shape == ()


def test_a_kit_of_a_run_and_of_its_bundle(whole: Path, tmp_path: Path) -> None:
    for source, out in ((whole.parent / "run", "one"), (whole, "two")):
        subject = write_kit(source, "python", tmp_path / out, quiet, name="cats", infer=infer)
        assert (subject.variant, subject.name, len(subject.vectors)) == ("tflite:int8", "cats", 4)
        assert subject.labels == ("cat", "dog")
        assert (tmp_path / out / "labels.txt").read_text() == "cat\ndog\n"
    one, two = (sorted(file.read_bytes() for file in (tmp_path / out).rglob("*.*")) for out in ("one", "two"))
    assert one == two


def test_in_python_a_kit_of_a_bundle_needs_no_runtime(whole: Path, tmp_path: Path) -> None:
    convertkit.kit(whole, "ios", tmp_path / "kit", only="tflite:float32")
    assert (tmp_path / "kit" / "Sources" / "Model140.swift").is_file()


def test_labels_that_fit_no_output(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("one\ntwo\nthree\n")
    with pytest.raises(UsageError, match="has 3 labels, and no output has 3 entries a row"):
        write_kit(whole, "python", tmp_path / "kit", quiet, labels=tmp_path / "labels", infer=infer)
    assert [path.name for path in tmp_path.iterdir()] == ["labels"]


def test_labels_of_ones_own(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("katze\nhund\n")
    for source in (make_run(tmp_path / "run"), whole):
        out = tmp_path / f"kit-of-{source.name}"
        subject = write_kit(source, "android", out, quiet, labels=tmp_path / "labels", infer=infer)
        assert subject.labels == ("katze", "hund")


def test_what_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with pytest.raises(UsageError, match="unknown kit 'andriod'"):
        write_kit(run, "andriod", tmp_path / "kit", quiet, infer=infer)
    with pytest.raises(UsageError, match="is not empty"):
        write_kit(run, "python", run, quiet, infer=infer)
    with pytest.raises(UsageError, match="ships no savedmodel"):
        write_kit(run, "tfserving", tmp_path / "kit", quiet, infer=infer)

    def nothing(*_: object) -> dict[str, object]:
        raise MissingDependencyError("not installed: ai-edge-litert")

    with pytest.raises(NotMeasuredError, match=r"nothing here runs model\.int8\.tflite"):
        write_kit(run, "python", tmp_path / "kit", quiet, infer=nothing)  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
