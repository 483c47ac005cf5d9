"""A `Blame` on disk: `blame/<candidate>.json`, `.txt` and `.svg` in the run's folder."""

from __future__ import annotations

from pathlib import Path

from convertkit.render.blame import render_blame
from convertkit.render.blame_plot import plot_blame
from convertkit.report.blame import Blame
from convertkit.report.report import write_json

FOLDER = "blame"


def write_blame(blame: Blame, run: Path) -> Path:
    """Write the three forms; returns the path of the plot, or of the text where there is nothing to plot."""
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    stem = folder / blame.candidate.replace(":", "-")
    write_json(blame, stem.with_suffix(".json"))
    stem.with_suffix(".txt").write_text(render_blame(blame, len(blame.rows)), encoding="utf-8")
    if not blame.rows:
        return stem.with_suffix(".txt")
    plot_blame(blame, stem.with_suffix(".svg"))
    return stem.with_suffix(".svg")
