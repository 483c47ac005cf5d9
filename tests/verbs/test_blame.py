"""`blame` of a Hugging Face folder's run: masks and texts as the run had them; starts no framework."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.recipe import Recipe
from convertkit.report.blame import Blame
from convertkit.report.report import SIGNATURE_FILE, Report, write_json
from convertkit.run.publish import signature_entry
from convertkit.sources import Kind, SourceFile
from convertkit.verbs import blame as verb
from convertkit.workers.answers import Tokenized

TOKENS = tuple(TensorSpec(name, "int64", ("batch", "tokens")) for name in ("input_ids", "attention_mask"))
LOGITS = TensorSpec("logits", "float32", ("batch", "tokens", 7))
MASKS = {"logits": "attention_mask"}
VARIANTS = (
    Variant(Format.TORCH),
    Variant(Format.SAVEDMODEL),
    Variant(Format.TFLITE, Precision.INT8),
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run from a Hugging Face folder, with the samples that it calibrated with."""
    folder = tmp_path / "run"
    (folder / "repro").mkdir(parents=True)
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "config.json").write_text('{"model_type": "bert"}')
    monkeypatch.setattr(verb, "load_report", lambda run: recorded(tmp_path / "net"))
    artifacts = [Artifact(variant, "x", Signature(TOKENS, (LOGITS,))) for variant in VARIANTS]
    write_json([signature_entry(artifact, artifact.path) for artifact in artifacts], folder / SIGNATURE_FILE)
    arrays = {spec.name: np.ones((2, 3), np.int64) for spec in TOKENS}
    np.savez(folder / "repro" / verb.SAMPLE_FILES[0], **arrays)
    return folder


def recorded(model: Path) -> Any:
    """As much of a report as is asked for."""
    source = {
        "path": str(model), "format": "torch", "kind": "huggingface", "sha256": "", "size_bytes": 1,
        "inputs": [], "outputs": [], "masks": MASKS,
    }  # fmt: skip
    empty = {"origin": "file", "sha256": "", "count": 1, "calibration": 1, "validation": 0}
    here = {"python": "", "platform": "", "cpu": "", "gpus": [], "packages": {}}
    content = {
        "schema_version": 1, "convertkit": "", "status": "passed", "source": source, "samples": empty,
        "hops": [], "environment": here,
    }  # fmt: skip
    return msgspec.json.decode(json.dumps(content).encode(), type=Report)


class Recorder:
    """Stands in for the comparison; keeps what it was given."""

    given: dict[str, Any]

    def __init__(self, artifacts: Any, samples: Path, workers: Any, scratch: Path, count: int, masks: Any):
        with np.load(samples) as arrays:
            Recorder.given = {"masks": masks, "arrays": dict(arrays)}

    def blame(self, pair: Any) -> Blame:
        return Blame(str(pair.candidate), str(pair.reference), 1, ())


@pytest.fixture(autouse=True)
def _recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "Blamer", Recorder)


def test_the_padding_that_the_model_tells_is_left_out(run: Path) -> None:
    verb.blame_run(run, Recipe(), count=1)
    assert Recorder.given["masks"] == MASKS


def test_masks_that_are_asked_for_win(run: Path) -> None:
    recipe = Recipe()
    gate = msgspec.structs.replace(recipe.gate, masks={"logits": "input_ids"})
    verb.blame_run(run, msgspec.structs.replace(recipe, gate=gate), count=1)
    assert Recorder.given["masks"] == {"logits": "input_ids"}


def test_texts_are_read_by_the_folders_tokenizer(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run / "texts.txt").write_text("a cat\na dog\n")

    def ask(self: Any, environment: str, job: Any, log: str) -> Tokenized:
        np.savez(job.out, **{spec.name: np.full((2, 4), 5, np.int64) for spec in job.inputs})
        return Tokenized(2, 4, 0)

    monkeypatch.setattr("convertkit.workers.pool.Workers.ask", ask)
    folder = SourceFile(
        Kind.HUGGINGFACE, path=str(run.parent / "net"), format=Format.TORCH, sha256="", size_bytes=1
    )
    monkeypatch.setattr(verb, "inspect_source", lambda path: folder)
    verb.blame_run(run, Recipe(samples=str(run / "texts.txt")), count=1)
    assert Recorder.given["arrays"]["input_ids"].tolist() == [[5, 5, 5, 5]]
