"""`report.html`: one file with nothing outside it and no scripts, light and dark. Needs jinja2."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from convertkit.measurement.latency import Latency
from convertkit.render import numbers
from convertkit.render.gpu import gpu_remarks
from convertkit.render.markdown import latency_row, options_text
from convertkit.render.numbers import format_bytes, format_interval_ms, format_ms, format_share
from convertkit.render.parts import describe_asked, describe_interval, describe_samples, describe_slice
from convertkit.render.rescue import HEADINGS, candidate_cells, describe_rescue, summarize_search
from convertkit.render.summary import (
    axis_detail,
    axis_state,
    describe_axes,
    describe_fallback,
    describe_setting,
    final_hops,
    largest_error,
    latency_on,
    marks,
    measured_before,
    min_sqnr_db,
    other_attempts,
    other_devices,
    source_accuracy,
    source_variant,
    spent_seconds,
    was_run,
)
from convertkit.render.verdict import STATUS_WORDS, caveats, facts, headline
from convertkit.report.report import HopRecord, Report

TEMPLATE = "report.html.j2"
FUNCTIONS = (
    axis_detail,
    axis_state,
    candidate_cells,
    caveats,
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
    options_text,
    other_attempts,
    other_devices,
    source_accuracy,
    source_variant,
    spent_seconds,
    summarize_search,
)


class Bar(msgspec.Struct, frozen=True):
    """A bar of a chart; positions in percent of the chart's width.

    Attributes:
        low, high: ends of the whisker; None where there is no interval.
    """

    label: str
    text: str
    tone: str
    length: float = 0.0
    low: float | None = None
    high: float | None = None


def render_html(report: Report) -> str:
    """The whole report as one page; every text of the report is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update({function.__name__: function for function in FUNCTIONS})
    formats = {name: value for name, value in vars(numbers).items() if name.startswith("format_")}
    environment.filters.update({name.removeprefix("format_"): value for name, value in formats.items()})
    return environment.get_template(TEMPLATE).render(
        report=report,
        word=STATUS_WORDS[report.status],
        dash=numbers.DASH,
        rescue_headings=HEADINGS,
        status_of=status_of,
        size_bars=size_bars(report),
        latency_charts=latency_charts(report),
    )


def status_of(hop: HopRecord) -> str:
    """`passed`, `failed`, `error`, or `not run`."""
    return hop.status if was_run(hop) else "not run"


def size_bars(report: Report) -> list[Bar]:
    """Sizes of the source and of every artifact, on one scale."""
    rows = [(source_variant(report), report.source.size_bytes, 1.0, "source")]
    for hop in report.hops:
        if hop.artifact:
            rows.append((hop.target, hop.artifact.size_bytes, hop.artifact.size_ratio, hop.status))
    largest = max(size for _, size, _, _ in rows) or 1
    return [
        Bar(name, f"{format_bytes(size)} ({format_share(ratio)})", tone, 100 * size / largest)
        for name, size, ratio, tone in rows
    ]


def latency_charts(report: Report) -> list[tuple[str, list[Bar]]]:
    """The setting and the bars of every device with a measurement; what was skipped there says why."""
    charts = []
    for device in ("cpu", *other_devices(report)):
        rows = [(source_variant(report), "source", latency_on(report.source_latency, device))]
        rows += [(hop.target, hop.status, latency_on(hop.latency, device)) for hop in report.hops]
        named = [(name, tone, row) for name, tone, row in rows if row is not None]
        settings = {describe_setting(row) for _, _, row in named if row.p50_ms is not None}
        if settings:
            is_same = len(settings) == 1
            charts.append((settings.pop() if is_same else device, latency_bars(named, is_same=is_same)))
    return charts


def latency_bars(rows: list[tuple[str, str, Latency]], *, is_same: bool) -> list[Bar]:
    """One device's bars, on one scale that has room for every interval.

    Args:
        is_same: all were measured with the same threads and batch, so that no bar has to say with which.
    """
    ends = [end for _, _, row in rows for end in (row.p50_ms, *(row.p50_ci95_ms or ())) if end is not None]
    scale = max((end for end in ends if math.isfinite(end)), default=0.0) or 1.0
    bars = []
    for name, tone, row in rows:
        if row.p50_ms is None:
            bars.append(Bar(name, f"skipped: {row.skipped or 'no reason given'}", tone))
            continue
        low, high = row.p50_ci95_ms or (None, None)
        text = f"{format_ms(row.p50_ms)} ms"
        text += f" [{format_interval_ms(row.p50_ci95_ms)}]" if row.p50_ci95_ms else ""
        text += "" if is_same else f"; {describe_setting(row)}"
        bars.append(
            Bar(
                name,
                text,
                tone,
                100 * row.p50_ms / scale,
                None if low is None else 100 * low / scale,
                None if high is None else 100 * high / scale,
            )
        )
    return bars
