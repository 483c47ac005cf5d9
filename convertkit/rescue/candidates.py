"""Candidates of a rescue, each a change to what was asked for, and what proposes them. Runs nothing.

A family is a generator: it yields candidates and is sent what became of each.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import msgspec

from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.config.attempts import StageOptions
from convertkit.report.rescue import ORIGINAL

LITERT = "litert"


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


class Worth(msgspec.Struct, frozen=True):
    """What it is worth to leave operators float, measured.

    Attributes:
        outputs: names of what they give.
        gain: the part of the error that goes, 1 for all of it; negative where it grows.
        size_bytes: by how much the file grows.
    """

    outputs: tuple[str, ...]
    gain: float
    size_bytes: int


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
        worths: the suspects measured in an artifact made like the base, in any order; costly as well.
        base_db: the SQNR of the base; None where it has none.
        floor_db: the SQNR that an artifact has to have.
        attends: whether what was asked for has only operators with weights as integer ones, since it attends.
        prunes: whether a superset of exclusions that passed need not be tried: it is larger. Not so where
            latency decides.
    """

    base: Candidate
    spare: tuple[int, ...] = ()
    suspects: Callable[[], Sequence[Suspect]] = tuple
    worths: Callable[[Candidate, Sequence[Suspect]], Sequence[Worth]] = lambda base, suspects: ()
    base_db: float | None = None
    floor_db: float = 0.0
    attends: bool = False
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


def choices(options: StageOptions, field: str) -> list[str]:
    """The other values that a literal option may have; none where the stage has no such option."""
    for entry in msgspec.inspect.type_info(type(options)).fields:  # type: ignore[attr-defined]
        if entry.name == field and isinstance(entry.type, msgspec.inspect.LiteralType):
            current = getattr(options, field)
            return [str(value) for value in entry.type.values if value != current]
    return []


def original(target: Variant, options: StageOptions, calibration: tuple[int, ...]) -> Candidate:
    """What was asked for."""
    is_compensated = getattr(options, "rounding", "") == "compensated"
    by = f"{options.converter}, weights rounded with compensation" if is_compensated else options.converter
    return Candidate(ORIGINAL, f"as asked for, by {by}", target, options, calibration)
