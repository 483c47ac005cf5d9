"""Tolerances: the defaults, what a recipe sets in their place, and what may loosen them."""

import pytest

from convertkit.artifacts.formats import Precision
from convertkit.config.run_settings import BudgetOptions, GateOptions, PrecisionGate
from convertkit.errors import UsageError
from convertkit.recipe import decode_recipe
from convertkit.validation.tolerance import (
    DEFAULT_TOLERANCES,
    KEYS,
    Tolerance,
    check_effect,
    demanded,
    stricter,
    tolerance_for,
)
from convertkit.words import worded_recipe


def gate(*settings: str) -> GateOptions:
    """The gate's options as `--set` gives them."""
    return worded_recipe(settings=settings).gate


def test_every_precision_has_a_tolerance():
    assert set(DEFAULT_TOLERANCES) == set(Precision)
    for precision, tolerance in DEFAULT_TOLERANCES.items():
        assert tolerance_for(precision, GateOptions()) == tolerance


def test_integer_tolerances_are_looser_than_float_ones():
    lowest_float = min(DEFAULT_TOLERANCES[p].min_sqnr_db for p in Precision if not p.is_integer)
    assert all(DEFAULT_TOLERANCES[p].min_sqnr_db < lowest_float for p in Precision if p.is_integer)


@pytest.mark.parametrize("precision", Precision)
def test_a_part_may_be_worse_than_the_whole(precision):
    tolerance = DEFAULT_TOLERANCES[precision]
    assert tolerance.min_slice_sqnr_db <= tolerance.min_sqnr_db - 10
    assert tolerance.min_sample_sqnr_db <= tolerance.min_sqnr_db - 10


def test_a_bare_key_is_for_every_precision_and_loosens_none():
    options = gate("gate.min_sqnr_db=35")
    reached = {precision: tolerance_for(precision, options).min_sqnr_db for precision in Precision}
    assert reached == {
        Precision.FLOAT32: 60.0,
        Precision.FLOAT16: 35.0,
        Precision.INT8: 35.0,
        Precision.INT8_DYNAMIC: 35.0,
        Precision.INT16X8: 35.0,
    }


def test_a_bare_key_of_a_loss_loosens_none_either():
    assert tolerance_for(Precision.INT8, gate("gate.max_accuracy_drop=0.5")).max_accuracy_drop == 0.01
    assert tolerance_for(Precision.INT8, gate("gate.max_accuracy_drop=0")).max_accuracy_drop == 0.0


@pytest.mark.parametrize("key", KEYS)
def test_loosen_lets_bare_keys_do_so(key):
    value = 1.0 if key == "max_accuracy_drop" else 0.0
    options = gate(f"gate.{key}={value}", "gate.loosen=true")
    assert getattr(tolerance_for(Precision.FLOAT32, options), key) == value


@pytest.mark.parametrize("precision", Precision)
def test_a_key_of_one_precision_may_loosen_it_and_leaves_the_others(precision):
    options = gate(f"gate.{precision}.min_sqnr_db=5")
    assert tolerance_for(precision, options).min_sqnr_db == 5
    others = [other for other in Precision if other is not precision]
    assert all(tolerance_for(other, options) == DEFAULT_TOLERANCES[other] for other in others)


def test_a_key_of_one_precision_wins_over_a_bare_one():
    options = GateOptions(min_sqnr_db=40.0, int8=PrecisionGate(min_sqnr_db=25.0))
    assert tolerance_for(Precision.INT8, options).min_sqnr_db == 25
    assert tolerance_for(Precision.INT16X8, options).min_sqnr_db == 40


def test_an_sqnr_that_was_asked_for_is_known_as_such():
    assert not tolerance_for(Precision.INT8, GateOptions()).is_sqnr_asked
    assert tolerance_for(Precision.INT8, gate("gate.min_sqnr_db=35")).is_sqnr_asked
    assert tolerance_for(Precision.INT8, gate("gate.int8.min_sqnr_db=10")).is_sqnr_asked
    assert not tolerance_for(Precision.FLOAT32, gate("gate.min_sqnr_db=35")).is_sqnr_asked  # it does nothing


@pytest.mark.parametrize("setting", ["min_sqnr_db=15", "max_accuracy_drop=0.02", "min_slice_sqnr_db=3"])
def test_a_bare_key_that_would_do_nothing_is_refused_with_what_would(setting):
    with pytest.raises(UsageError) as caught:
        check_effect(gate(f"gate.{setting}"))
    assert caught.value.exit_code == 2
    assert f"gate.{setting} is looser than every default" in caught.value.message
    assert f"gate.int8.{setting}" in caught.value.hint
    check_effect(gate(f"gate.{setting}", "gate.loosen=true"))
    check_effect(gate(f"gate.int8.{setting}"))


def test_unknown_keys_are_told_with_what_was_meant():
    for content, hint in (
        ({"int8": {"min_sqnr": 3}}, "did you mean 'min_sqnr_db'?"),
        ({"int8-dynamik": {}}, "did you mean 'int8-dynamic'?"),
        ({"mask": {}}, "did you mean 'masks'?"),
    ):
        with pytest.raises(UsageError) as caught:
            decode_recipe({"gate": content}, "recipe.yaml")
        assert caught.value.hint == hint


@pytest.mark.parametrize("key", KEYS)
def test_a_tolerance_of_nan_would_pass_everything_and_is_refused(key):
    with pytest.raises(UsageError, match=key):
        decode_recipe({"gate": {key: float("nan")}}, "recipe.yaml")
    with pytest.raises(UsageError, match=key):
        decode_recipe({"gate": {"int8": {key: float("nan")}}}, "recipe.yaml")


def test_the_limits_of_a_budget_take_the_place_of_the_gates():
    default = DEFAULT_TOLERANCES[Precision.INT8]
    assert demanded(default, BudgetOptions()) == default
    found = demanded(default, BudgetOptions(sqnr_db=15.0, accuracy_drop=0.05))
    assert (found.min_sqnr_db, found.max_accuracy_drop) == (15.0, 0.05)
    assert found.min_slice_sqnr_db == default.min_slice_sqnr_db


def test_the_stricter_of_two_has_the_harder_of_every_figure():
    one = Tolerance(20.0, 0.01, 0.9, 8.0, 3.0, 0.0, is_sqnr_asked=True)
    other = Tolerance(35.0, 0.02, 0.99, 5.0, 4.0, 10.0)
    assert stricter(one, other) == Tolerance(35.0, 0.01, 0.99, 8.0, 4.0, 10.0, is_sqnr_asked=True)
    assert stricter(one, other) == stricter(other, one)
