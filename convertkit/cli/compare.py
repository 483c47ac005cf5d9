"""`convertkit compare`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console

from convertkit.cli import flags
from convertkit.errors import GateError, UsageError, did_you_mean
from convertkit.render.difference import render_difference
from convertkit.report.difference import Allowed
from convertkit.verbs.compare import compare_any
from convertkit.words import worded_recipe


@click.command()
@click.argument("before", metavar="A", type=click.Path(path_type=Path))
@click.argument("after", metavar="B", type=click.Path(path_type=Path))
@click.option(
    "--max-regression",
    "limits",
    multiple=True,
    metavar="FIGURE=N",
    help="How much worse B may be: size=0.02 and latency=0.1 (fractions), sqnr=3 (dB), accuracy=0.005.",
)
@flags.samples
@flags.settings
@flags.allow_code
@flags.as_json
def command(
    before: Path,
    after: Path,
    limits: tuple[str, ...],
    samples: str | None,
    settings: tuple[str, ...],
    allow_code: bool,
    as_json: bool,
) -> int:
    """Compare run B with run A (folders, report.json, or bundles), or artifact B with artifact A.

    Of runs the reports are read, nothing is run: size, latency, SQNR, accuracy, signatures, versions. A
    changed name, order, type or axis order is always a regression. Exit code 7 where B is worse than allowed.
    """
    recipe = worded_recipe(samples=samples, settings=settings)
    found = compare_any(before, after, recipe, allowed(limits), allow_code=allow_code)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        Console(highlight=False).print(render_difference(found))
    return GateError.exit_code if found.regressions else 0


def allowed(limits: tuple[str, ...]) -> Allowed:
    """The defaults with what `FIGURE=N` puts in their place.

    Raises:
        UsageError: no such figure, or no number from 0 on.
    """
    names = {field.removesuffix("_db"): field for field in Allowed.__struct_fields__}
    values: dict[str, float] = {}
    for text in limits:
        name, _, number = text.partition("=")
        if name not in names:
            raise UsageError(f"--max-regression '{text}'", hint=did_you_mean(name, list(names)))
        values[names[name]] = positive(number, text)
    return Allowed(**values)


def positive(number: str, text: str) -> float:
    """A number from 0 on."""
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise UsageError(f"--max-regression '{text}': '{number}' is no number from 0 on", hint="size=0.02")
    return value
