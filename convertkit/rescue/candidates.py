"""What a rescue tries, in the order of cost: families of candidates, each a change to what was asked for.

A family is a generator: it yields candidates and is sent what became of each. Nothing here runs anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from typing import Any

import msgspec

from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.config.attempts import StageOptions
from convertkit.report.rescue import ORIGINAL

LITERT = "litert"
COMPENSATED = "compensated"


class Candidate(msgspec.Struct, frozen=True):
    """One artifact to be made.

    Attributes:
        change: in words, after "rescued by".
        calibration: numbers of the samples that calibrate.
    """

    family: str
    change: str
    target: Variant
    options: StageOptions
    calibration: tuple[int, ...]

    def is_same(self, other: Candidate) -> bool:
        """True where both are made the same way."""
        return (self.target, self.options, self.calibration) == (
            other.target,
            other.options,
            other.calibration,
        )


class Suspect(msgspec.Struct, frozen=True):
    """A tensor that loses much by being quantized.

    Attributes:
        tensor: its name in the float `.tflite`.
        outputs: names of the outputs of the operators that make it and that read it: it is float only where
            both sides are.
        module: path of the PyTorch module that makes it; empty where that is not known.
    """

    tensor: str
    outputs: tuple[str, ...]
    module: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What a family learns of its candidate."""

    is_passed: bool
    sqnr_db: float | None = None


class Case(msgspec.Struct, frozen=True):
    """What candidates are changes of.

    Attributes:
        base: what served best so far; at first what was asked for.
        spare: numbers of samples that neither calibrated nor validate.
        suspects: worst first; asked for only when the family's turn comes, because it takes time.
        prunes: whether a superset of exclusions that passed need not be tried: it is larger. Not so where
            latency decides.
    """

    base: Candidate
    spare: tuple[int, ...] = ()
    suspects: Callable[[], Sequence[Suspect]] = tuple
    prunes: bool = True


Proposals = Generator[Candidate, Outcome, None]


class Family(msgspec.Struct, frozen=True):
    """A kind of change.

    Attributes:
        is_costly: its candidates are larger or slower than those of the families before it, and not tried
            where one of those passed.
        reserve: how many candidates it has for sure, for which the families before it leave time.
    """

    name: str
    propose: Callable[[Case], Proposals]
    is_costly: bool = False
    reserve: int = 0


def changed(case: Case, family: str, change: str, **fields: Any) -> list[Candidate]:
    """The base with other fields of its stage's options; none where the stage refuses them together."""
    try:
        options = msgspec.structs.replace(case.base.options, **fields)  # type: ignore[type-var]
    except ValueError:
        return []
    return [msgspec.structs.replace(case.base, family=family, change=change, options=options)]


def one_by_one(candidates: Sequence[Candidate]) -> Proposals:
    """All of them, whatever becomes of each; `yield from` takes nothing that is sent to a list."""
    for candidate in candidates:
        _ = yield candidate


def compensated(case: Case) -> Proposals:
    """Weights rounded with compensation and biases corrected, on the samples that calibrate."""
    if getattr(case.base.options, "rounding", COMPENSATED) != COMPENSATED:
        change = "rounding weights with compensation"
        yield from one_by_one(changed(case, "rounding", change, rounding=COMPENSATED))


def more_samples(case: Case) -> Proposals:
    """Twice the calibration samples, and again, until all that do not validate."""
    chosen, spare = list(case.base.calibration), list(case.spare)
    while spare:
        more = spare[: len(chosen)]
        chosen, spare = [*chosen, *more], spare[len(more) :]
        change = f"{len(chosen)} calibration samples in place of {len(case.base.calibration)}"
        outcome = yield msgspec.structs.replace(
            case.base, family="calibration", change=change, calibration=tuple(sorted(chosen))
        )
        if outcome.is_passed and case.prunes:
            return


def other_ranges(case: Case) -> Proposals:
    """Every other way to choose a range from what calibration saw; TensorFlow's converter has only one."""
    for method in choices(case.base.options, "calibration"):
        yield from one_by_one(changed(case, "range", f"ranges by {method}", calibration=method))


def per_channel(case: Case) -> Proposals:
    """One scale per output channel of the weights, where the options gave that up."""
    if getattr(case.base.options, "per_channel", True) is False:
        change = "one scale per channel of the weights"
        yield from one_by_one(changed(case, "per-channel", change, per_channel=True))


def other_quantizer(case: Case) -> Proposals:
    """The quantizers that the base does not use."""
    for name in choices(case.base.options, "quantizer"):
        if name != "auto":
            yield from one_by_one(changed(case, "quantizer", f"the {name} quantizer", quantizer=name))


def exclusions(case: Case) -> Proposals:
    """The worst operators stay float: one group, two, four, …; once that passes, as few as still pass."""
    if not hasattr(case.base.options, "exclude"):
        return
    suspects = case.suspects()
    groups, worst = excluded_names(suspects), suspects[0].module if suspects else ""
    failing, count = 0, 1
    while count <= len(groups):
        outcome = yield excluding(case, groups[count - 1], worst)
        if outcome.is_passed and case.prunes:
            break
        failing, count = count, count + 1 if count == len(groups) else min(2 * count, len(groups))
    passing = count
    while passing <= len(groups) and passing - failing > 1:
        middle = (failing + passing) // 2
        outcome = yield excluding(case, groups[middle - 1], worst)
        failing, passing = (failing, middle) if outcome.is_passed else (middle, passing)


def excluded_names(suspects: Sequence[Suspect]) -> list[tuple[str, ...]]:
    """Operators to exclude for the worst suspect, the two worst, …; each set larger than the one before."""
    names: dict[str, None] = {}
    groups: list[tuple[str, ...]] = []
    for suspect in suspects:
        before = len(names)
        names |= dict.fromkeys(suspect.outputs)
        if len(names) > before:
            groups.append(tuple(names))
    return groups


def excluding(case: Case, names: Sequence[str], worst: str = "") -> Candidate:
    """The base by LiteRT's quantizer with some operators left float, their weights stored in float16."""
    asked: tuple[str, ...] = getattr(case.base.options, "exclude", ())
    patterns = (*asked, *(f"^{re.escape(name)}$" for name in names))
    change = f"excluding {len(names)} operator{'' if len(names) == 1 else 's'}"
    change += f" (worst: {worst})" if worst else ""
    fields = {"quantizer": LITERT, "exclude": patterns, "excluded_weights": "float16"}
    return changed(case, "exclusion", change, **fields)[0]


def int16x8(case: Case) -> Proposals:
    """Activations in 16 bits."""
    yield from in_precision(case, Precision.INT16X8, "activations in 16 bits")


def float16(case: Case) -> Proposals:
    """No integers at all."""
    yield from in_precision(case, Precision.FLOAT16, "float16 in place of INT8")


def in_precision(case: Case, precision: Precision, change: str) -> Proposals:
    """The same format at another precision, as it would be made if it were asked for; TFLite only."""
    if case.base.target.format is not Format.TFLITE:
        return
    asked = changed(case, str(precision), change, quantizer="auto")[0]
    for options in asked.options.attempts(precision=precision, has_dynamic_axes=True):
        by = f", by {options.converter}" if precision.is_integer else ""
        yield msgspec.structs.replace(
            asked, change=change + by, target=Variant(Format.TFLITE, precision), options=options
        )


FAMILIES = (
    Family("rounding", compensated),
    Family("calibration", more_samples),
    Family("range", other_ranges),
    Family("per-channel", per_channel),
    Family("quantizer", other_quantizer),
    Family("exclusion", exclusions, is_costly=True),
    Family("int16x8", int16x8, is_costly=True, reserve=1),
    Family("float16", float16, is_costly=True, reserve=1),
)
"""Every family, the cheapest first."""


def choices(options: StageOptions, field: str) -> list[str]:
    """The other values that a literal option may have; none where the stage has no such option."""
    for entry in msgspec.inspect.type_info(type(options)).fields:  # type: ignore[attr-defined]
        if entry.name == field and isinstance(entry.type, msgspec.inspect.LiteralType):
            current = getattr(options, field)
            return [str(value) for value in entry.type.values if value != current]
    return []


def original(target: Variant, options: StageOptions, calibration: tuple[int, ...]) -> Candidate:
    """What was asked for."""
    by = f"{options.converter}, weights rounded with compensation" if options.grid else options.converter
    return Candidate(ORIGINAL, f"as asked for, by {by}", target, options, calibration)
