"""The gate: whether an artifact's outputs are still the source's. Fails first on what no metric can see."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import msgspec

from convertkit.artifacts.signature import Array, Arrays
from convertkit.validation.accuracy import Accuracy, accuracy_fault, undecided
from convertkit.validation.compare import OutputMetrics, is_discrete, output_metrics
from convertkit.validation.constancy import constancy_fault, missing_value_fault, slice_constancy_fault
from convertkit.validation.grounds import Grounds
from convertkit.validation.noise import asked_of, floor_db, rounding_noise
from convertkit.validation.notes import mostly_noise_note, noise_note, offset_note
from convertkit.validation.per_sample import SampleVerdict, judge_samples
from convertkit.validation.powers import Powers, measure_powers
from convertkit.validation.slices import (
    Slices,
    least_variation_db,
    slice_fault,
    slices_of,
    variation_fault,
    worst_slice,
)
from convertkit.validation.structure import finite_fault, structural_fault, with_infinities
from convertkit.validation.tolerance import Tolerance

Verdict = str
PASSED: Verdict = "passed"
FAILED: Verdict = "failed"


class Check(IntEnum):
    """The checks of a gate, in the order in which a fault is told."""

    FINITE = 0
    CONSTANCY = 1
    WHOLE = 2
    SLICES = 3
    SAMPLES = 4
    ACCURACY = 5


class Fault(msgspec.Struct, frozen=True, order=True):
    """What a check found wrong: one line."""

    check: Check
    text: str


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One artifact against another.

    Attributes:
        outputs: empty where the outputs could not be compared at all.
        reason: why the verdict is `failed`, one line; empty when passed.
        notes: what to know of a verdict, passed or not: lost samples, the source's own noise, what decided.
    """

    outputs: tuple[OutputMetrics, ...]
    verdict: Verdict
    tolerance: Tolerance
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_passed(self) -> bool:
        """True where the gate let it through."""
        return self.verdict == PASSED

    @property
    def lowest_sqnr_db(self) -> float | None:
        """The lowest of any float output, of any where there are none; None where nothing was compared."""
        floats = [row.sqnr_db for row in self.outputs if row.agreement is None]
        return min(floats or [row.sqnr_db for row in self.outputs], default=None)


class Judged(msgspec.Struct, frozen=True):
    """One output, measured and judged."""

    row: OutputMetrics
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]


def judge(
    reference: Arrays,
    candidate: Arrays,
    tolerance: Tolerance,
    *,
    accuracy: Accuracy | None = None,
    grounds: Grounds | None = None,
) -> Comparison:
    """Compare two sets of outputs, logical, in the same order of samples.

    Args:
        reference: outputs of the source or of the previous artifact.
        accuracy: where given, it decides for the output that holds the scores, if it is sure enough.
    """
    broken = structural_fault(reference, candidate)
    if broken:
        return Comparison((), FAILED, tolerance, broken)
    grounds = grounds or Grounds()
    most = tolerance.max_accuracy_drop
    decides = accuracy.output if accuracy is not None and accuracy.can_decide(most) else None
    judged = [
        judge_output(name, reference[name], candidate[name], tolerance, grounds, by_accuracy=name == decides)
        for name in reference
    ]
    faults = [fault for each in judged for fault in each.faults]
    notes = [note for each in judged for note in each.notes]
    if accuracy is not None:
        faults.append(Fault(Check.ACCURACY, accuracy_fault(accuracy, most)))
        notes.append(undecided(accuracy, most))
    first = min((fault for fault in faults if fault.text), key=lambda fault: fault.check, default=None)
    return Comparison(
        tuple(each.row for each in judged),
        FAILED if first else PASSED,
        tolerance,
        first.text if first else "",
        tuple(note for note in notes if note),
    )


def judge_output(
    name: str,
    reference: Array,
    candidate: Array,
    tolerance: Tolerance,
    grounds: Grounds,
    *,
    by_accuracy: bool,
) -> Judged:
    """One output, of the same shape and kind in both.

    Args:
        by_accuracy: its figures do not decide, but for an SQNR that was asked for; what is broken fails.
    """
    valid, itself = grounds.masks.get(name), grounds.noise.get(name)
    noise = rounding_noise(itself, grounds.half)
    reference, candidate = with_infinities(reference, candidate, is_half=tolerance.is_half)
    powers = measure_powers(reference, candidate, valid)
    row = output_metrics(name, reference, candidate, powers=powers, valid=valid)
    finite = finite_fault(name, reference, candidate, valid)
    if finite:
        return Judged(row, (Fault(Check.FINITE, finite),), ())
    if is_discrete(reference):
        return judge_discrete(row, reference, candidate, powers, tolerance)
    wanted, tolerance = tolerance, asked_of(tolerance, noise)
    slices = tuple(slices_of(powers, noise, tolerance))
    rows = grounds.rows or range(len(reference))
    samples = judge_samples(name, reference, powers, noise, tolerance, rows=rows, valid=valid)
    row = msgspec.structs.replace(
        row,
        worst_slice=worst_slice(slices),
        sample_sqnr_p5_db=samples.p5_db,
        noise_floor_db=floor_db(itself),
        lost_samples=samples.lost,
        worst_samples=samples.worst,
        variation_db=least_variation_db(slices, powers, noise, tolerance),
    )
    faults = [
        Fault(Check.CONSTANCY, constancy_fault(name, powers, noise)),
        Fault(Check.CONSTANCY, slice_constancy_fault(name, slices, powers, noise)),
    ]
    if not by_accuracy or tolerance.is_sqnr_asked:
        faults.append(Fault(Check.WHOLE, sqnr_fault(row, tolerance)))
    if not by_accuracy:
        faults += float_faults(name, powers, slices, samples, tolerance, noise)
    notes = (
        samples.note,
        noise_note(row, wanted, grounds.half),
        offset_note(row, powers, noise),
        mostly_noise_note(row) if by_accuracy else "",
    )
    return Judged(row, tuple(faults), notes)


def judge_discrete(
    row: OutputMetrics, reference: Array, candidate: Array, powers: Powers, tolerance: Tolerance
) -> Judged:
    """An output of integers or booleans."""
    faults = (
        Fault(Check.CONSTANCY, constancy_fault(row.name, powers, None)),
        Fault(Check.WHOLE, agreement_fault(row, tolerance)),
        Fault(Check.SLICES, missing_value_fault(row.name, reference, candidate)),
    )
    return Judged(row, faults, ())


def float_faults(
    name: str,
    powers: Powers,
    slices: Sequence[Slices],
    samples: SampleVerdict,
    tolerance: Tolerance,
    noise: Powers | None,
) -> list[Fault]:
    """What the slices and the samples of a float output break."""
    return [
        Fault(Check.SLICES, slice_fault(name, slices, tolerance)),
        Fault(Check.SLICES, variation_fault(name, slices, powers, noise, tolerance)),
        Fault(Check.SAMPLES, samples.fault),
    ]


def agreement_fault(row: OutputMetrics, tolerance: Tolerance) -> str:
    """What an integer or boolean output breaks; empty where it breaks nothing."""
    if row.agreement is None or row.agreement >= tolerance.min_agreement:
        return ""
    least = f"{tolerance.min_agreement:.1%}"
    return f"output '{row.name}': {row.agreement:.1%} of the entries agree, fewer than {least}"


def sqnr_fault(row: OutputMetrics, tolerance: Tolerance) -> str:
    """What a float output breaks as a whole; empty where it breaks nothing."""
    asked = tolerance.min_sqnr_db
    if row.sqnr_db >= asked:
        return ""
    return (
        f"output '{row.name}': {row.sqnr_db:.1f} dB SQNR, below {float(f'{asked:.1f}'):g} dB "
        f"(max error {row.max_abs_error:.3g})"
    )
