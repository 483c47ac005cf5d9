"""What is looked at before the first hop: the source's own outputs, and the samples that calibrate."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from convertkit.calibration.activations import check_activations
from convertkit.calibration.evidence import FEWEST_LABELS, weigh
from convertkit.calibration.finding import Finding, refuse
from convertkit.errors import UsageError
from convertkit.recipe import Recipe
from convertkit.run.prepare import Prepared, find_unfit
from convertkit.samples.intake import Intake
from convertkit.validation.accuracy import measure_accuracy
from convertkit.validation.source_finite import NonfiniteSource, find_nonfinite
from convertkit.validation.validator import Validator, check_comparable
from convertkit.workers.pool import Workers


class Examined(msgspec.Struct, frozen=True):
    """What was found before the first hop.

    Attributes:
        findings: about the samples that calibrate.
        nonfinite: samples for which the source itself gives NaN or Inf; None where there is none.
        chance: that the source is right no more often than a guess; empty where it is, or no label tells.
    """

    findings: tuple[Finding, ...] = ()
    nonfinite: NonfiniteSource | None = None
    chance: str = ""

    @property
    def refusal(self) -> str:
        """Why no hop is run, one line; empty where they are."""
        return self.nonfinite.refusal if self.nonfinite else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for the report."""
        first = [*([self.nonfinite.note] if self.nonfinite else []), *([self.chance] if self.chance else [])]
        return (*first, *(found.note for found in self.findings))


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
    found = msgspec.structs.replace(found, chance=chance_note(validator, intake))
    if not prepared.needs_calibration:
        return found
    findings = judge_samples(prepared, intake, validator)
    findings += check_activations(intake, workers, scratch, threads)
    return msgspec.structs.replace(found, findings=findings)


def chance_note(validator: Validator, intake: Intake) -> str:
    """What to say of a source that is right on its labelled samples no more often than a guess."""
    if intake.samples.labels is None:
        return ""
    labels, outputs = intake.samples.labels[np.asarray(intake.split.validation)], validator.source_outputs
    accuracy = measure_accuracy(outputs, outputs, labels)
    if accuracy is None or not accuracy.is_chance or accuracy.samples < FEWEST_LABELS:
        return ""
    return (
        f"the source model is right on {accuracy.value:.1%} of {accuracy.samples} labelled samples, no "
        "better than a guess: it is not trained, or these are not its labels"
    )


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
