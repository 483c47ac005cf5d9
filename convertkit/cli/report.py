"""`convertkit report`: the report of a run, in another format."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from convertkit.errors import UsageError
from convertkit.render import render
from convertkit.report import Report, load_report

FORMATS = ("table", "json", "markdown", "html", "junit")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Write a file instead of printing.")
def command(run: Path, form: str, output: Path | None) -> None:
    """Show the report of RUN: the folder of a run, or its report.json.

    Exit code 0 where it could be shown, whatever the run's own status.
    """
    text = rendered(load_report(run), form)
    if output is None:
        sys.stdout.write(text)
    else:
        write(text, output)


def rendered(report: Report, form: str) -> str:
    """The report as text that ends with a line break."""
    if form == "json":
        text = msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
    else:
        text = render(report, form)
    return text.rstrip("\n") + "\n"


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
