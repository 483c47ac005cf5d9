"""A report in the forms people and machines read, each imported when asked for. Must not run anything."""

from __future__ import annotations

from importlib import import_module

from convertkit.errors import UsageError, did_you_mean
from convertkit.report.report import Report

RENDERERS: dict[str, str] = {
    "table": "convertkit.render.plain:render_plain",
    "json": "convertkit.render.json:render_json",
    "markdown": "convertkit.render.markdown:render_markdown",
    "html": "convertkit.render.html:render_html",
    "junit": "convertkit.render.junit:render_junit",
}


def render(report: Report, form: str) -> str:
    """The report as text, ending in a line end. `table` is the plain form; terminals have `print_table`.

    Raises:
        UsageError: there is no such form.
    """
    if form not in RENDERERS:
        raise UsageError(f"unknown format '{form}'", hint=did_you_mean(form, RENDERERS))
    module, _, function = RENDERERS[form].partition(":")
    text: str = getattr(import_module(module), function)(report)
    return text
