"""What a budget demands, and what it finds missing."""

from __future__ import annotations

import pytest

from convertkit.config.run_settings import BudgetOptions
from convertkit.errors import UsageError
from convertkit.measurement.latency import Latency
from convertkit.recipe import decode_recipe, recipe_schema
from convertkit.report.budgeted import budgeted
from convertkit.run.budgeted import check_budget
from convertkit.validation.accuracy import Accuracy
from convertkit.validation.budget import BudgetVerdict, Figures, asked_latency, hold, over_budget
from convertkit.validation.tolerance import Tolerance, demanded, stricter
from convertkit.words import worded_recipe

GATE = Tolerance(20.0, 0.01, 0.9)


def test_its_limits_take_the_place_of_the_gates():
    assert demanded(GATE, BudgetOptions()) == GATE
    assert demanded(GATE, BudgetOptions(sqnr_db=15.0, accuracy_drop=0.05)) == Tolerance(15.0, 0.05, 0.9)


def test_the_stricter_of_two():
    assert stricter(GATE, Tolerance(35.0, 0.02, 0.99)) == Tolerance(35.0, 0.01, 0.99)


@pytest.mark.parametrize(
    ("figures", "budget", "said"),
    [
        (Figures(10), BudgetOptions(size_bytes=10), ""),
        (Figures(11), BudgetOptions(size_bytes=10), "11 bytes, more than 10"),
        (Figures(1, 24.0), BudgetOptions(sqnr_db=25.0), "24.0 dB SQNR, below 25 dB"),
        (Figures(1, 25.0), BudgetOptions(sqnr_db=25.0), ""),
        (Figures(1, accuracy=Accuracy("top1", 0.9, 0.02, "y")), BudgetOptions(accuracy_drop=0.01), "0.0200"),
        (Figures(1, accuracy=Accuracy("top1", 0.9, 0.01, "y")), BudgetOptions(accuracy_drop=0.01), ""),
        (Figures(1), BudgetOptions(accuracy_drop=0.01), "could not be measured"),
        (Figures(1), BudgetOptions(latency_ms=1.0), ""),  # not measured yet
        (Figures(1, latency=Latency("cpu", p50_ms=1.5)), BudgetOptions(latency_ms=1.0), "p50 1.5 ms"),
        (Figures(1, latency=Latency("cpu", p50_ms=0.5)), BudgetOptions(latency_ms=1.0), ""),
        (Figures(1, latency=Latency("cpu", skipped="gone")), BudgetOptions(latency_ms=1.0), "gone"),
    ],
)
def test_every_limit_has_its_line(figures, budget, said):
    found = over_budget(figures, budget)
    assert bool(found) == bool(said)
    assert said in found


def test_the_flag_is_a_budget_of_ten_minutes():
    assert worded_recipe().budget is None
    assert worded_recipe(rescue=True).budget == BudgetOptions(minutes=10.0)
    settings = ["budget.sqnr_db=30", "budget.minutes=2"]
    assert worded_recipe(settings=settings).budget == BudgetOptions(sqnr_db=30.0, minutes=2.0)
    assert worded_recipe(rescue=True, settings=settings).budget == BudgetOptions(sqnr_db=30.0, minutes=2.0)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"sqnr": 30}, "did you mean 'sqnr_db'"),
        ({"minutes": 0}, "budget.minutes"),
        ({"accuracy_drop": 2}, "budget.accuracy_drop"),
        ({"size_bytes": 1.5}, "budget.size_bytes"),
        ({"latency_ms": float("nan")}, "budget.latency_ms"),
    ],
)
def test_a_wrong_budget_is_refused(budget, said):
    with pytest.raises(UsageError) as caught:
        decode_recipe({"budget": budget}, "mine.yaml")
    assert said in str(caught.value)


def test_it_is_in_the_schema():
    assert set(recipe_schema()["$defs"]["BudgetOptions"]["properties"]) == {
        "accuracy_drop",
        "sqnr_db",
        "size_bytes",
        "latency_ms",
        "device",
        "threads",
        "memory_bytes",
        "minutes",
    }


def timed(low: float, high: float, **fields) -> Latency:
    """A latency with its interval."""
    return Latency("cpu", 1, 1, (low + high) / 2, (low, high), **fields)


@pytest.mark.parametrize(
    ("latency", "code", "said"),
    [
        (timed(0.8, 0.9), 0, ""),
        (timed(1.1, 1.3), 7, "p50 1.2 ms, more than 1 ms on cpu"),
        (timed(0.9, 1.3), 8, "p50 is 0.9 to 1.3 ms, the limit of 1 ms lies within"),
        (timed(1.0, 1.3), 8, "lies within"),
        (Latency("cpu", skipped="gone"), 8, "was not measured: gone"),
        (None, 8, "p50 on cpu was not measured"),
    ],
)
def test_a_latency_is_over_where_its_whole_interval_is(latency, code, said):
    verdict = hold(Figures(1, latency=latency), BudgetOptions(latency_ms=1.0))
    assert verdict.exit_code == code
    assert said in "".join((*verdict.over, *verdict.undecided))
    assert bool(said) is bool(verdict.over or verdict.undecided)


def test_what_was_measured_and_is_over_outweighs_what_is_undecided():
    budget = BudgetOptions(latency_ms=1.0, size_bytes=10, memory_bytes=100)
    verdict = hold(Figures(11, latency=timed(0.9, 1.1), memory_bytes=101), budget)
    assert [len(verdict.over), len(verdict.undecided), verdict.exit_code] == [2, 1, 7]
    assert hold(Figures(10, latency=timed(0.5, 0.6), memory_bytes=100), budget) == BudgetVerdict()
    assert hold(Figures(10, latency=timed(0.5, 0.6)), budget).exit_code == 8


def test_the_row_is_that_of_the_device_and_the_threads():
    rows = (timed(1, 2), Latency("cuda:0", 1, 1, 0.5), Latency("cpu", 4, 1, 0.7))
    assert asked_latency(rows, BudgetOptions()) == rows[0]
    assert asked_latency(rows, BudgetOptions(threads=4)) == rows[2]
    assert asked_latency(rows, BudgetOptions(device="cuda")) == rows[1]
    assert asked_latency(rows, BudgetOptions(threads=2)) is None


@pytest.mark.parametrize(
    ("targets", "held"),
    [
        (("onnx:float32", "tflite:float32"), ["onnx:float32", "tflite:float32"]),
        (("tflite:float32", "tflite:int8"), ["tflite:int8"]),
        (("tflite:int8", "tflite:int16x8"), ["tflite:int8", "tflite:int16x8"]),
    ],
)
def test_it_holds_for_the_integer_artifacts_or_for_all_that_were_asked_for(targets, held):
    asked = ("onnx:float32", "savedmodel:float32", "tflite:float32", "tflite:int8", "tflite:int16x8")
    assert [name for name in asked if budgeted(targets, name)] == held


def test_other_threads_than_are_measured_with_are_refused():
    check_budget(worded_recipe(settings=["budget.threads=2", "bench.threads=2"]))
    with pytest.raises(UsageError, match=r"budget\.threads is 2"):
        check_budget(worded_recipe(settings=["budget.threads=2"]))
