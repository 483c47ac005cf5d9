"""The table: what is asked of run and bench, and which rows come of them. Nothing is built here."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from convertkit.cli.table import command, parsed_modes
from convertkit.errors import StageError, UsageError
from convertkit.frameworks import table as module
from convertkit.frameworks.table import TARGETS, TableRequest, make_table
from convertkit.measurement.latency import Latency, Versus
from convertkit.measurement.measured import Measured
from convertkit.report.frameworks import FrameworkTable
from convertkit.run.progress import Progress
from convertkit.workers.built import BuildJob, Built
from tests.render.conftest import compared, hop

FORMATS = {"weights.pt": "torch", "model.onnx": "onnx", "model.savedmodel": "savedmodel"}


def row(batch: int, ms: float, **fields: Any) -> Latency:
    return Latency("cpu", 1, batch, ms, (ms * 0.98, ms * 1.02), ms, ms, 60, **fields)


class Fake:
    """In the places of build, run and bench: LiteRT's artifact fails, and one mode cannot be compiled."""

    def __init__(self) -> None:
        self.recipes: list[Any] = []
        self.benched: list[dict[str, Any]] = []
        self.broken = ""

    def build(self, job: BuildJob, recipe: Any) -> Built:
        if job.name == self.broken:
            raise StageError("no room for it")
        return Built(1_600_000)

    def run(self, request: Any, progress: Any) -> Any:
        self.recipes.append(request.recipe)
        exact, wrong = compared(130.0, 1e-6), compared(12.0, 0.5)
        hops = [
            hop("torch:float32", "onnx:float32", "model.onnx", 1, exact),
            hop("onnx:float32", "savedmodel:float32", "model.savedmodel", 1, exact),
            hop(
                "savedmodel:float32", "tflite:float32", "x", 1, wrong, status="failed", error="12.0 dB of 60"
            ),
        ]
        return SimpleNamespace(hops=tuple(hops))

    def bench(self, files: list[Path], recipe: Any, **words: Any) -> list[Measured]:
        self.benched.append({**words, "names": [file.name for file in files], "recipe": recipe})
        slower = (Versus(str(files[0]), 2.0, (1.9, 2.1), "slower"),)
        rows = {"torch": 2.0, "onnx": 4.0, "savedmodel": 4.0}
        found = []
        for file in files:
            kind = FORMATS[file.name]
            latency = [
                row(batch, rows[kind], versus=() if kind == "torch" else slower) for batch in words["batches"]
            ]
            if kind == "torch":
                latency += [row(words["batches"][0], 1.0, compiled="default", compile_s=9.5)]
                latency += [Latency("cpu", skipped="no g++", compiled="max-autotune")]
            latency += [Latency("cuda", skipped="no CUDA device")]
            found.append(Measured(str(file), kind, 1, tuple(latency)))
        return found


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(module, "build", made.build)
    monkeypatch.setattr(module, "run", made.run)
    monkeypatch.setattr(module, "bench_artifacts", made.bench)
    monkeypatch.setattr(module, "require_extra", lambda *_: None)
    return made


def made(**words: Any) -> FrameworkTable:
    return list(make_table(TableRequest(device="cpu", **words), Progress()))[-1]


def test_each_framework_and_mode_is_a_row_beside_eager_mode(fake: Fake) -> None:
    (model,) = made(only=("mlp",), batches=(8,)).models
    figures = [
        (one.framework, one.latency.compiled, one.latency.samples_per_second, one.latency.skipped)
        for one in model.rows
    ]
    assert figures == [
        ("PyTorch", "", 4000, None),
        ("PyTorch", "default", 8000, None),
        ("PyTorch", "max-autotune", None, "no g++"),
        ("ONNX Runtime", "", 2000, None),
        ("TensorFlow", "", 2000, None),
        ("LiteRT", "", None, "12.0 dB of 60"),
    ]
    assert [one.sqnr_db for one in model.rows] == [None, None, None, 130.0, 130.0, 12.0]
    assert {versus.artifact for one in model.rows for versus in one.latency.versus} == {"PyTorch"}
    assert model.weights_bytes == 1_600_000


def test_what_failed_its_gate_is_not_measured_and_the_table_is_not_whole(fake: Fake) -> None:
    found = made(only=("mlp",))
    assert fake.benched[0]["names"] == list(FORMATS)
    assert not found.is_whole


def test_a_mode_alone_that_cannot_be_compiled_leaves_it_whole(fake: Fake) -> None:
    (model,) = made(only=("mlp",)).models
    assert msgspec.structs.replace(model, rows=model.rows[:-1]).is_whole


def test_one_model_that_cannot_be_built_does_not_end_the_table(fake: Fake) -> None:
    fake.broken = "mlp"
    tables = list(make_table(TableRequest(device="cpu", only=("mlp", "unet-block")), Progress()))
    assert [len(table.models) for table in tables] == [1, 2]
    first, second = tables[-1].models
    assert (first.error, first.rows) == ("no room for it", ())
    assert second.rows


def test_the_run_compares_and_the_bench_measures(fake: Fake) -> None:
    made(only=("bert-base",), is_small=True, threads=2)
    (recipe,), (benched,) = fake.recipes, fake.benched
    assert (recipe.to, recipe.device) == (TARGETS, "cpu")
    assert recipe.bench.skip
    assert recipe.factory_args == {"name": "bert-base", "is_small": True}
    assert recipe.inputs == ("input_ids:int64[batch,16]", "attention_mask:int64[batch,16]")
    assert (benched["batches"], benched["on_cpu"], benched["recipe"].bench.threads) == ((2,), True, 2)
    assert (benched["recipe"].bench.compile, benched["recipe"].bench.skip) == (("default",), "")


def test_a_gpu_is_measured_alone_with_the_seed_s_batches(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "check_device", lambda device: "cuda:0")
    list(make_table(TableRequest(only=("resnet-50",), modes=()), Progress()))
    (benched,) = fake.benched
    assert (benched["batches"], benched["on_cpu"], benched["recipe"].bench.compile) == ((1, 128), False, ())


def test_modes_are_words_of_a_list() -> None:
    assert parsed_modes(None) is None
    assert parsed_modes("none") == ()
    assert parsed_modes("default,max-autotune") == ("default", "max-autotune")
    with pytest.raises(UsageError, match=r"bench\.compile cannot be 'fastest'"):
        parsed_modes("fastest")


def test_the_command_writes_page_and_json_and_ends_with_8_where_figures_lack(
    fake: Fake, tmp_path: Path
) -> None:
    words = ["--only", "mlp", "--device", "cpu", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(command, words, standalone_mode=False)
    assert result.return_value == 8, result.output
    assert "MLP 784-512-10 in LiteRT: 12.0 dB of 60" in result.stdout
    written = json.loads((tmp_path / "out" / "frameworks.json").read_text())
    assert [model["name"] for model in written["models"]] == ["mlp"]
    assert written["environment"]["cpu"] in (tmp_path / "out" / "frameworks.md").read_text()
