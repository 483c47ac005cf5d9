"""`convertkit validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict, Unpack

import click
import msgspec
from rich.console import Console
from rich.table import Table

from convertkit.artifacts.formats import Precision
from convertkit.cli import flags
from convertkit.cli.progress import say
from convertkit.errors import GateError, UsageError, did_you_mean
from convertkit.recipe import Recipe
from convertkit.render.numbers import format_cosine, format_error, format_share, format_sqnr_db
from convertkit.render.parts import describe_interval, describe_samples, describe_slice
from convertkit.render.summary import axis_detail, axis_state
from convertkit.validation.judgement import Judgement
from convertkit.validation.source_finite import ADVICE
from convertkit.verbs.recorded import is_run
from convertkit.verbs.validate import validate_artifacts, validate_run
from convertkit.words import WeightWords, worded_recipe
from convertkit.workers.process import Tell

TAKES = "validate A B, validate RUN, or validate A RUN"


@click.command()
@click.argument("reference", metavar="A", type=click.Path(path_type=Path))
@click.argument("candidate", metavar="[B]", required=False, type=click.Path(path_type=Path))
@flags.samples
@flags.inputs
@click.option(
    "--map", "pairs", multiple=True, metavar="A=B", help="An input or output of A, and what B calls it."
)
@flags.factory
@click.option("--precision", help="Whose tolerance applies  [default: what B's name tells, else float32].")
@flags.settings
@flags.allow_code
@flags.as_json
def command(
    reference: Path,
    candidate: Path | None,
    samples: str | None,
    inputs: tuple[str, ...],
    pairs: tuple[str, ...],
    precision: str | None,
    settings: tuple[str, ...],
    allow_code: bool,
    as_json: bool,
    **weights: Unpack[WeightWords],
) -> int:
    """Compare B with A on the same samples; any two artifacts, any formats.

    The folder of a run stands for the artifacts that it ships: alone they are compared with the run's source,
    as B with A.
    """
    recipe = worded_recipe(samples=samples, inputs=inputs, settings=settings, **weights)
    found = judged(
        reference,
        candidate,
        recipe,
        pairs=pairs,
        precision=parse_precision(precision),
        allow_code=allow_code,
        tell=say,
    )
    if as_json:
        rows = [{"path": str(path), **fields(judgement)} for path, judgement in found]
        shown = rows if is_run(candidate or reference) else fields(found[0][1])
        click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
    for path, judgement in found if not as_json else ():
        if is_run(candidate or reference):
            click.echo(f"{path}:")
        show(judgement)
    return GateError.exit_code if any(judgement.reason for _, judgement in found) else 0


class Given(TypedDict):
    """What both ways of judging take."""

    pairs: tuple[str, ...]
    precision: Precision | None
    allow_code: bool
    tell: Tell


def judged(
    reference: Path, candidate: Path | None, recipe: Recipe, **given: Unpack[Given]
) -> list[tuple[Path, Judgement]]:
    """Each artifact to judge, with what is said of it.

    Raises:
        UsageError: a file alone, or a run before another path.
    """
    if candidate is None and is_run(reference):
        return validate_run(reference, recipe, **given)
    if candidate is None:
        raise UsageError(f"{reference} is no run's folder: there is nothing to compare it with", hint=TAKES)
    if is_run(reference):
        raise UsageError(f"{reference} is a run's folder, which stands for several artifacts", hint=TAKES)
    if is_run(candidate):
        return validate_run(candidate, recipe, reference=reference, **given)
    return [(candidate, validate_artifacts(reference, candidate, recipe, **given))]


def fields(judgement: Judgement) -> dict[str, Any]:
    """What `--json` says of an artifact."""
    names = ("reason", "vs_source", "accuracy", "dynamic_axes", "nonfinite")
    return {name: getattr(judgement, name) for name in names}


def parse_precision(text: str | None) -> Precision | None:
    """The precision of that name."""
    if text is not None and text not in list(Precision):
        raise UsageError(f"unknown precision '{text}'", hint=did_you_mean(text, list(Precision)))
    return Precision(text) if text else None


def show(judgement: Judgement) -> None:
    """Metrics of every output, then the verdict."""
    console = Console(highlight=False)
    rows = judgement.vs_source.outputs if judgement.vs_source else ()
    if rows:
        table = Table("Output", "SQNR, dB", "Max error", "RMSE", "Cosine", "Top-1", box=None, pad_edge=False)
        for row in rows:
            table.add_row(
                row.name,
                format_sqnr_db(row.sqnr_db),
                format_error(row.max_abs_error),
                format_error(row.rmse),
                format_cosine(row.cosine),
                format_share(row.top1_agreement),
            )
        console.print(table)
        for row in rows:
            if row.agreement is None:
                parts = f"worst slice {describe_slice(row)}, samples (p5) {describe_samples(row)}, dB"
                console.print(f"{row.name}: {parts}", markup=False, soft_wrap=True)
    for axis in judgement.dynamic_axes:
        state = f"{axis_state(axis)}{axis_detail(axis)}"
        console.print(f"dynamic axis '{axis.name}' of '{axis.input}': {state}", markup=False)
    if judgement.accuracy is not None:
        interval = describe_interval(judgement.accuracy)
        console.print(
            f"accuracy {judgement.accuracy.value:.4f}, drop {judgement.accuracy.drop:+.4f}"
            f"{', ' + interval if interval else ''}"
        )
    for note in notes_of(judgement):
        console.print(note, markup=False, soft_wrap=True)
    verdict = f"FAILED: {judgement.reason}" if judgement.reason else "PASSED"
    console.print(verdict, markup=False, soft_wrap=True)
    if judgement.nonfinite is not None and judgement.nonfinite.refusal:
        console.print(f"  hint: {ADVICE}", markup=False, soft_wrap=True)


def notes_of(judgement: Judgement) -> tuple[str, ...]:
    """What to know of a verdict: NaN of A that was accepted, then what the gate says."""
    nonfinite = judgement.nonfinite
    accepted = (nonfinite.note,) if nonfinite is not None and nonfinite.is_accepted else ()
    return (*accepted, *(judgement.vs_source.notes if judgement.vs_source else ()))
