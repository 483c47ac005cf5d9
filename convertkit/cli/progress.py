"""Progress of a run: a live line on a terminal, else plain lines on stderr; results are on stdout."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.status import Status
from rich.text import Text

from convertkit.calibration.finding import Finding
from convertkit.plan import Hop
from convertkit.render.bench import operator_table
from convertkit.render.numbers import IDENTICAL, format_bytes, format_error, format_seconds, format_sqnr_db
from convertkit.render.profile import profile_heading
from convertkit.render.summary import largest_error, measured_before, min_sqnr_db, one_line, spent_seconds
from convertkit.render.table import print_table
from convertkit.report.report import HopRecord, Report
from convertkit.report.rescue import CandidateRecord
from convertkit.run.progress import Progress

MEASURING = "measuring latency, interleaved"
MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "error": ("✗", "red")}


def finished_line(hop: Hop, record: HopRecord, width: int) -> str:
    """Name, then time, size and error; or the reason."""
    parts = [f"{spent_seconds(record) or 0.0:7.2f} s" if not record.cached else "  cached "]
    if record.artifact is not None:
        parts.append(f"{format_bytes(record.artifact.size_bytes):>8}")
    if record.vs_source is not None and record.vs_source.outputs:
        parts.append(f"{describe_sqnr(min_sqnr_db(record.vs_source)):>12}")
        parts.append(f"max error {format_error(largest_error(record.vs_source))}")
    if record.error:
        parts.append(one_line(record.error))
    if record.recalled:
        parts.append(measured_before((), record.recalled))
    if record.ran_again:
        parts.append(f"again: {record.ran_again}")
    if record.fallback_for:
        parts.append(f"by a fallback ({record.converter} for {record.fallback_for})")
    return f"{hop!s:<{width}}  {'  '.join(parts)}"


def describe_sqnr(value: float | None) -> str:
    """`130.0 dB`, or that the outputs are identical."""
    text = format_sqnr_db(value)
    return text if text == IDENTICAL else f"{text} dB"


def candidate_line(candidate: CandidateRecord) -> str:
    """Time, size, error and what was changed; or the reason where nothing was made."""
    parts = [f"{candidate.seconds:7.2f} s"]
    if candidate.size_bytes is None:
        return "  ".join([*parts, f"{candidate.change}: {one_line(candidate.reason)}"])
    parts.append(f"{format_bytes(candidate.size_bytes):>8}")
    parts.append(f"{describe_sqnr(candidate.sqnr_db):>12}")
    return "  ".join([*parts, candidate.change])


def attempt_lines(record: HopRecord) -> list[str]:
    """One line an attempt, for `-v`."""
    return [
        f"    {attempt.converter} {attempt.status} in {format_seconds(attempt.seconds)} s: "
        + (one_line(attempt.error) if attempt.error else "ok")
        for attempt in record.attempts
    ]


def say(text: str) -> None:
    """A line on stderr about what takes its time; stdout is for results."""
    click.echo(f"… {text}", err=True)


class AsideProgress(Progress):
    """What takes its time, on stderr: stdout is for the report as JSON."""

    def busy(self, text: str) -> None:
        """Say it."""
        say(text)

    def waiting(self, holder: str) -> None:
        """For whom."""
        say(f"waiting for {holder}")

    def started(self, hop: Hop) -> None:
        """Name the hop."""
        say(str(hop))

    def measuring(self) -> None:
        """Say what takes the time."""
        say(MEASURING)


class ConsoleProgress(Progress):
    """One line a hop, its name shown before the work starts."""

    def __init__(self, console: Console, *, is_verbose: bool) -> None:
        self._console = console
        self._aside = Console(stderr=True, highlight=False)
        self._is_verbose = is_verbose
        self._width = 0
        self._status: Status | None = None

    def planned(self, hops: list[Hop]) -> None:
        """Remember how wide the names are."""
        self._width = max(len(str(hop)) for hop in hops)

    def waiting(self, holder: str) -> None:
        """For whom."""
        self._stop()
        self._console.print(Text(f"… waiting for {holder}"), soft_wrap=True)

    def found(self, finding: Finding) -> None:
        """The finding, and what to do."""
        self._stop()
        self._console.print(Text(f"! {finding.note}", style="yellow"), soft_wrap=True)
        if finding.hint:
            self._console.print(Text(f"    {finding.hint}", style="dim"), soft_wrap=True)

    def busy(self, text: str) -> None:
        """Say it, unless a live line is there, which moves by itself."""
        if self._status is None:
            self._announce(text)

    def started(self, hop: Hop) -> None:
        """Name the hop."""
        self._announce(str(hop))

    def finished(self, hop: Hop, record: HopRecord) -> None:
        """The hop's line."""
        self._stop()
        mark, style = MARKS[record.status]
        line = Text(f"{mark} {finished_line(hop, record, self._width)}")
        line.stylize(style, 0, 1)
        self._console.print(line, soft_wrap=True)
        if self._is_verbose:
            for attempt in attempt_lines(record):
                self._console.print(Text(attempt, style="dim"), soft_wrap=True)

    def searching(self, hop: Hop, reason: str, minutes: float) -> None:
        """Say that a search begins, and why."""
        self._stop()
        self._console.print(Text(f"  rescue of {hop.target}: {one_line(reason)}"), soft_wrap=True)
        self._announce(f"searching, {minutes:g} minutes at most")

    def tried(self, candidate: CandidateRecord) -> None:
        """The candidate's line."""
        self._stop()
        mark, style = MARKS["passed" if candidate.is_passed else "failed"]
        line = Text(f"  {mark} {candidate_line(candidate)}")
        line.stylize(style, 2, 3)
        self._console.print(line, soft_wrap=True)
        if self._console.is_terminal:
            self._announce("searching")

    def measuring(self) -> None:
        """Say what takes the time."""
        self._announce(MEASURING)

    def reported(self, report: Report, folder: Path) -> None:
        """The table, and where to read on."""
        self._stop()
        self._console.print()
        print_table(report, self._console)
        if self._is_verbose:
            self._show_profiles(report)
        self._console.print(Text(f"Report: {shown_path(folder)}/report.html"), soft_wrap=True)

    def _show_profiles(self, report: Report) -> None:
        """The operators that take the time of each artifact that was profiled."""
        named = [("the source", report.source_profile), *((hop.target, hop.profile) for hop in report.hops)]
        for name, profile in named:
            if profile is not None:
                self._console.print(Text(f"{name}: {profile_heading(profile)}"), soft_wrap=True)
                self._console.print(operator_table(profile) if profile.top else "")

    def _announce(self, text: str) -> None:
        if self._console.is_terminal:
            self._stop()
            self._status = self._console.status(Text(text))
            self._status.start()
        else:
            self._aside.print(Text(f"… {text}"), soft_wrap=True)

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def shown_path(folder: Path) -> Path:
    """Relative to the current folder where it lies below it."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
