"""The hop table as plain text: one labelled line a hop, for logs and pipes. No rich."""

from __future__ import annotations

from convertkit.render.numbers import (
    DASH,
    IDENTICAL,
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
from convertkit.render.parts import (
    describe_interval,
    lowest_samples_db,
    lowest_slice_db,
    part_lines,
)
from convertkit.render.rescue import rescue_lines
from convertkit.render.speed import device_lines
from convertkit.render.summary import (
    attempts_below,
    describe_axes,
    describe_setting,
    largest_error,
    latency_on,
    marks,
    measured_before,
    min_sqnr_db,
    one_line,
    printable,
    source_variant,
    spent_seconds,
    was_run,
)
from convertkit.render.verdict import caveats, verdict_line
from convertkit.report.report import HopRecord, Report


def render_plain(report: Report) -> str:
    """The source, a line for each hop with the reason below one that did not pass, caveats, the verdict."""
    lines = [source_line(report)]
    for hop in report.hops:
        lines.append(hop_line(hop))
        if hop.error:
            lines.append(f"        {one_line(hop.error)}")
        lines += [f"        {one_line(line)}" for line in (*part_lines(hop), *attempts_below(hop))]
    lines += rescue_lines(report)
    lines += device_lines(report)
    lines += [f"note: {caveat}" for caveat in caveats(report)]
    lines.append(verdict_line(report))
    return "\n".join(map(printable, lines)) + "\n"


def source_line(report: Report) -> str:
    """The source, with what the hops are compared to."""
    parts = [f"source  {source_variant(report)}", format_bytes(report.source.size_bytes)]
    row = latency_on(report.source_latency)
    if row and row.p50_ms is not None:
        parts.append(f"p50 {format_ms(row.p50_ms)} ms ({describe_setting(row)})")
    parts += filter(None, [measured_before(report.source_latency)])
    return "  ".join(parts)


def hop_line(hop: HopRecord) -> str:
    """One hop, with its figures named."""
    status = hop.status if was_run(hop) else "not run"
    parts = [f"{status:<7} {hop.source} -> {hop.target}"]
    if hop.converter:
        parts.append(f"({', '.join([hop.converter, *marks(hop)])})")
    if hop.artifact:
        size = format_bytes(hop.artifact.size_bytes)
        parts.append(f"{size} ({format_share(hop.artifact.size_ratio)} of source)")
    if hop.vs_source:
        sqnr = format_sqnr_db(min_sqnr_db(hop.vs_source))
        parts.append(f"SQNR {sqnr}{'' if sqnr in (IDENTICAL, DASH) else ' dB'}")
        slices, samples = lowest_slice_db(hop.vs_source), lowest_samples_db(hop.vs_source)
        parts += [f"slices {format_sqnr_db(slices)}"] if slices is not None else []
        parts += [f"samples {format_sqnr_db(samples)}"] if samples is not None else []
        parts.append(f"max error {format_error(largest_error(hop.vs_source))}")
    if hop.accuracy:
        value, drop = format_percent(hop.accuracy.value), format_points(hop.accuracy.drop)
        interval = describe_interval(hop.accuracy)
        parts.append(f"accuracy {value} % (drop {drop} points{', ' + interval if interval else ''})")
    if hop.dynamic_axes:
        parts.append(f"dynamic: {describe_axes(hop.dynamic_axes)}")
    row = latency_on(hop.latency)
    if row:
        interval = f"[{format_interval_ms(row.p50_ci95_ms)}]"
        parts.append("p50 skipped" if row.p50_ms is None else f"p50 {format_ms(row.p50_ms)} {interval} ms")
    if was_run(hop):
        parts.append(f"converted in {format_seconds(spent_seconds(hop))} s")
    if hop.peak_rss_bytes:
        parts.append(f"converter's peak {format_bytes(hop.peak_rss_bytes)}")
    return "  ".join(parts)
