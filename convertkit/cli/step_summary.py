"""The summary of a GitHub job's step, where convertkit runs in one."""

from __future__ import annotations

import os

from convertkit.cli.progress import say
from convertkit.render.step_summary import render_step_summary
from convertkit.report.report import Report

VARIABLE = "GITHUB_STEP_SUMMARY"


def add_step_summary(report: Report) -> None:
    """Append the run to the file that GitHub names in the environment; nothing elsewhere."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(render_step_summary(report))
    except OSError as error:
        say(f"no summary of the step: {path}: {error.strerror}")
