"""A `Blame` as a plot: what is lost operator by operator, in the order of execution."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convertkit.render.blame import MODEL
from convertkit.report.blame import Blame, BlameRow

if TYPE_CHECKING:
    import matplotlib as mpl

NAMED = 5
HASH_SALT = "convertkit"  # else every file has other element names


def plot_blame(blame: Blame, file: Path) -> None:
    """Write an SVG; the same blame gives the same bytes.

    Raises:
        ModuleNotFoundError: matplotlib, which only this needs, is not installed.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    rows = blame.in_order
    figure = Figure(figsize=(10, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    places = range(len(rows))
    upper.plot(places, [row.sqnr_db for row in rows], marker=".", color="tab:blue")
    upper.set_ylabel("SQNR of the tensor, dB")
    upper.set_title(f"{blame.candidate} against {blame.reference}, {blame.samples} samples")
    lower.fill_between(places, [100 * row.lost for row in rows], color="0.85", label="lost in all")
    lower.bar(places, [100 * row.added for row in rows], color="tab:red", label="lost here")
    lower.set_ylabel("information lost, %")
    lower.set_xlabel("operator, in the order of execution")
    lower.set_ylim(0, 119)
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    lower.legend(loc="upper left")
    for row in blame.rows[:NAMED]:
        if row.added > 0.01:
            name_bar(lower, rows.index(row), row)
    for axes in (upper, lower):
        axes.grid(visible=True, alpha=0.3)
    with mpl.rc_context({"svg.hashsalt": HASH_SALT, "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None})


def name_bar(axes: mpl.axes.Axes, place: int, row: BlameRow) -> None:
    """Write the module's name over an operator's bar."""
    axes.annotate(
        row.module or MODEL,
        (place, 100 * row.added),
        textcoords="offset points",
        xytext=(0, 3),
        ha="center",
        fontsize=8,
    )
