"""`convertkit samples check`."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click
import msgspec

from convertkit.cli import flags
from convertkit.cli.progress import say
from convertkit.errors import SamplesError
from convertkit.verbs.check_samples import SamplesChecked, check_samples
from convertkit.words import WeightWords, worded_recipe


@click.group(short_help="Check samples before they calibrate.")
def command() -> None:
    """Check samples before they calibrate an INT8 model."""


@command.command()
@click.argument("samples", metavar="PATH", type=click.Path())
@click.option(
    "--model", required=True, type=click.Path(path_type=Path), help="The model that they are samples for."
)
@click.option("--recipe", metavar="NAME-OR-FILE", help="How the samples are split, and images prepared.")
@flags.calibration_samples
@flags.inputs
@flags.factory
@flags.settings
@flags.allow_code
@flags.as_json
def check(
    samples: str,
    calibration_samples: str | None,
    model: Path,
    recipe: str | None,
    inputs: tuple[str, ...],
    settings: tuple[str, ...],
    allow_code: bool,
    as_json: bool,
    **weights: Unpack[WeightWords],
) -> int:
    """Check the samples at PATH as before an INT8 hop, without converting anything.

    Count, constants, duplicates, channels, value range, what calibration and validation see of it, classes;
    whether the ranges inside the model are known from so many samples; and, where labels are given, whether
    the model is right on them. An error stops a run that calibrates; a warning does not. Exit code 0 without
    an error, 6 with one.
    """
    chosen = worded_recipe(
        recipe=recipe,
        samples=samples,
        calibration_samples=calibration_samples,
        inputs=inputs,
        **weights,
        settings=settings,
    )
    result = check_samples(model, chosen, allow_code=allow_code, tell=say)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    else:
        show(result)
    return 0 if result.is_passed else SamplesError.exit_code


def show(result: SamplesChecked) -> None:
    """One line a finding and one for its hint; then the sum."""
    split = f"{result.calibration} calibrate, {result.validation} validate"
    click.echo(f"{result.path}: {result.count} samples, {split}")
    for finding in result.findings:
        click.echo(f"{finding.severity:<8}  {finding.check:<11}  {finding.message}")
        if finding.hint:
            click.echo(f"{'':<23}{finding.hint}")
    count = dict.fromkeys(("error", "warning", "accepted"), 0)
    for finding in result.findings:
        count[finding.severity] += 1
    said = ", ".join(
        f"{number} {name}{'s' if number > 1 and name != 'accepted' else ''}"
        for name, number in count.items()
        if number
    )
    click.echo(said or "no finding")
