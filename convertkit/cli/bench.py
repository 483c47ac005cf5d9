"""`convertkit bench`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from convertkit.api import options_recipe
from convertkit.render.numbers import format_bytes, format_interval_ms, format_ms
from convertkit.side_by_side import Measured, bench


@click.command()
@click.argument("artifacts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--samples", type=click.Path(), help="An .npz, an .npy, or a folder; the first sample is used.")
@click.option("--input", "inputs", multiple=True, metavar="NAME:DTYPE[d0,…]", help="An input of the first.")
@click.option("--factory", metavar="MODULE:CALLABLE", help="Builds the nn.Module of a state dict.")
@click.option("--device", help="Where to measure besides the CPU: auto, cpu, cuda, cuda:N.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any key of a recipe.")
@click.option("--allow-code", is_flag=True, help="Allow a model file that is, or may be, a program.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
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
    recipe = options_recipe(samples=samples, inputs=inputs, factory=factory, device=device, settings=settings)
    rows = bench(artifacts, recipe, allow_code=allow_code)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    else:
        show(rows)
    return 0


def show(rows: list[Measured]) -> None:
    """One line an artifact and device."""
    table = Table(box=None, header_style="bold")
    for name in ("Artifact", "Size", "Device", "Threads", "Batch"):
        table.add_column(name)
    for name in ("p50, ms", "95 % interval", "p90, ms", "p99, ms", "Memory"):
        table.add_column(name, justify="right")
    for row in rows:
        for latency in row.latency:
            start = (row.path, format_bytes(row.size_bytes), latency.device)
            if latency.skipped is not None:
                table.add_row(*start, "", "", f"skipped: {latency.skipped}")
                continue
            table.add_row(
                *start,
                str(latency.threads),
                str(latency.batch),
                format_ms(latency.p50_ms),
                format_interval_ms(latency.p50_ci95_ms),
                format_ms(latency.p90_ms),
                format_ms(latency.p99_ms),
                format_bytes(latency.session_bytes),
            )
    Console(highlight=False).print(table)
