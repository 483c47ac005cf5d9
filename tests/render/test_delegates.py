"""What delegates would take, in words."""

from __future__ import annotations

import msgspec

from convertkit.delegates.forecast import Delegation, Fallback, Forecast
from convertkit.render.delegates import delegate_lines, delegates_in_short
from convertkit.render.facts import facts

from .conftest import delegation, report_of, tflite_hop


def test_a_line_a_delegate_and_the_dynamic_tensors():
    assert delegate_lines(delegation()) == [
        "XNNPACK: all 19 operators",
        "GPU delegate: 17 of 19 operators, in 3 parts; GATHER x2: indices of 0 axes",
        "NNAPI, integers: none of 19 operators; CONV_2D x19: float32; "
        "takes no graph with tensors that only a run sizes",
        "1 dynamic tensor, sized by a run alone: loop/state",
    ]


def test_reasons_beyond_four_are_counted():
    row = Forecast("gpu", 1, 1, tuple(Fallback(f"KIND_{at}", 1, "not supported") for at in range(7)))
    (line,) = delegate_lines(Delegation(8, (), (row,)))
    assert line.endswith("KIND_3: not supported; 3 more")


def test_other_formats_have_none():
    assert delegate_lines(None) == []


def test_the_facts_of_an_artifact_have_the_shares():
    hop = tflite_hop()
    report = report_of(hop)
    (fact,) = [fact for fact in facts(report, report.hops[0]) if fact.label == "XNNPACK takes"]
    assert (fact.value, fact.tone) == ("all 19", "good")
    assert fact.detail == "of its operators; GPU delegate 17 of 19; NNAPI, integers none of 19"
    assert delegates_in_short(delegation()) in fact.detail
    row = Forecast("xnnpack", 18, 2, (Fallback("GATHER", 1, "not supported"),))
    left = tflite_hop(delegation=msgspec.structs.replace(delegation(), delegates=(row,)))
    assert [(one.value, one.tone) for one in facts(report, left) if one.label == fact.label] == [
        ("18 of 19", "warning")
    ]
