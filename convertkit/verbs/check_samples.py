"""Samples on their own, checked as before a hop that calibrates; nothing is converted."""

from __future__ import annotations

from pathlib import Path

import msgspec

from convertkit.calibration.activations import check_activations
from convertkit.calibration.checks import check_calibration
from convertkit.calibration.evidence import undecided, weigh
from convertkit.calibration.finding import Finding, errors_of
from convertkit.recipe import Recipe
from convertkit.samples.apart import split
from convertkit.samples.asked import asked_of
from convertkit.samples.intake import source_loader, take_in
from convertkit.samples.reading import read_early
from convertkit.samples.samples import Samples, Split
from convertkit.sources import check_trusted, inspect_source
from convertkit.validation.validator import Validator, check_comparable
from convertkit.verbs.opening import opened, silent
from convertkit.workers.process import Tell


class SamplesChecked(msgspec.Struct, frozen=True):
    """What `convertkit samples check` prints.

    Attributes:
        count, calibration, validation: samples in all, and in each split.
        has_run: whether the model was run: on labelled samples, and to see its activations.
    """

    path: str
    count: int
    calibration: int
    validation: int
    has_run: bool
    findings: tuple[Finding, ...]

    @property
    def is_passed(self) -> bool:
        """True without an error."""
        return not errors_of(self.findings)


def check_samples(
    model: Path, recipe: Recipe, *, allow_code: bool = False, tell: Tell = silent
) -> SamplesChecked:
    """Findings about the recipe's samples for a model; no worker starts where they are unfit by themselves.

    Raises:
        ConvertkitError: the model cannot be used, or the samples cannot even be read or fitted to it.
    """
    file = inspect_source(model)
    check_trusted(file, allow_code=allow_code)
    loader = source_loader(file, recipe, allow_code=allow_code)
    path = Path(recipe.samples or "")
    early = read_early(file, asked_of(recipe), path, recipe.sampling, needs_calibration=True)
    if early[0] is not None:
        samples = early[0]
        rows = split(samples, recipe.sampling, needs_calibration=True)
        findings = check_calibration(samples, rows, recipe.sampling)
        if errors_of(undecided(findings, samples)):
            return checked(path, samples, rows, findings, has_run=False)
    with opened(recipe, tell) as (workers, scratch):
        intake = take_in(
            file,
            loader,
            early,
            path,
            recipe.sampling,
            asked_of(recipe),
            needs_calibration=True,
            workers=workers,
            scratch=scratch,
        )
        findings = check_calibration(intake.samples, intake.split, recipe.sampling)
        has_run = not errors_of(undecided(findings, intake.samples))
        if has_run and intake.samples.labels is not None:
            validator = Validator(workers, intake, scratch, recipe.gate, recipe.bench.threads)
            check_comparable(validator.source_outputs)
            findings = weigh(findings, validator, intake, recipe.sampling)
        if has_run:
            findings += check_activations(intake, workers, scratch, recipe.bench.threads)
    return checked(path, intake.samples, intake.split, findings, has_run=has_run)


def checked(
    path: Path, samples: Samples, rows: Split, findings: tuple[Finding, ...], *, has_run: bool
) -> SamplesChecked:
    """The answer."""
    sizes = samples.count, len(rows.calibration), len(rows.validation)
    return SamplesChecked(str(path), *sizes, has_run, findings)
