"""What a budget demands, and what it finds missing."""

from __future__ import annotations

import pytest

from convertkit.config.run_settings import BudgetOptions
from convertkit.errors import UsageError
from convertkit.measurement.latency import Latency
from convertkit.recipe import decode_recipe, recipe_schema
from convertkit.rescue.budget import Figures, over_budget
from convertkit.validation.accuracy import Accuracy
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
        "minutes",
    }
