"""The claims table's own logic, on made-up figures: verdicts, reasons, and what the page shows."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.claims_reasons import cpu_facts, reasons
from benchmarks.claims_render import page
from benchmarks.claims_table import (
    Ratio,
    Row,
    accuracy_verdict,
    claims_table,
    size_verdict,
    speed_verdict,
    tally,
)

ALL_INT8 = "3 of 3 weights of the module are INT8, 100% of their values"
GOOD = Row(
    model="mlp",
    variant="tflite:int8",
    size_bytes=1000,
    size_ratio=0.26,
    speed_up=Ratio(2.5, 2.4, 2.6),
    batch=64,
    batch_speed_up=Ratio(3.1, 3.0, 3.2),
    call_ms=1.0,
    batch_call_ms=20.0,
    sqnr_db=42.0,
    agreement=1.0,
    accuracy_drop=0.002,
    coverage=ALL_INT8,
    weights=950,
)


def changed(**fields: object) -> Row:
    return msgspec.structs.replace(GOOD, **fields)


def probe(kind: str, call_ms: float, gain: float) -> Row:
    ratio = Ratio(gain, gain, gain)
    return changed(model=kind, call_ms=call_ms, speed_up=ratio, batch_speed_up=ratio)


def why(row: Row, *probes: Row, rows: tuple[Row, ...] = (), has_vnni: bool = False) -> list[str]:
    known = {(one.model, one.variant): one for one in probes}
    return list(reasons(row, (row, *rows), known, has_vnni=has_vnni))


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (Ratio(2.5, 2.0, 3.0), "holds"),
        (Ratio(2.5, 1.9, 3.0), "open"),
        (Ratio(1.9, 1.8, 2.0), "open"),
        (Ratio(1.5, 1.4, 1.99), "does not hold"),
        (None, "open"),
    ],
)
def test_speed_is_judged_by_the_whole_interval(ratio: Ratio | None, verdict: str) -> None:
    assert speed_verdict(ratio) == verdict


@pytest.mark.parametrize(
    ("drop", "agreement", "verdict"),
    [
        (0.0099, 0.5, "holds"),
        (0.01, 1.0, "does not hold"),
        (-0.02, 0.5, "holds"),
        (None, 0.995, "holds"),
        (None, 0.99, "open"),
        (None, None, "open"),
    ],
)
def test_accuracy_needs_labels_or_near_perfect_agreement(
    drop: float | None, agreement: float | None, verdict: str
) -> None:
    assert accuracy_verdict(changed(accuracy_drop=drop, agreement=agreement)) == verdict


@pytest.mark.parametrize(("ratio", "verdict"), [(0.30, "holds"), (0.31, "does not hold")])
def test_size(ratio: float, verdict: str) -> None:
    assert size_verdict(changed(size_ratio=ratio)) == verdict


def test_what_holds_needs_no_reason() -> None:
    assert why(GOOD) == []


def test_float_weights_are_a_reason_for_size_and_speed() -> None:
    left = "1 of 6 operators with weights are INT8; float: LSTM"
    found = why(changed(size_ratio=0.99, coverage=left, speed_up=Ratio(1.0, 0.9, 1.1)))
    assert found == [f"size: {left}", f"speed at batch 1: {left}"]


def test_a_small_file_is_graph_and_names() -> None:
    (found,) = why(changed(size_ratio=0.5, size_bytes=2000, weights=500))
    assert found == "size: 75% of its 2,000 bytes are graph, names and scales, not weights"


def test_the_call_itself_is_a_reason_at_batch_1_only() -> None:
    slow = Ratio(1.0, 0.9, 1.1)
    row = changed(speed_up=slow, batch_speed_up=slow)
    at_1, at_64 = why(row, probe("call", 0.6, 1.0), probe("linear", 9.0, 3.0))
    assert "60% of a call is the runtime's own" in at_1
    assert "runtime's own" not in at_64
    assert (
        at_64 == "speed at batch 64: one such layer alone gains more, linear 3.00 ×: the time goes elsewhere"
    )


@pytest.mark.parametrize(("has_vnni", "said"), [(False, "1.40 ×, without VNNI"), (True, "1.40 ×")])
def test_kernels_that_gain_no_more_are_a_reason(has_vnni: bool, said: str) -> None:
    row = changed(speed_up=Ratio(1.3, 1.2, 1.4))
    (found,) = why(row, probe("linear", 9.0, 1.4), has_vnni=has_vnni)
    assert found.endswith(f"one such layer alone gains linear {said}")


def test_an_open_claim_may_be_all_that_a_kernel_gives() -> None:
    (found,) = why(changed(speed_up=Ratio(2.0, 1.9, 2.1)), probe("linear", 9.0, 2.2))
    assert found == "speed at batch 1: about as much as one such layer alone: linear 2.20 ×"


@pytest.mark.parametrize(("weights_db", "part"), [(50.0, "activations"), (8.0, "weights")])
def test_the_dynamic_variant_tells_weights_from_activations(weights_db: float, part: str) -> None:
    dynamic = changed(variant="tflite:int8-dynamic", sqnr_db=weights_db)
    (found,) = why(changed(accuracy_drop=0.15, sqnr_db=6.5), rows=(dynamic,))
    assert found.endswith(f"so the {part} lose it")


def test_a_row_that_was_not_made_says_why_and_counts_nowhere() -> None:
    row = Row(model="lstm", variant="tflite:int8", fault="does | not convert")
    assert why(row) == []
    assert "not made: does \\| not convert" in claims_table([row])
    assert tally([GOOD, row]).count("1 of 1") == 4


def test_the_cpu_is_named_with_its_instructions() -> None:
    text = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2{}\n"
    assert cpu_facts(text.format("")) == ("Some CPU", [])
    assert cpu_facts(text.format(" avx512_vnni")) == ("Some CPU", ["avx512_vnni"])


def test_the_page_shows_claims_beside_figures_and_reasons() -> None:
    bad = changed(variant="onnx:int8", speed_up=Ratio(1.2, 1.1, 1.3))
    text = page(
        [GOOD, bad],
        {("linear", "onnx:int8"): msgspec.structs.replace(bad, model="linear")},
        {"mlp": {"float32": 3.0}},
        ("Some CPU", []),
        rounds=15,
        date="2026-11-25",
        load=3.2,
    )
    assert "| *the claim* |   | *0.25* | *2 to 4 ×* |" in text
    assert "| mlp | tflite:int8 | 0.26 ✓ | 2.50 (2.40 to 2.60) ✓ | 3.10 (3.00 to 3.20) ✓ at 64 |" in text
    assert "Some CPU, no VNNI" in text
    assert "load 3.2 for each core" in text
    assert "* **mlp, onnx:int8**" in text
    assert "**mlp, tflite:int8**" not in text
    assert "| mlp | 3.00 | – | – |" in text
