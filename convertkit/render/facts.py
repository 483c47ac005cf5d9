"""The figures of an artifact: how small, how exact, how fast, what it takes, what was lost. Draws nothing."""

from __future__ import annotations

from typing import Literal

import msgspec

from convertkit.delegates.forecast import Delegation, Forecast
from convertkit.measurement.start import ColdStart
from convertkit.render.delegates import delegates_in_short, share
from convertkit.render.numbers import (
    DASH,
    IDENTICAL,
    format_bytes,
    format_interval_ms,
    format_ms,
    format_percent,
    format_share,
    format_sqnr_db,
)
from convertkit.render.speed import slower_hops, speeds
from convertkit.render.summary import (
    CPU,
    axes_by_state,
    describe_axes,
    describe_drop,
    describe_setting,
    is_decided_by_accuracy,
    min_sqnr_db,
    shorten,
)
from convertkit.render.verdict import beside_float
from convertkit.report.report import HopRecord, Report


class Fact(msgspec.Struct, frozen=True):
    """One figure of an artifact: `Size`, `35.2 kB`, `22 % of the source's 157 kB`."""

    label: str
    value: str
    detail: str = ""
    tone: Literal["plain", "good", "warning"] = "plain"


def facts(report: Report, hop: HopRecord) -> list[Fact]:
    """How small, how exact, how fast, what was lost: the figures of one hop's artifact."""
    rows = []
    if hop.artifact:
        source = format_bytes(report.source.size_bytes)
        share = format_share(hop.artifact.size_ratio)
        parts = [f"{share} of the source's {source}", *weights_parts(report, hop), *beside_float(report, hop)]
        rows.append(Fact("Size", format_bytes(hop.artifact.size_bytes), "; ".join(parts)))
    if hop.accuracy:
        tone: Literal["plain", "warning"] = "warning" if hop.accuracy.drop > 0 else "plain"
        value = f"{format_percent(hop.accuracy.value)} %"
        rows.append(Fact(f"Accuracy ({hop.accuracy.metric})", value, describe_drop(hop.accuracy.drop), tone))
    if hop.vs_source:
        text = format_sqnr_db(min_sqnr_db(hop.vs_source))
        value = text if text in (IDENTICAL, DASH) else f"{text} dB"
        floor = f"at least {hop.vs_source.tolerance.min_sqnr_db:g} dB is asked for"
        rule = "accuracy decides, not SQNR" if is_decided_by_accuracy(hop) else floor
        rows.append(Fact("SQNR against the source", value, rule))
    rows += latency_facts(report, hop)
    if hop.start:
        rows.append(start_fact(hop.start))
    if hop.dynamic_axes:
        states = axes_by_state(hop.dynamic_axes)
        is_kept = set(states) == {"kept"}
        sizes = sorted({size for axis in hop.dynamic_axes for size in axis.sizes_checked})
        detail = f"ran and agreed at {', '.join(map(str, sizes))}" if sizes else "no other size was proven"
        value = describe_axes(hop.dynamic_axes)
        rows.append(Fact("Dynamic axes", value, detail, "good" if is_kept else "warning"))
    field = hop.field_runtime
    if field:
        is_good = field.status == "passed"
        rows.append(
            Fact(
                f"Runs on {field.runtime}",
                field.status,
                shorten(field.reason, 80),
                "good" if is_good else "warning",
            )
        )
    row = hop.delegation.of("xnnpack") if hop.delegation else None
    if hop.delegation and row:
        rows.append(delegates_fact(hop.delegation, row))
    return rows


def delegates_fact(delegation: Delegation, row: Forecast) -> Fact:
    """What XNNPACK takes, which every app has, and the others beside it.

    Args:
        row: XNNPACK's.
    """
    tone: Literal["good", "warning"] = "good" if row.is_full else "warning"
    detail = f"of its operators; {delegates_in_short(delegation)}"
    return Fact("XNNPACK takes", share(row, delegation.operators), detail, tone)


def weights_parts(report: Report, hop: HopRecord) -> list[str]:
    """`40 % of its 75.2 kB of weights`, `93 % of it weights`, `29.1 kB compressed`, as far as is known."""
    artifact, parts = hop.artifact, []
    if artifact is None:
        return []
    if artifact.weights_ratio is not None:
        weights = format_bytes(report.source.weights_bytes)
        parts.append(f"{format_share(artifact.weights_ratio)} of its {weights} of weights")
    if artifact.weights_bytes is not None:
        parts.append(f"{format_share(artifact.weights_bytes / artifact.size_bytes)} of it weights")
    if artifact.compressed_bytes is not None:
        parts.append(f"{format_bytes(artifact.compressed_bytes)} compressed")
    return parts


def latency_facts(report: Report, hop: HopRecord) -> list[Fact]:
    """Latency on each device, or why there is none."""
    rows = []
    for row in hop.latency:
        label = f"p50 latency, {row.device}"
        if row.p50_ms is None:
            rows.append(Fact(label, "skipped", shorten(row.skipped or "", 120), "warning"))
            continue
        told = [*speeds(report, hop, row.device), describe_setting(row)]
        told.append(f"95 % interval {format_interval_ms(row.p50_ci95_ms)} ms")
        is_slow = any(slower is hop for slower, _ in slower_hops(report)) and row.device == CPU
        tone: Literal["plain", "warning"] = "warning" if is_slow else "plain"
        rows.append(Fact(label, f"{format_ms(row.p50_ms)} ms", "; ".join(told), tone))
    return rows


def start_fact(start: ColdStart) -> Fact:
    """What a fresh process needs to run it: memory beside the runtime's own, load, first call."""
    label = "Memory, fresh process"
    if start.memory_bytes is None:
        return Fact(label, "not measured", shorten(start.skipped or "", 80), "warning")
    runtime, load, call = (
        format_bytes(start.runtime_bytes),
        format_ms(start.load_ms),
        format_ms(start.first_call_ms),
    )
    detail = f"at the peak, beside {runtime} of the runtime; load {load} ms, first call {call} ms"
    return Fact(label, format_bytes(start.memory_bytes), detail)
