"""A run in a few lines of Markdown, for the summary of a GitHub job: the verdict, the hops, what to know."""

from __future__ import annotations

from convertkit.render.markdown import HOP_HEADINGS, hop_cells, source_cells
from convertkit.render.markdown_table import escape, table
from convertkit.render.next_steps import next_steps
from convertkit.render.summary import shorten
from convertkit.render.verdict import caveats, verdict_line
from convertkit.report.report import Report

MOST_LINES, LONGEST_LINE = 20, 400  # a summary may have 1 MiB, of all steps together


def render_step_summary(report: Report) -> str:
    """GitHub-flavoured Markdown; what is longer ends in an ellipsis."""
    lines = [f"### {escape(shorten(verdict_line(report), LONGEST_LINE))}", ""]
    lines += table(HOP_HEADINGS, [source_cells(report), *map(hop_cells, report.hops)])
    said = [*caveats(report), *next_steps(report)]
    lines += ["", *(f"- {escape(shorten(line, LONGEST_LINE))}" for line in said[:MOST_LINES])]
    return "\n".join(lines) + "\n\n"
