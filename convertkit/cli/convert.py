"""`convertkit convert`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from convertkit.api import convert
from convertkit.cli.progress import console_progress
from convertkit.pipeline import Silent
from convertkit.report import exit_code


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--to", multiple=True, metavar="VARIANT", help="What to make; may be given more than once.")
@click.option("--samples", type=click.Path(), help="An .npz, an .npy, or a folder of images.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME:DTYPE[d0,…]",
    help="An input, where the file cannot tell; a word is a dynamic axis.",
)
@click.option("--factory", metavar="MODULE:CALLABLE", help="Builds the nn.Module of a state dict.")
@click.option("--recipe", metavar="NAME-OR-FILE", help="All of these and every stage option, as YAML.")
@click.option("--layout", help="Axis order of image inputs: auto, source or channels-last.")
@click.option("--io", help="Input and output type of tflite:int8: float32, int8 or uint8.")
@click.option("--device", help="Where latency is measured besides the CPU: auto, cpu, cuda, cuda:N.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any key of a recipe, for example gate.min_sqnr_db=30.",
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="The run's folder  [default: build/<model>]."
)
@click.option("--allow-code", is_flag=True, help="Allow a model file that is, or may be, a program.")
@click.option("--no-cache", is_flag=True, help="Neither take hops from the store nor keep them there.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead of the table.")
@click.option("-v", "--verbose", is_flag=True, help="Say what every attempt did.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def command(
    model: Path,
    to: tuple[str, ...],
    samples: str | None,
    inputs: tuple[str, ...],
    factory: str | None,
    recipe: str | None,
    layout: str | None,
    io: str | None,
    device: str | None,
    settings: tuple[str, ...],
    out: Path | None,
    allow_code: bool,
    no_cache: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> int:
    """Convert MODEL, checking and measuring every hop."""
    progress = Silent() if quiet or as_json else console_progress(is_verbose=verbose)
    report = convert(
        model,
        to=to,
        samples=samples,
        out=out,
        recipe=recipe,
        inputs=inputs,
        factory=factory,
        layout=layout,
        io=io,
        device=device,
        settings=settings,
        allow_code=allow_code,
        cache=not no_cache,
        progress=progress,
    )
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return exit_code(report)
