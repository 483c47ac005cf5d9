"""Modes of torch.compile as contenders, and whose rows theirs become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.config.run_settings import BenchOptions, CompileMode
from convertkit.errors import NotMeasuredError
from convertkit.measurement.compiled import joined_rows, mode_of, with_forms
from convertkit.measurement.latency import Latency
from convertkit.measurement.rounds import Bench
from convertkit.registry import parse_variant
from convertkit.workers.answers import Benched
from convertkit.workers.jobs import BenchJob

SIGNATURE = Signature((TensorSpec("x", "float32", ("batch", 2)),), ())
SOURCE = Artifact(Variant(Format.TORCH), "/m.pt2", SIGNATURE, "a" * 64, 10, Loader("exported-program"))
GRAPH = Artifact(parse_variant("onnx"), "/m.onnx", SIGNATURE, "b" * 64, 10)
MODES: tuple[CompileMode, ...] = ("default", "max-autotune")


def test_only_float_pytorch_models_have_forms() -> None:
    quantized = replace(SOURCE, variant=parse_variant("torch:int8"))
    forms = with_forms([SOURCE, GRAPH, quantized], MODES)
    assert [(one.path, mode_of(one)) for one in forms] == [
        ("/m.pt2", ""),
        ("/m.pt2", "default"),
        ("/m.pt2", "max-autotune"),
        ("/m.onnx", ""),
        ("/m.pt2", ""),
    ]
    assert with_forms([SOURCE], ()) == [SOURCE]


def test_rows_of_forms_stand_behind_the_model_s_own() -> None:
    rows = [(Latency("cpu", p50_ms=float(n)),) for n in range(4)]
    first, second = joined_rows(with_forms([SOURCE, GRAPH], MODES), rows)
    assert [row.p50_ms for row in first] == [0, 1, 2]
    assert [row.p50_ms for row in second] == [3]


class FakeWorkers:
    """Times every call at a millisecond; what is compiled took two seconds; one mode cannot be."""

    def ask(self, environment: str, job: BenchJob, log: str) -> Any:
        mode = mode_of(job.artifact)
        if mode == "max-autotune":
            raise NotMeasuredError("torch.compile needs a C++ compiler")
        return Benched((1_000_000,) * job.calls, 0, compile_ns=2_000_000_000 if mode else 0)


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, tuple[Latency, ...]]:
    options, sample = BenchOptions(rounds=5, compile=MODES), {"x": np.ones((1, 2), np.float32)}
    workers: Any = FakeWorkers()
    return Bench(None, options, sample, workers, tmp_path).by_path([SOURCE, GRAPH])


def test_a_run_has_them_as_rows_of_the_source(rows: dict[str, tuple[Latency, ...]]) -> None:
    found = [(row.device, row.compiled, row.p50_ms, row.compile_s) for row in rows["/m.pt2"]]
    assert found == [
        ("cpu", "", 1.0, None),
        ("cuda", "", None, None),
        ("cpu", "default", 1.0, 2.0),
        ("cpu", "max-autotune", None, None),
    ]
    assert [(row.device, row.compiled) for row in rows["/m.onnx"]] == [("cpu", ""), ("cuda", "")]


def test_a_mode_that_cannot_be_measured_says_why(rows: dict[str, tuple[Latency, ...]]) -> None:
    assert rows["/m.pt2"][-1].skipped == "torch.compile needs a C++ compiler"
