"""The table of frameworks on a narrow terminal and as a page: every figure, every reason."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from convertkit.environment.versions import Environment
from convertkit.measurement.latency import Latency, Versus
from convertkit.render.frameworks import frameworks_page, render_frameworks
from convertkit.report.frameworks import FrameworkRow, FrameworkTable, ModelRows

FASTER = Versus("PyTorch", 0.5, (0.48, 0.52), "faster")


def row(framework: str, batch: int, ms: float, sqnr_db: float | None = None, **fields: Any) -> FrameworkRow:
    latency = Latency("cpu", 1, batch, ms, (ms * 0.8, ms * 1.25), ms, ms, 60, noise=0.012, **fields)
    return FrameworkRow(framework=framework, latency=latency, sqnr_db=sqnr_db)


MLP = ModelRows(
    name="mlp",
    title="MLP",
    unit="vectors",
    weights_bytes=1_600_000,
    rows=(
        row("PyTorch", 1, 2.0),
        row("PyTorch", 1, 1.0, versus=(FASTER,), compiled="default", compile_s=12.34),
        row("ONNX Runtime", 1, 1.0, 131.2, versus=(FASTER,)),
        row("PyTorch", 1000, 20.0),
        FrameworkRow(framework="LiteRT", latency=Latency("cpu", skipped="not | made")),
    ),
)
BROKEN = ModelRows(name="gpt2", title="GPT-2", unit="sequences", error="no room for it")
TABLE = FrameworkTable(
    convertkit="0.1.0",
    started="2026-11-28T13:00:00+00:00",
    seconds=600.0,
    is_small=False,
    load=(2.5, 3.75),
    environment=Environment(
        python="3.11.7", platform="Linux", cpu="A CPU", gpus=(), packages={"torch": "2.13.0"}
    ),
    cores=2,
    models=(MLP, BROKEN),
)


def lines_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines()]


def test_the_page_has_a_line_for_each_model_and_batch() -> None:
    lines = lines_of(frameworks_page(TABLE))
    first = "500 (400–625)"
    twice = "1,000 (800–1,250)"
    assert ["MLP", "1", "vectors", "cpu, 1 thread", first, twice, "–", "–"] in lines
    assert ["MLP", "1000", "vectors", "cpu, 1 thread", "50,000 (40,000–62,500)", "–", "–", "–"] in lines


def test_the_page_has_every_figure_with_what_it_is_beside() -> None:
    lines = lines_of(frameworks_page(TABLE))
    faster = "2.0× as fast as PyTorch \\[1.9–2.1\\]"
    assert ["MLP, 1.60 MB", "1", "PyTorch", "2.00", "twice: within 1.2 %", "–", "–"] in lines
    assert ["MLP, 1.60 MB", "1", "torch.compile default", "1.00", faster, "–", "12.3"] in lines
    assert ["MLP, 1.60 MB", "1", "ONNX Runtime", "1.00", faster, "131.2", "–"] in lines


def test_the_page_names_the_machine_and_what_ran_beside() -> None:
    text = frameworks_page(TABLE)
    assert "in 10 minutes: A CPU, 2 cores; no GPU; Linux, Python 3.11.7; torch 2.13.0." in text
    assert "before it began: 2.5, at its end: 3.8" in text
    assert "tiny models" not in text


def test_what_was_not_measured_is_said_once_with_its_reason() -> None:
    stream = io.StringIO()
    Console(file=stream, width=80).print(render_frameworks(TABLE))
    for text in (frameworks_page(TABLE).replace("\\|", "|"), stream.getvalue()):
        assert text.count("MLP in LiteRT: not | made") == 1
        assert text.count("GPT-2: no room for it") == 1


def test_a_narrow_terminal_cuts_no_figure() -> None:
    stream = io.StringIO()
    Console(file=stream, width=80).print(render_frameworks(TABLE))
    lines = stream.getvalue().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "MLP, batch 1, vectors a second; cpu, 1 thread; eager mode twice: within 1.2 %" in lines
    text = " ".join(" ".join(lines).split())
    assert "torch.compile default 1,000 800–1,250 1.00 12.3" in text
