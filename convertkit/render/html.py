"""`report.html`: one file with nothing outside it and no scripts, light and dark. Needs jinja2."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from convertkit.render import numbers
from convertkit.render.attempts import why_lost
from convertkit.render.charts import latency_charts, size_chart
from convertkit.render.delegates import delegate_lines
from convertkit.render.drift import HEADINGS as DRIFT_HEADINGS
from convertkit.render.drift import drift_chart
from convertkit.render.facts import facts
from convertkit.render.gpu import gpu_remarks
from convertkit.render.markdown import latency_row, options_text
from convertkit.render.next_steps import next_steps
from convertkit.render.parts import describe_asked, describe_interval, describe_samples, describe_slice
from convertkit.render.profile import OPERATOR_HEADINGS, operator_rows, profile_heading
from convertkit.render.rescue import HEADINGS, candidate_cells, describe_rescue, summarize_search
from convertkit.render.route_map import HEIGHT, WIDTH, route_map
from convertkit.render.signatures import signature_rows
from convertkit.render.speed import compiled_lines
from convertkit.render.summary import (
    axis_detail,
    axis_state,
    describe_axes,
    describe_fallback,
    final_hops,
    largest_error,
    latency_on,
    marks,
    measured_before,
    min_sqnr_db,
    other_attempts,
    source_accuracy,
    source_variant,
    spent_seconds,
    was_run,
)
from convertkit.render.verdict import STATUS_WORDS, caveats, headline
from convertkit.report.report import HopRecord, Report

TEMPLATE = "report.html.j2"
FUNCTIONS = (
    axis_detail,
    axis_state,
    candidate_cells,
    caveats,
    compiled_lines,
    delegate_lines,
    describe_asked,
    describe_axes,
    describe_interval,
    describe_fallback,
    describe_rescue,
    describe_samples,
    describe_slice,
    facts,
    final_hops,
    gpu_remarks,
    headline,
    largest_error,
    latency_on,
    latency_row,
    marks,
    measured_before,
    min_sqnr_db,
    next_steps,
    operator_rows,
    options_text,
    other_attempts,
    profile_heading,
    signature_rows,
    source_accuracy,
    source_variant,
    spent_seconds,
    summarize_search,
    why_lost,
)


def page_environment() -> Environment:
    """What renders the templates of this folder; every text that they are given is escaped."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render_html(report: Report) -> str:
    """The whole report as one page; every text of the report is escaped."""
    environment = page_environment()
    environment.globals.update({function.__name__: function for function in FUNCTIONS})
    formats = {name: value for name, value in vars(numbers).items() if name.startswith("format_")}
    environment.filters.update({name.removeprefix("format_"): value for name, value in formats.items()})
    return environment.get_template(TEMPLATE).render(
        report=report,
        word=STATUS_WORDS[report.status],
        dash=numbers.DASH,
        rescue_headings=HEADINGS,
        operator_headings=OPERATOR_HEADINGS,
        drift_headings=DRIFT_HEADINGS,
        drift=[drift_chart(each) for each in report.drift],
        status_of=status_of,
        charts=[size_chart(report), *latency_charts(report)],
        map=route_map(report),
        box_width=WIDTH,
        box_height=HEIGHT,
    )


def status_of(hop: HopRecord) -> str:
    """`passed`, `failed`, `error`, or `not run`."""
    return hop.status if was_run(hop) else "not run"
