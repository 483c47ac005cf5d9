"""`report.md`: the verdict in the first line, then the hops and all their details. No rich, no jinja2."""

from __future__ import annotations

import json

from convertkit.measurement.latency import Latency
from convertkit.render.attempts import why_lost
from convertkit.render.delegates import delegate_lines
from convertkit.render.gpu import gpu_remarks
from convertkit.render.markdown_outputs import comparison_lines
from convertkit.render.markdown_run import profile_lines, run_lines
from convertkit.render.markdown_table import escape, table
from convertkit.render.next_steps import next_steps
from convertkit.render.numbers import (
    DASH,
    format_bytes,
    format_error,
    format_interval_ms,
    format_ms,
    format_percent,
    format_points,
    format_seconds,
    format_share,
    format_sqnr_db,
)
from convertkit.render.parts import describe_interval
from convertkit.render.rescue import HEADINGS, candidate_rows, describe_rescue, summarize_search
from convertkit.render.signatures import SIGNATURE_HEADINGS, signature_rows
from convertkit.render.speed import device_lines
from convertkit.render.summary import (
    axis_detail,
    axis_state,
    describe_axes,
    describe_fallback,
    largest_error,
    latency_on,
    marked_status,
    measured_before,
    min_sqnr_db,
    other_attempts,
    source_accuracy,
    source_variant,
    spent_seconds,
    was_run,
)
from convertkit.render.verdict import caveats, verdict_line
from convertkit.report.report import HopRecord, Report
from convertkit.report.rescue import RescueRecord

HOP_HEADINGS = (
    "Hop",
    "Status",
    "Converter",
    "Size",
    "Of source",
    "Min SQNR, dB",
    "Max error",
    "Accuracy, %",
    "Drop, points",
    "Dynamic axes",
    "CPU p50, ms",
    "95 % interval, ms",
    "Conversion, s",
    "Converter's peak memory",
)
ATTEMPT_HEADINGS = (
    "Converter",
    "Options",
    "Status",
    "Size",
    "Min SQNR, dB",
    "Accuracy, %",
    "Reason",
    "Time, s",
)
LATENCY_HEADINGS = (
    "Device",
    "Threads",
    "Batch",
    "p50, ms",
    "95 % interval, ms",
    "p90, ms",
    "p99, ms",
    "Runs",
    "Session memory",
)


def render_markdown(report: Report) -> str:
    """The whole report as GitHub-flavoured Markdown."""
    word, _, rest = verdict_line(report).partition(":")
    lines = [f"**{word}:** {escape(rest)}", ""]
    lines += [f"- {escape(line)}" for line in (*caveats(report), *device_lines(report))]
    if steps := next_steps(report):
        lines += ["", "## What to do next", "", *(f"1. {escape(line)}" for line in steps)]
    lines += ["", "## Hops", "", *table(HOP_HEADINGS, [source_cells(report), *map(hop_cells, report.hops)])]
    for hop in report.hops:
        lines += ["", *hop_lines(hop)]
    lines += ["", *run_lines(report)]
    return "\n".join(lines) + "\n"


def source_cells(report: Report) -> list[str]:
    """The source's row of the hop table."""
    accuracy, row = source_accuracy(report), latency_on(report.source_latency)
    return [
        source_variant(report),
        ", ".join(filter(None, ["source", measured_before(report.source_latency)])),
        DASH,
        format_bytes(report.source.size_bytes),
        *(DASH, DASH, DASH),
        format_percent(accuracy),
        *(DASH, DASH),
        *latency_cells(row),
        *(DASH, DASH),
    ]


def hop_cells(hop: HopRecord) -> list[str]:
    """A hop's row of the hop table."""
    return [
        f"{hop.source} → {hop.target}",
        marked_status(hop),
        hop.converter or DASH,
        format_bytes(hop.artifact.size_bytes if hop.artifact else None),
        format_share(hop.artifact.size_ratio if hop.artifact else None),
        format_sqnr_db(min_sqnr_db(hop.vs_source)),
        format_error(largest_error(hop.vs_source)),
        format_percent(hop.accuracy.value if hop.accuracy else None),
        format_points(hop.accuracy.drop if hop.accuracy else None),
        describe_axes(hop.dynamic_axes) or DASH,
        *latency_cells(latency_on(hop.latency)),
        format_seconds(spent_seconds(hop)),
        format_bytes(hop.peak_rss_bytes or None),
    ]


def latency_cells(row: Latency | None) -> list[str]:
    """p50 and its interval."""
    if row is None:
        return [DASH, DASH]
    return ["skipped" if row.p50_ms is None else format_ms(row.p50_ms), format_interval_ms(row.p50_ci95_ms)]


def hop_lines(hop: HopRecord) -> list[str]:
    """Everything known of one hop."""
    status = hop.status if was_run(hop) else "not run"
    lines = [f"## {escape(f'{hop.source} → {hop.target}')}: {status}", ""]
    if hop.error:
        more = f" ({other_attempts(hop)})" if other_attempts(hop) else ""
        lines += [f"**{escape(hop.error)}**{more}", ""]
    if hop.fallback_for:
        lines.append(f"- {escape(describe_fallback(hop))}")
    if hop.artifact:
        lines.append(f"- artifact: {escape(hop.artifact.path)}, sha256 {escape(hop.artifact.sha256)}")
    for axis in hop.dynamic_axes:
        name = f"dynamic axis {axis.axis} of {escape(axis.input)}, {escape(axis.name)}"
        lines.append(f"- {name}: {axis_state(axis)}{escape(axis_detail(axis))}")
    if hop.field_runtime:
        field = hop.field_runtime
        detail = f", max error {format_error(field.max_abs_error)}" if field.max_abs_error is not None else ""
        reason = f": {escape(field.reason)}" if field.reason else ""
        lines.append(f"- field runtime {escape(field.runtime)}: {field.status}{detail}{reason}")
    if hop.accuracy and hop.accuracy.drop_ci95:
        drop = format_points(hop.accuracy.drop)
        lines.append(f"- accuracy drops by {drop} points, {describe_interval(hop.accuracy)}")
    lines += [f"- {escape(line)}" for line in (*delegate_lines(hop.delegation), *hop.notes)]
    if hop.rescue:
        lines += rescue_part(hop.rescue)
    lines += comparison_lines("Against the source", hop.vs_source)
    lines += comparison_lines("Against the previous artifact", hop.vs_previous)
    if hop.latency:
        lines += ["", "Latency:", "", *table(LATENCY_HEADINGS, [latency_row(row) for row in hop.latency])]
    if remarks := gpu_remarks(hop.latency):
        lines += ["", *(f"- {escape(line)}" for line in remarks)]
    lines += profile_lines(hop.profile)
    if signature_rows(hop):
        lines += ["", "Signature:", "", *table(SIGNATURE_HEADINGS, signature_rows(hop))]
    if hop.attempts:
        rows = [
            [
                f"{a.converter} (kept)" if a.kept and len(hop.attempts) > 1 else a.converter,
                options_text(a.options),
                a.status,
                format_bytes(a.size_bytes),
                format_sqnr_db(a.sqnr_db),
                format_percent(a.accuracy),
                why_lost(hop, a),
                format_seconds(a.seconds),
            ]
            for a in hop.attempts
        ]
        lines += ["", "Attempts:", ""]
        lines += table(ATTEMPT_HEADINGS, rows)
    return lines


def rescue_part(rescue: RescueRecord) -> list[str]:
    """What was tried in place of what was asked for, and what was kept."""
    lines = [f"- {escape(describe_rescue(rescue))}"]
    if rescue.rejected:
        lines.append(f"- what was asked for: {escape(rescue.rejected)}")
    lines += [f"- {escape(note)}" for note in rescue.notes]
    lines += ["", escape(f"Rescue of {rescue.wanted}, {summarize_search(rescue)}:"), ""]
    return lines + table(HEADINGS, candidate_rows(rescue))


def options_text(options: dict[str, object]) -> str:
    """`opset=20, slim=true`."""
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in options.items()) or DASH


def latency_row(row: Latency) -> list[str]:
    """A row of the latency table; a skipped one says why in place of p50."""
    if row.p50_ms is None:
        return [row.device, DASH, DASH, f"skipped: {row.skipped or 'no reason given'}", *[DASH] * 5]
    return [
        row.device,
        str(row.threads if row.threads is not None else DASH),
        str(row.batch if row.batch is not None else DASH),
        format_ms(row.p50_ms),
        format_interval_ms(row.p50_ci95_ms),
        format_ms(row.p90_ms),
        format_ms(row.p99_ms),
        str(row.runs if row.runs is not None else DASH),
        format_bytes(row.session_bytes),
    ]
