"""`convertkit blame`."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click
import msgspec

from convertkit.attribution.blamer import SAMPLES
from convertkit.attribution.files import add_drift, write_blame
from convertkit.cli import flags
from convertkit.cli.progress import say
from convertkit.render.blame import TOP, render_blame
from convertkit.verbs.blame import blame_run
from convertkit.words import WeightWords, worded_recipe


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--of", metavar="VARIANT", help="Only this artifact, for example tflite:int8.")
@click.option(
    "--against", metavar="VARIANT", help="What it is compared with  [default: its format in float]."
)
@click.option("--all-hops", is_flag=True, help="Float artifacts too, each against the one it was made from.")
@flags.samples
@click.option("--count", default=SAMPLES, show_default=True, type=click.IntRange(1), help="Samples to run.")
@click.option("--top", default=TOP, show_default=True, type=click.IntRange(1), help="Operators to show.")
@flags.factory
@flags.settings
@flags.allow_code
@flags.as_json
def command(
    run: Path,
    of: str | None,
    against: str | None,
    all_hops: bool,
    samples: str | None,
    count: int,
    top: int,
    settings: tuple[str, ...],
    allow_code: bool,
    as_json: bool,
    **weights: Unpack[WeightWords],
) -> int:
    """Find the operators of RUN (the folder of a run) that lose most, and their PyTorch modules.

    Every INT8 or float16 artifact is compared with the float one of its format, tensor by tensor, also one
    that failed its gate. The table, JSON and a plot are written to RUN/blame, the drift of every tensor into
    the report and its page.
    """
    found = blame_run(
        run,
        worded_recipe(samples=samples, settings=settings, **weights),
        of=of,
        against=against,
        all_hops=all_hops,
        count=count,
        allow_code=allow_code,
        tell=say,
    )
    plots = [write_blame(each, run) for each in found]
    add_drift(found, run)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return 0
    for each, plot in zip(found, plots, strict=True):
        click.echo(render_blame(each, top))
        if each.rows:
            click.echo(f"Plot: {plot}\n")
    return 0
