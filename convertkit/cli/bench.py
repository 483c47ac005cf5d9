"""`convertkit bench`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from convertkit.cli import flags
from convertkit.recipe import worded_recipe
from convertkit.render.numbers import format_bytes, format_interval_ms, format_ms
from convertkit.verbs.bench import Measured, bench_artifacts


@click.command()
@click.argument("artifacts", nargs=-1, required=True, type=click.Path(path_type=Path))
@flags.samples
@flags.inputs
@flags.factory
@flags.device
@flags.settings
@flags.allow_code
@flags.as_json
def command(
    artifacts: tuple[Path, ...],
    samples: str | None,
    inputs: tuple[str, ...],
    factory: str | None,
    device: str | None,
    settings: tuple[str, ...],
    allow_code: bool,
    as_json: bool,
) -> int:
    """Latency, size and memory of ARTIFACTS side by side, in interleaved rounds."""
    recipe = worded_recipe(samples=samples, inputs=inputs, factory=factory, device=device, settings=settings)
    rows = bench_artifacts(artifacts, recipe, allow_code=allow_code)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    else:
        show(rows)
    return 0


def show(rows: list[Measured]) -> None:
    """One line for each artifact and device; what could not be measured below, each reason once."""
    console = Console(highlight=False)
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Artifact", overflow="fold")
    for name in ("Size", "Device", "Batch", "p50, ms", "95 % interval", "p90, ms", "p99, ms", "Memory"):
        table.add_column(name, justify="left" if name == "Device" else "right", no_wrap=True)
    for row in rows:
        for latency in row.latency:
            if latency.skipped is None:
                table.add_row(
                    shown_name(row.path),
                    format_bytes(row.size_bytes),
                    latency.device,
                    str(latency.batch),
                    format_ms(latency.p50_ms),
                    format_interval_ms(latency.p50_ci95_ms),
                    format_ms(latency.p90_ms),
                    format_ms(latency.p99_ms),
                    format_bytes(latency.session_bytes),
                )
    console.print(table)
    for line in skipped_lines(rows):
        console.print(line, markup=False, soft_wrap=True)


def shown_name(path: str) -> str:
    """The last two parts of a path: artifacts of several runs often share a file name."""
    return "/".join(Path(path).parts[-2:])


def skipped_lines(rows: list[Measured]) -> list[str]:
    """`cuda skipped: reason`, with the artifacts it concerns where these are not all."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for latency in row.latency:
            if latency.skipped is not None:
                reasons.setdefault((latency.device, latency.skipped), []).append(shown_name(row.path))
    return [
        f"{device} skipped{'' if len(names) == len(rows) else ' for ' + ', '.join(names)}: {reason}"
        for (device, reason), names in reasons.items()
    ]
