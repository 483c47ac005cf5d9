"""The product's gate on a case of the corpus: verdicts and margins. Nothing else here calls the gate."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.gate_corpus_case import Arrays, Case
from convertkit.artifacts.formats import Precision
from convertkit.validation.accuracy import measure_accuracy
from convertkit.validation.compare import OutputMetrics
from convertkit.validation.gate import Comparison, judge
from convertkit.validation.grounds import Grounds
from convertkit.validation.noise import measure_noise
from convertkit.validation.tolerance import DEFAULT_TOLERANCES, Tolerance


@dataclass(frozen=True)
class Margin:
    """How far an artifact is from failing, decibels above the tolerance; None where nothing was judged.

    Attributes:
        whole, slices, samples, variation: of the worst output.
        lost: the largest share of an output's samples that are below their tolerance.
        floor_db: the source against itself, of the output with most noise.
    """

    whole: float | None
    slices: float | None
    samples: float | None
    lost: float
    floor_db: float | None
    variation: float | None = None


def grounds_of(case: Case) -> Grounds:
    """What the case is judged with, as the validator would find out."""
    return Grounds(noise=measure_noise(case.source, case.again, case.masks), masks=case.masks)


def compared(
    case: Case, outputs: Arrays, *, by_labels: bool = False, grounds: Grounds | None = None
) -> Comparison:
    """The gate's comparison of outputs with the case's source, by the tolerance of its precision.

    Args:
        by_labels: let accuracy decide where it can, as the gate does for integer artifacts.
    """
    tolerance = DEFAULT_TOLERANCES[Precision(case.precision)]
    labels = case.labels if by_labels else None
    accuracy = measure_accuracy(case.source, outputs, labels)
    return judge(case.source, outputs, tolerance, accuracy=accuracy, grounds=grounds or grounds_of(case))


def margin(comparison: Comparison) -> Margin:
    """How far the artifact is from each tolerance."""
    floats = [row for row in comparison.outputs if row.agreement is None]
    asked = comparison.tolerance
    return Margin(
        whole=least([row.sqnr_db - asked_of(row, asked) for row in floats]),
        slices=least(
            [row.worst_slice.sqnr_db - asked.min_slice_sqnr_db for row in floats if row.worst_slice]
        ),
        samples=least(
            [
                row.sample_sqnr_p5_db - asked.min_sample_sqnr_db
                for row in floats
                if row.sample_sqnr_p5_db is not None
            ]
        ),
        lost=max((row.lost_samples for row in floats), default=0),
        floor_db=least([row.noise_floor_db for row in floats if row.noise_floor_db is not None]),
        variation=least(
            [row.variation_db - asked.min_variation_db for row in floats if row.variation_db is not None]
        ),
    )


def asked_of(row: OutputMetrics, tolerance: Tolerance) -> float:
    """What is asked of the whole output: the tolerance, or what the source holds."""
    return tolerance.min_sqnr_db if row.noise_floor_db is None else min(
        tolerance.min_sqnr_db, row.noise_floor_db - 6.0
    )  # fmt: skip


def least(values: list[float]) -> float | None:
    return min(values, default=None)
