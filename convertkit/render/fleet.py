"""The report of a fleet: a table of a terminal, one page, and JUnit XML of all its runs."""

from __future__ import annotations

import contextlib
import os
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from convertkit.render.html import page_environment
from convertkit.render.junit import clean
from convertkit.render.numbers import format_bytes, format_seconds
from convertkit.render.summary import one_line
from convertkit.render.verdict import STATUS_WORDS
from convertkit.report.fleet import STATUSES, FleetReport, JobRecord

TEMPLATE = "fleet.html.j2"
JUNIT = "junit.xml"
PAGE = "report.html"
STYLES = {"passed": "green", "failed": "red", "error": "red", "refused": "red", "interrupted": "yellow"}
COUNTS = ("tests", "failures", "errors", "skipped")


def summary_line(report: FleetReport) -> str:
    """`FAILED  118 of 120 passed, 2 failed; 31 min`."""
    counts = Counter(job.status for job in report.jobs)
    others = [f"{counts[status]} {status}" for status in STATUSES[1:] if counts[status]]
    kept = sum(job.is_kept for job in report.jobs)
    parts = [f"{counts['passed']} of {len(report.jobs)} passed", *others]
    done = f" ({kept} done before)" if kept else ""
    return f"{word_of(report.status)}  {', '.join(parts)}{done}; {format_seconds(report.seconds)} s"


def word_of(status: str) -> str:
    """The word of a status, as reports of runs have it."""
    return STATUS_WORDS.get(status, status.upper())


def render_fleet(report: FleetReport) -> RenderableType:
    """The table of jobs, worst first, with the reason below each that did not pass, and the summary."""
    grid = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("job", "status"):
        grid.add_column(heading, overflow="fold")
    for heading in ("seconds", "memory", "tries"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for job in ordered(report):
        grid.add_row(*cells(job))
        if job.message:
            grid.add_row(Text(f"  {one_line(job.message)}", style="dim"))
    return Group(grid, Text(), Text(report.latency, style="dim"), Text(summary_line(report), style="bold"))


def ordered(report: FleetReport) -> list[JobRecord]:
    """The jobs: those that passed last."""
    return sorted(report.jobs, key=lambda job: -STATUSES.index(job.status))


def cells(job: JobRecord) -> tuple[Text | str, ...]:
    """The cells of a job's row."""
    status = Text(f"{job.status}{' (kept)' if job.is_kept else ''}", style=STYLES[job.status])
    memory = format_bytes(job.peak_bytes or None)
    return (job.name, status, format_seconds(job.seconds), memory, str(job.tries))


def job_line(job: JobRecord) -> str:
    """What a log says as soon as a job is done."""
    reason = f": {one_line(job.message)}" if job.message else ""
    kept = ", as before" if job.is_kept else f" in {format_seconds(job.seconds)} s"
    return f"{job.status:11} {job.name}{kept}{reason}"


def render_page(report: FleetReport, folder: Path) -> str:
    """One page without anything outside it: every job, with a link to the report of its run."""
    pages = {job.name: relative(Path(job.folder) / PAGE, folder) for job in report.jobs}
    return (
        page_environment()
        .get_template(TEMPLATE)
        .render(
            report=report,
            jobs=ordered(report),
            pages=pages,
            word=word_of(report.status),
            summary=summary_line(report),
            bytes=format_bytes,
            seconds=format_seconds,
        )
    )


def relative(path: Path, folder: Path) -> str:
    """The way from a folder to a file that is there; empty where there is none."""
    return os.path.relpath(path, folder) if path.is_file() else ""


def render_fleet_junit(report: FleetReport) -> str:
    """The test suites of all runs, and one of a single case for every job that has none of its own."""
    root = ET.Element("testsuites")
    for job in report.jobs:
        for suite in suites_of(job):
            suite.set("name", clean(job.name))
            root.append(suite)
    for count in COUNTS:
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    root.set("time", f"{sum(float(suite.get('time', '0')) for suite in root):.3f}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def suites_of(job: JobRecord) -> list[ET.Element]:
    """The suites of a run; where it was refused, crashed or was not done, what its record says."""
    if job.status in ("passed", "failed", "error"):
        with contextlib.suppress(OSError, ET.ParseError):
            found = ET.fromstring((Path(job.folder) / JUNIT).read_bytes()).findall("testsuite")
            if any(is_bad(suite) for suite in found) or job.status == "passed":
                return found
    return [lone_suite(job)]


def is_bad(suite: ET.Element) -> bool:
    """True where a case failed or broke."""
    return suite.get("failures", "0") != "0" or suite.get("errors", "0") != "0"


def lone_suite(job: JobRecord) -> ET.Element:
    """One case, which passed only if the job did."""
    is_good = job.status == "passed"
    counts = {"tests": "1", "failures": "0", "errors": "0" if is_good else "1", "skipped": "0"}
    seconds = f"{job.seconds:.3f}"
    suite = ET.Element("testsuite", {"name": clean(job.name), **counts, "time": seconds})
    case = ET.SubElement(
        suite, "testcase", name="run", classname=clean(f"convertkit.fleet[{job.name}]"), time=seconds
    )
    if not is_good:
        message = clean(one_line(job.message or job.status))
        ET.SubElement(case, "error", message=message, type=job.status).text = message
    return suite
