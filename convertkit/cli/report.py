"""`convertkit report`: the report of a run, in another format."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from convertkit.errors import UsageError
from convertkit.render import RENDERERS, render
from convertkit.report.report import load_report
from convertkit.report.schema import schema_text

TABLE = "table"


def show_schema(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    """Print the schema in place of a report."""
    if is_asked and not context.resilient_parsing:
        click.echo(schema_text(), nl=False)
        context.exit()


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(list(RENDERERS)), default=TABLE, show_default=True)
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_schema,
    help="Print the JSON schema of report.json.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Write a file instead of printing.")
def command(run: Path, form: str, output: Path | None) -> None:
    """Show the report of RUN: the folder of a run, or its report.json.

    Exit code 0 where it could be shown, whatever the run's own status.
    """
    report = load_report(run)
    if output is not None:
        write(render(report, form), output)
    elif form == TABLE and sys.stdout.isatty():
        from rich.console import Console

        from convertkit.render.table import print_table

        print_table(report, Console())
    else:
        sys.stdout.write(render(report, form))


def write(text: str, output: Path) -> None:
    """Write in one step: a reader never sees half of it.

    Raises:
        UsageError: the file cannot be written.
    """
    partial = output.with_name(output.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageError(f"cannot write {output}: {error.strerror}", hint="choose another --output") from None
