"""A rescue in every form of the report."""

from __future__ import annotations

import msgspec
import pytest

from convertkit.render import render
from convertkit.render.rescue import aligned, describe_rescue, of_float32
from convertkit.render.verdict import caveats, verdict_line

from .conftest import cpu, onnx_hop, report_of

SAID = (
    "tflite:int8 was asked for and failed (14.9 dB); "
    "rescued by excluding 2 operators: 24.1 dB, 0.31 of float32"
)


def rescue_in(report):
    return next(hop.rescue for hop in report.hops if hop.rescue)


def test_one_line_says_what_ships_in_place_of_what(rescued):
    assert describe_rescue(rescue_in(rescued)) == SAID
    assert SAID in caveats(rescued)
    assert verdict_line(rescued).startswith("PASSED: model.int8.tflite ships")


def test_speed_is_held_beside_float32_where_that_was_measured(rescued):
    last = rescued.hops[-1]
    slow = msgspec.structs.replace(last.rescue, float32_latency=cpu(0.03))
    report = report_of(onnx_hop(), msgspec.structs.replace(last, rescue=slow), targets=("tflite:int8",))
    assert f"{SAID}, 4.0× slower than float32 [3.8–4.2]" in caveats(report)
    assert "ships, but int8 is 4.0× slower than float32 here [3.8–4.2]:" in verdict_line(report)
    fast = msgspec.structs.replace(last.rescue, float32_latency=cpu(0.48))
    report = report_of(onnx_hop(), msgspec.structs.replace(last, rescue=fast), targets=("tflite:int8",))
    assert f"{SAID}, 4.0× as fast as float32 [3.8–4.2]" in caveats(report)
    assert "(4.0× as fast as tflite:float32 [3.8–4.2], 4.1× as fast as the source" in verdict_line(report)


def test_another_variant_is_what_the_verdict_is_about(rescued_as_float16):
    assert verdict_line(rescued_as_float16).startswith("PASSED: model.float16.tflite ships: 35.2 kB")


def test_nothing_found_says_how_close_the_best_came(unrescued):
    said = describe_rescue(rescue_in(unrescued))
    assert said == (
        "tflite:int8 failed (14.9 dB); none of 3 candidates passed (the time was up); "
        "the most exact: excluding 2 operators, over the budget: p50 0.12 ms, more than 0.1 ms"
    )
    assert verdict_line(unrescued).startswith("FAILED: tflite:int8 does not ship")


@pytest.mark.parametrize("form", ["table", "markdown", "html"])
@pytest.mark.parametrize("name", ["rescued", "unrescued"])
def test_every_candidate_stands_in_every_form(form, name, request):
    report = request.getfixturevalue(name)
    text = render(report, form)
    for candidate in rescue_in(report).candidates:
        assert candidate.change in text
    assert "14.9" in text
    assert "0.31" in text
    assert "no such kernel" in text


def test_the_share_is_of_the_float_artifact_where_it_is_known(rescued):
    rescue = rescue_in(rescued)
    assert [of_float32(rescue, one) for one in rescue.candidates] == ["0.27", "–", "0.31"]


def test_columns_are_aligned_and_empty_ones_left_out():
    headings = ("Candidate", "Variant", "Size", "x", "x", "x", "x", "x", "x", "Result")
    rows = [
        ["a", "b", "1", *["–"] * 5, "", "r"],
        ["longer than its heading", "b", "1,000", *["–"] * 5, "", "r"],
    ]
    assert aligned(headings, rows) == [
        "Candidate                Variant   Size  Result",
        "a                        b            1  r",
        "longer than its heading  b        1,000  r",
    ]
