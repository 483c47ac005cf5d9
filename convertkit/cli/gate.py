"""`convertkit gate`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.text import Text

from convertkit.cli import flags
from convertkit.render.gated import gated_lines, gated_table
from convertkit.verbs.gate import gate_run


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@flags.settings
@flags.as_json
def command(run: Path, settings: tuple[str, ...], as_json: bool) -> int:
    """Judge the artifacts of RUN again by the outputs that it kept, without running a model.

    What the run was told holds, but for keys of gate and budget that are --set. No file is changed. Exit code
    7 where an artifact fails.
    """
    found = gate_run(run, settings)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        console = Console(highlight=False)
        console.print(gated_table(found))
        for line in gated_lines(found):
            console.print(Text(line), soft_wrap=True)
    return found.exit_code
