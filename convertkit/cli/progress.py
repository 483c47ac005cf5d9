"""Progress of a run on a terminal or in a log."""

from __future__ import annotations

from pathlib import Path

import click

from convertkit.pipeline import Progress
from convertkit.plan import Hop
from convertkit.report import HopRecord, Report


class PlainLog:
    """One line when a hop starts and one when it ends."""

    def __init__(self, *, is_verbose: bool) -> None:
        self._is_verbose = is_verbose

    def planned(self, hops: list[Hop]) -> None:
        """Say how many."""
        click.echo(f"{len(hops)} hops: {', '.join(hop.stage.name for hop in hops)}")

    def started(self, hop: Hop) -> None:
        """Name it."""
        click.echo(f"{hop} …")

    def finished(self, hop: Hop, record: HopRecord) -> None:
        """Say how it went."""
        click.echo(f"{hop} {record.status} in {record.seconds:.1f} s {record.error or ''}")

    def measuring(self) -> None:
        """Say so."""
        click.echo("measuring latency …")

    def reported(self, report: Report, folder: Path) -> None:
        """The table."""
        click.echo(f"{report.status}: {folder}")


def choose_progress(*, is_verbose: bool) -> Progress:
    """A live table on a terminal, plain lines elsewhere."""
    return PlainLog(is_verbose=is_verbose)
