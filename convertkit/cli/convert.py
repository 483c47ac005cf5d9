"""`convertkit convert`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Unpack

import click
import msgspec
from rich.console import Console

from convertkit.api import convert, run_folder
from convertkit.cli import flags
from convertkit.cli.planned import plan_lines
from convertkit.cli.progress import AsideProgress, ConsoleProgress
from convertkit.cli.step_summary import add_step_summary
from convertkit.errors import MissingDependencyError
from convertkit.recipe import Recipe
from convertkit.report.report import exit_code
from convertkit.run.dry_run import dry_run as plan_of
from convertkit.run.prepare import RunRequest
from convertkit.run.progress import Progress
from convertkit.words import Words, worded_recipe


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--to", multiple=True, metavar="VARIANT", help="What to make; may be given more than once.")
@flags.samples
@flags.calibration_samples
@flags.inputs
@click.option("--bind", multiple=True, metavar="NAME=VALUE", help="A constant in place of an input.")
@click.option("--batch", type=click.IntRange(1), help="Fix the batch axis at this size.")
@click.option("--static", is_flag=True, help="Fix every free axis, the batch at one.")
@click.option("--output-names", metavar="A,B,…", help="What the outputs are called, in their order.")
@flags.factory
@click.option("--recipe", metavar="NAME-OR-FILE", help="All of these and every stage option, as YAML.")
@click.option("--layout", help="Axis order of image inputs: auto, source or channels-last.")
@click.option("--io", help="Input and output type of tflite:int8: float32, int8 or uint8.")
@click.option("--backend", help="What quantizes torch:int8 and torch:int8-dynamic: torch.ao or pt2e.")
@flags.gate
@click.option("--quality", help="How INT8 weights are rounded: fast (to nearest), default, or high (slow).")
@click.option(
    "--fold-preprocessing",
    is_flag=True,
    help="Artifacts take pixels: normalisation goes into the graph.",
)
@flags.device
@flags.settings
@click.option(
    "--rescue",
    is_flag=True,
    help="Where INT8 fails its gate, search for what passes: budget in a recipe.",
)
@click.option("-o", "--out", type=click.Path(), help="The run's folder  [default: build/<model>].")
@flags.allow_code
@click.option("--blame", is_flag=True, help="Say which operators of the INT8 artifacts lose most.")
@click.option("--profile", is_flag=True, help="Say which operators of each artifact take its time.")
@click.option("--no-cache", is_flag=True, help="Neither take hops from the store nor keep them there.")
@click.option("--remeasure", is_flag=True, help="Measure again what the store knows; retry what failed.")
@click.option("--timeout", type=float, metavar="SECONDS", help="End the run then, with what it finished.")
@click.option("--sandbox", help="What workers give up: auto (all that the system grants) or none.")
@click.option("--require-sandbox", is_flag=True, help="Fail where the system does not grant all of it.")
@click.option("--no-wait", is_flag=True, help="Fail where another run writes to the same folder.")
@click.option("--dry-run", is_flag=True, help="Print the hops, what they need, what is missing; do nothing.")
@flags.as_json
@click.option("-v", "--verbose", is_flag=True, help="Say what every attempt did.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def command(
    model: Path,
    out: str | None,
    allow_code: bool,
    blame: bool,
    profile: bool,
    no_cache: bool,
    remeasure: bool,
    no_wait: bool,
    dry_run: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **words: Unpack[Words],
) -> int:
    """Convert MODEL, checking and measuring every hop."""
    progress = progress_of(quiet=quiet, as_json=as_json, verbose=verbose)
    progress.busy(f"reading {model}")
    if dry_run:
        return show_plan(model, out, worded_recipe(**words), allow_code=allow_code, as_json=as_json)
    report = convert(
        model,
        out=out,
        allow_code=allow_code,
        cache=not no_cache,
        remeasure=remeasure,
        wait=not no_wait,
        blame=blame,
        profile=profile,
        progress=progress,
        **words,
    )
    add_step_summary(report)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return exit_code(report)


def progress_of(*, quiet: bool, as_json: bool, verbose: bool) -> Progress:
    """Who is told how the run goes on."""
    if quiet:
        return Progress()
    if as_json:
        return AsideProgress()
    return ConsoleProgress(Console(highlight=False), is_verbose=verbose)


def show_plan(model: Path, out: str | None, recipe: Recipe, *, allow_code: bool, as_json: bool) -> int:
    """Print what a run would do; the exit code is that of what is missing."""
    found = plan_of(RunRequest(model, recipe, run_folder(out), allow_code))
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    else:
        for line in plan_lines(found):
            click.echo(line)
    return MissingDependencyError.exit_code if found.missing else 0
