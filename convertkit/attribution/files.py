"""A `Blame` on disk: `blame/<candidate>.json`, `.txt` and `.svg` in the run's folder, and in its report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from convertkit.environment.packages import install_line
from convertkit.render import render
from convertkit.render.blame import render_blame
from convertkit.render.blame_plot import plot_blame
from convertkit.report.blame import Blame
from convertkit.report.drift import drift_of, merged
from convertkit.report.report import FILE_NAME, load_report, write_json, write_whole

FOLDER = "blame"
PAGE = "report.html"


def write_blame(blame: Blame, run: Path) -> Path:
    """Write the three forms; returns the path of the plot, or of the text where there is nothing to plot.

    Without matplotlib there is no plot, and the text says how to get one.
    """
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    stem = folder / blame.candidate.replace(":", "-")
    write_json(blame, stem.with_suffix(".json"))
    stem.with_suffix(".txt").write_text(render_blame(blame, len(blame.rows)), encoding="utf-8")
    if not blame.rows:
        return stem.with_suffix(".txt")
    try:
        plot_blame(blame, stem.with_suffix(".svg"))
    except ModuleNotFoundError as error:
        line = install_line(sys.executable, [str(error.name).partition(".")[0]])
        with stem.with_suffix(".txt").open("a", encoding="utf-8") as text:
            text.write(f"\nno plot: {error.name} is not installed; run: {line}\n")
        return stem.with_suffix(".txt")
    return stem.with_suffix(".svg")


def add_drift(blames: Sequence[Blame], run: Path) -> None:
    """Put the drift of every tensor into the run's report, and into its page."""
    report = load_report(run)
    report = msgspec.structs.replace(report, drift=merged(report.drift, drift_of(blames)))
    write_json(report, run / FILE_NAME)
    write_whole(render(report, "html").encode(), run / PAGE)
