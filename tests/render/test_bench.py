"""The tables of `bench`, as a narrow terminal shows them."""

import io
from collections.abc import Sequence

import msgspec
import pytest
from rich.console import Console

from convertkit.measurement.latency import Latency, Versus, summarize
from convertkit.measurement.measured import Measured
from convertkit.measurement.profile import OperatorShare, Profile
from convertkit.measurement.start import ColdStart
from convertkit.render.bench import render_bench, short_names


def latency(batch: int, ms: float, rounds: int = 30) -> Latency:
    times = [(int(ms * 1e6),) * 5] * rounds
    row = summarize(times, device="cpu", threads=1, batch=batch, session_bytes=0)
    return msgspec.structs.replace(row, noise=0.012)


def measured(path: str, *rows: Latency) -> Measured:
    start = ColdStart(1.25, 0.5, 41_000_000, 3_360_000)
    return Measured(path, "tflite", 61_100, rows, start)


def shown(rows: Sequence[Measured], width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(render_bench(rows))
    return stream.getvalue().splitlines()


FIRST = "build/run/model.tflite"
SLOWER = Versus(FIRST, 2.0, (1.9, 2.1), "slower")
ROWS = [
    measured(FIRST, latency(1, 0.00488), latency(8, 12_345.678)),
    measured(
        "build/run/a-rather-long-name-of-a-model.int8.tflite",
        msgspec.structs.replace(latency(1, 0.0098), versus=(SLOWER,)),
        Latency("cpu", skipped="it takes 1 at a time, not 8"),
    ),
]


@pytest.mark.parametrize("width", [80, 60])
def test_no_figure_is_cut_and_no_name_is_one_letter_wide(width: int):
    lines = shown(ROWS, width)
    assert all(len(line) <= width for line in lines)
    text = "\n".join(lines)
    for figure in ("0.00488", "0.0098", "61.1 kB", "3.36 MB", "41.0 MB", "1.25"):
        assert figure in text
    assert max(len(line.split()[0]) for line in lines if line.startswith("a-rather")) >= 12


def test_each_cell_is_a_table_with_its_noise():
    lines = shown(ROWS, 100)
    headings = [line for line in lines if line.startswith("cpu, ")]
    assert headings == [
        "cpu, 1 thread, batch 1; one artifact twice: within 1.2 %",
        "cpu, 1 thread, batch 8; one artifact twice: within 1.2 %",
    ]


def test_the_verdict_names_both_files():
    assert "a-rather-long-name-of-a-model.int8.tflite: 2.0× slower than model.tflite [1.9–2.1]" in shown(
        ROWS, 100
    )


def test_a_percentile_needs_enough_calls():
    few, many = (shown([measured(FIRST, latency(1, 0.5, rounds))], 100) for rounds in (12, 30))
    assert few[2].split()[-1] == "–"
    assert many[2].split()[-1] == "0.500"


def test_what_was_skipped_is_said_once():
    lines = shown(ROWS, 100)
    reason = "cpu skipped for a-rather-long-name-of-a-model.int8.tflite: it takes 1 at a time, not 8"
    assert lines.count(reason) == 1


def test_files_of_one_name_are_told_by_their_folders():
    assert short_names(["a/x.tflite", "b/x.tflite", "b/y.onnx"]) == ["a/x.tflite", "b/x.tflite", "y.onnx"]


def test_operators_that_take_the_time_stand_below_with_their_module_or_name():
    profile = Profile(
        "profiles/1-model.onnx.json",
        20,
        0.9,
        0.5,
        41,
        (
            OperatorShare("Conv", 0.62, 0.31, 1.0, "node_conv", "features.0"),
            OperatorShare("Reorder", 0.043, 0.02, 2.0, "[made] up"),
        ),
    )
    refused = Profile(skipped="not offered")
    rows = [msgspec.structs.replace(one, profile=p) for one, p in zip(ROWS, (profile, refused), strict=True)]
    text = "\n".join(shown(rows, 80))
    assert "model.tflite: profiled: 20 calls, 0.500 ms of each in 41 operators; trace:" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["62", "%", "0.310", "1.00", "Conv", "features.0"] in lines
    assert ["4.3", "%", "0.0200", "2.00", "Reorder", "[made]", "up"] in lines
    assert "profile skipped for a-rather-long-name-of-a-model.int8.tflite: not offered" in text.replace(
        "\n", " "
    )


def test_modes_of_torch_compile_are_rows_with_their_compile_time_apart():
    versus = Versus(FIRST, 0.5, (0.48, 0.52), "faster")
    fast = msgspec.structs.replace(latency(1, 0.0024), versus=(versus,), compiled="default", compile_s=12.34)
    none = Latency("cpu", skipped="no g++", compiled="max-autotune")
    text = "\n".join(shown([measured(FIRST, latency(1, 0.00488), fast, none)], 100))
    assert "model.tflite, compile default: 2.0× as fast as model.tflite [1.9–2.1], after 12.3 s of" in text
    assert "cpu, compile max-autotune skipped: no g++" in text
