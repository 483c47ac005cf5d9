"""What a gate allows: the defaults of each precision, and what a recipe and a budget set in their place."""

from __future__ import annotations

import msgspec

from convertkit.artifacts.formats import Precision
from convertkit.config.run_settings import BudgetOptions, GateOptions, PrecisionGate
from convertkit.errors import UsageError

NOTHING_ASKED_DB = -200.0


class Tolerance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a gate allows.

    Attributes:
        min_sqnr_db: lowest of any output, decibels.
        max_accuracy_drop: fraction; decides instead of SQNR for the scores of an integer target with labels.
        min_agreement: fraction of equal entries; decides instead of SQNR for integer and boolean outputs.
        min_slice_sqnr_db: lowest of any slice of an output along its short axes, decibels.
        min_sample_sqnr_db: below it a sample is lost; fewer than a quarter of them may be.
        min_variation_db: lowest ratio of what differs between samples to its error, decibels: of a slice, and
            of a sample that is far worse than the others.
        is_sqnr_asked: `min_sqnr_db` was set, and holds where accuracy decides too.
        levels: steps of an integer artifact's range, which may round a variation away; 0 for floats.
        is_half: the artifact's weights are float16, whose largest number stands for an infinity.
    """

    min_sqnr_db: float
    max_accuracy_drop: float = 0.01
    min_agreement: float = 0.99
    min_slice_sqnr_db: float = NOTHING_ASKED_DB
    min_sample_sqnr_db: float = NOTHING_ASKED_DB
    min_variation_db: float = NOTHING_ASKED_DB
    is_sqnr_asked: bool = False
    levels: int = 0
    is_half: bool = False


DEFAULT_TOLERANCES = {
    Precision.FLOAT32: Tolerance(60.0, 0.01, 0.99, 40.0, 40.0, 20.0),
    Precision.FLOAT16: Tolerance(35.0, 0.01, 0.99, 25.0, 25.0, 10.0, is_half=True),
    Precision.INT8_DYNAMIC: Tolerance(20.0, 0.01, 0.9, 8.0, 8.0, 6.0, levels=255),
    Precision.INT8: Tolerance(20.0, 0.01, 0.9, 8.0, 8.0, 6.0, levels=255),
    Precision.INT16X8: Tolerance(30.0, 0.01, 0.9, 15.0, 15.0, 10.0, levels=65_535),
}
LOWER_IS_STRICTER = frozenset(["max_accuracy_drop"])
KEYS = PrecisionGate.__struct_fields__


def tolerance_for(precision: Precision, options: GateOptions) -> Tolerance:
    """The default tolerance of a precision, with what the options set.

    A key under the precision's name replaces the default. A bare key is for every precision: it replaces only
    what it makes stricter, unless `loosen` is set.
    """
    default, own = DEFAULT_TOLERANCES[precision], options.of(precision)
    chosen: dict[str, float] = {}
    for key in KEYS:
        bare, given = getattr(options, key), getattr(own, key)
        if given is not None:
            chosen[key] = given
        elif bare is not None and (options.loosen or is_stricter(key, bare, getattr(default, key))):
            chosen[key] = bare
    is_asked = default.is_sqnr_asked or "min_sqnr_db" in chosen
    return msgspec.structs.replace(default, **chosen, is_sqnr_asked=is_asked)


def is_stricter(key: str, value: float, than: float) -> bool:
    """True where a value of a key asks for as much as another, or more."""
    return value <= than if key in LOWER_IS_STRICTER else value >= than


def check_effect(options: GateOptions) -> None:
    """Raise UsageError for a bare key that is looser than every default: it would do nothing."""
    if options.loosen:
        return
    for key in KEYS:
        value = getattr(options, key)
        defaults = [getattr(each, key) for each in DEFAULT_TOLERANCES.values()]
        if value is not None and not any(is_stricter(key, value, default) for default in defaults):
            raise UsageError(
                f"gate.{key}={value:g} is looser than every default, and a bare key loosens none",
                hint=f"name the precision (gate.int8.{key}={value:g}), or set gate.loosen=true",
            )


def demanded(tolerance: Tolerance, budget: BudgetOptions) -> Tolerance:
    """The gate's tolerance, with what the budget sets in its place."""
    given = {"min_sqnr_db": budget.sqnr_db, "max_accuracy_drop": budget.accuracy_drop}
    return msgspec.structs.replace(
        tolerance, **{name: value for name, value in given.items() if value is not None}
    )


def demand(precision: Precision, gate: GateOptions, budget: BudgetOptions | None) -> Tolerance:
    """What the gate allows, the budget's limits in place of the gate's for INT8 where there is a budget."""
    tolerance = tolerance_for(precision, gate)
    return demanded(tolerance, budget) if budget and precision is Precision.INT8 else tolerance


def stricter(one: Tolerance, other: Tolerance) -> Tolerance:
    """What passes both."""
    chosen = {
        key: min(getattr(one, key), getattr(other, key))
        if key in LOWER_IS_STRICTER
        else max(getattr(one, key), getattr(other, key))
        for key in KEYS
    }
    return Tolerance(
        **chosen,
        is_sqnr_asked=one.is_sqnr_asked or other.is_sqnr_asked,
        levels=max(one.levels, other.levels),
        is_half=one.is_half and other.is_half,
    )
