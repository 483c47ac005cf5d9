"""`convertkit bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click
import msgspec
from rich.console import Console

from convertkit.cli import flags
from convertkit.cli.progress import say
from convertkit.errors import NotMeasuredError, UsageError
from convertkit.render.bench import render_bench
from convertkit.verbs.bench import bench_artifacts
from convertkit.words import WeightWords, worded_recipe

LARGEST = 65536


@click.command()
@click.argument("artifacts", nargs=-1, required=True, type=click.Path(path_type=Path))
@flags.samples
@flags.inputs
@flags.factory
@flags.device
@click.option("--batch", "batches", metavar="N,…", help="Samples in a call: 1,8,32 makes three tables.")
@click.option("--threads", metavar="N,…", help="Threads of each runtime, likewise  [default: bench.threads].")
@click.option(
    "--profile",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Also say which operators take the time; write a trace of each artifact there.",
)
@click.option(
    "--compile",
    "modes",
    metavar="MODE,…",
    help="Also PyTorch models by torch.compile: default, reduce-overhead, max-autotune; minutes each.",
)
@flags.settings
@flags.allow_code
@flags.as_json
def command(
    artifacts: tuple[Path, ...],
    samples: str | None,
    inputs: tuple[str, ...],
    device: str | None,
    batches: str | None,
    threads: str | None,
    profile: Path | None,
    modes: str | None,
    settings: tuple[str, ...],
    allow_code: bool,
    as_json: bool,
    **weights: Unpack[WeightWords],
) -> int:
    """Latency, size, memory and cold start of ARTIFACTS side by side, in interleaved rounds.

    The folder of a run stands for the artifacts that it ships. Each is compared with the first one; what the
    first one differs from itself, measured twice, is no difference. Exit code 8 where one of them could not
    be measured at all.
    """
    settings = (*settings, f"bench.compile=[{modes}]") if modes else settings
    recipe = worded_recipe(samples=samples, inputs=inputs, device=device, settings=settings, **weights)
    rows = bench_artifacts(
        artifacts,
        recipe,
        batches=counts("--batch", batches),
        threads=counts("--threads", threads),
        allow_code=allow_code,
        profiles=profile,
        tell=say,
    )
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    else:
        Console(highlight=False).print(render_bench(rows))
    return 0 if all(row.is_measured for row in rows) else NotMeasuredError.exit_code


def counts(option: str, text: str | None) -> tuple[int, ...]:
    """`1,8,32` as numbers.

    Raises:
        UsageError: one of them is none, or less than 1.
    """
    words = [word.strip() for word in text.split(",")] if text else []
    if not all(word.isascii() and word.isdigit() and 0 < int(word) <= LARGEST for word in words):
        raise UsageError(
            f"{option} '{text}' is not a list of numbers from 1 to {LARGEST}", hint=f"{option} 1,8"
        )
    return tuple(dict.fromkeys(map(int, words)))
