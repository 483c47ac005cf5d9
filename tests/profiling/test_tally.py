"""Runs of operators, brought together over calls."""

from convertkit.profiling.tally import Span, tallied
from convertkit.workers.profiled import OperatorTime

STARTS = [100.0, 200.0, 300.0]


def spans(operator: str, *durations: int, module: str = "") -> list[Span]:
    """One run in each call."""
    return [Span(operator, "", module, at + 1, ns) for at, ns in zip(STARTS, durations, strict=True)]


def test_one_interrupted_call_tells_nothing() -> None:
    found = tallied([*spans("Add", 5, 5, 9000), *spans("Conv", 7, 8, 9)], STARTS)
    assert found == (OperatorTime("Conv", "", "", 3, 8), OperatorTime("Add", "", "", 3, 5))


def test_calls_before_the_first_that_counts_are_left_out() -> None:
    warm = Span("Conv", "", "", 40.0, 10_000)
    assert tallied([warm, *spans("Conv", 7, 8, 9)], STARTS) == (OperatorTime("Conv", "", "", 3, 8),)


def test_runs_within_a_call_are_added_and_modules_told_apart() -> None:
    twice = [*spans("Conv", 1, 1, 1, module="a"), *spans("Conv", 2, 2, 2, module="a")]
    found = tallied([*twice, *spans("Conv", 1, 1, 1, module="b")], STARTS)
    assert found == (OperatorTime("Conv", "", "a", 6, 3), OperatorTime("Conv", "", "b", 3, 1))


def test_an_operator_of_few_calls_has_the_median_of_all() -> None:
    assert tallied([Span("If", "", "", 150.0, 900)], STARTS) == (OperatorTime("If", "", "", 1, 0),)
