"""What is looked at before the first hop: the source's own outputs, and the samples that calibrate."""

from __future__ import annotations

from pathlib import Path

import msgspec

from convertkit.calibration.activations import check_activations
from convertkit.calibration.evidence import weigh
from convertkit.calibration.finding import Finding, refuse
from convertkit.errors import UsageError
from convertkit.recipe import Recipe
from convertkit.run.prepare import Prepared, find_unfit
from convertkit.samples.intake import Intake
from convertkit.validation.source_finite import NonfiniteSource, find_nonfinite
from convertkit.validation.validator import Validator, check_comparable
from convertkit.workers.pool import Workers


class Examined(msgspec.Struct, frozen=True):
    """What was found before the first hop.

    Attributes:
        findings: about the samples that calibrate.
        nonfinite: samples for which the source itself gives NaN or Inf; None where there is none.
    """

    findings: tuple[Finding, ...] = ()
    nonfinite: NonfiniteSource | None = None

    @property
    def refusal(self) -> str:
        """Why no hop is run, one line; empty where they are."""
        return self.nonfinite.refusal if self.nonfinite else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for the report."""
        return (*([self.nonfinite.note] if self.nonfinite else []), *(found.note for found in self.findings))


def examine(
    prepared: Prepared, intake: Intake, validator: Validator, workers: Workers, scratch: Path
) -> Examined:
    """Look at the source's outputs, then at the samples that calibrate.

    Raises:
        UsageError: the budget is one of accuracy, and there are no labels.
        SamplesError: the samples are unfit to calibrate with.
        NotMeasuredError: an output of the source has nothing that could be compared.
    """
    recipe = prepared.recipe
    check_labels(recipe, intake)
    outputs, threads = validator.source_outputs, recipe.bench.threads
    found = Examined((), find_nonfinite(outputs, intake, workers, scratch, recipe.gate, threads))
    if found.refusal:
        return found
    check_comparable(outputs)
    if not prepared.needs_calibration:
        return found
    findings = judge_samples(prepared, intake, validator)
    findings += check_activations(intake, workers, scratch, threads)
    return Examined(findings, found.nonfinite)


def check_labels(recipe: Recipe, intake: Intake) -> None:
    """Raise UsageError where the budget is one of accuracy, and no label tells what is accurate."""
    if (
        recipe.budget is not None
        and recipe.budget.accuracy_drop is not None
        and intake.samples.labels is None
    ):
        raise UsageError(
            "budget.accuracy_drop needs labels", hint="add an array 'labels' to the samples, or set sqnr_db"
        )


def judge_samples(prepared: Prepared, intake: Intake, validator: Validator) -> tuple[Finding, ...]:
    """What is said of the samples that calibrate, by themselves and by the source model.

    Raises:
        SamplesError: they are unfit to calibrate with.
    """
    findings = prepared.findings
    if findings is None:
        findings = find_unfit(intake.samples, prepared.recipe)
    findings = weigh(findings, validator, intake, prepared.recipe.sampling)
    refuse(findings)
    return findings
