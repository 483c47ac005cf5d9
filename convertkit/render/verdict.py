"""The verdict: what ships or why not, the figures that matter, and what to know before shipping."""

from __future__ import annotations

from convertkit.artifacts.formats import Precision
from convertkit.render.numbers import (
    DASH,
    IDENTICAL,
    format_bytes,
    format_ms,
    format_percent,
    format_share,
    format_sqnr_db,
)
from convertkit.render.rescue import describe_rescue, rescued_hops
from convertkit.render.speed import (
    beside_parts,
    comparisons,
    describe_versus,
    skipped_devices,
    slower_hops,
    slower_parts,
)
from convertkit.render.summary import (
    axes_by_state,
    axis_detail,
    axis_state,
    culprit,
    describe_drop,
    describe_fallback,
    final_hops,
    latency_on,
    lost_axes,
    min_sqnr_db,
    one_line,
    other_attempts,
    shorten,
    source_variant,
)
from convertkit.report.report import HopRecord, Report

STATUS_WORDS = {"passed": "PASSED", "failed": "FAILED", "error": "ERROR", "interrupted": "INTERRUPTED"}


def headline(report: Report) -> str:
    """What ships, or what does not and why: one sentence without the status word."""
    bad = culprit(report)
    if bad is not None:
        where = f" It is kept as {bad.artifact.path}." if bad.artifact else ""
        reason = shorten(bad.error or "no reason was given").rstrip(".")
        stop = "" if reason.endswith("…") else "."
        others = f" {other_attempts(bad)}." if other_attempts(bad) else ""
        return f"{blame(report, bad)}: {reason}{stop}{others}{where}{also_ships(report)}"
    names = passed_paths(report)
    if not names:
        return "nothing was converted."
    lost = losses(report)
    but = f", but {' and '.join(lost)}" if lost else ""
    return f"{' and '.join(names)} ship{'s' if len(names) == 1 else ''}{but}."


def blame(report: Report, bad: HopRecord) -> str:
    """`tflite:int8 does not ship`, and because of which hop where that was an earlier one."""
    missing = [hop.target for hop in final_hops(report) if hop.status != "passed"]
    because = "" if bad.target in missing else f" because of {bad.target}"
    return f"{' and '.join(missing)} do{'es' if len(missing) == 1 else ''} not ship{because}"


def passed_paths(report: Report) -> list[str]:
    """Paths of the artifacts that end a route and passed."""
    passed = (hop.artifact for hop in final_hops(report) if hop.status == "passed")
    return list(dict.fromkeys(artifact.path for artifact in passed if artifact))


def also_ships(report: Report) -> str:
    """A sentence on the routes that passed in a run that did not; empty where there are none."""
    names = passed_paths(report)
    return f" {' and '.join(names)} passed." if names else ""


def losses(report: Report) -> list[str]:
    """What the artifacts that end a route no longer do, and who did not make them: parts of a sentence."""
    parts = slower_parts(report)
    for hop in final_hops(report):
        states = axes_by_state(hop.dynamic_axes)
        for state in ("not kept", "not proven"):
            names = states.get(state, [])
            if names:
                axes, verb = ("axis", "is") if len(names) == 1 else ("axes", "are")
                parts.append(f"dynamic {axes} {', '.join(names)} {verb} {state}")
        if hop.field_runtime and hop.field_runtime.status == "failed":
            parts.append(f"{hop.target} fails on {hop.field_runtime.runtime}")
        if hop.budget and hop.budget.undecided:
            parts.append(f"the budget of {hop.target} is undecided")
    for hop in report.hops:
        if hop.fallback_for:
            parts.append(f"{hop.target} is by a fallback ({hop.converter} for {hop.fallback_for})")
    return list(dict.fromkeys(parts))


def verdict_line(report: Report) -> str:
    """The whole verdict in one line, figures included where a single artifact ships."""
    line = f"{STATUS_WORDS[report.status]}: {headline(report)}"
    ends = final_hops(report)
    figures = short_facts(report, ends[0]) if len(ends) == 1 else beside_parts(report)
    if report.status == "passed" and figures:
        line = f"{line[:-1]}: {'; '.join(figures)}."
    return one_line(line)


def short_facts(report: Report, hop: HopRecord) -> list[str]:
    """The figures of an artifact as parts of a sentence."""
    parts = []
    if hop.artifact:
        size, share = format_bytes(hop.artifact.size_bytes), format_share(hop.artifact.size_ratio)
        weights = hop.artifact.weights_ratio
        shares = [f"{share} of the source"]
        shares += [f"{format_share(weights)} of its weights"] if weights is not None else []
        parts.append(f"{size} ({'; '.join([*shares, *beside_float(report, hop)])})")
    if hop.accuracy:
        parts.append(f"accuracy {format_percent(hop.accuracy.value)} % ({describe_drop(hop.accuracy.drop)})")
    if hop.vs_source and hop.vs_source.outputs:
        parts.append(describe_sqnr(min_sqnr_db(hop.vs_source)))
    row = latency_on(hop.latency)
    if row and row.p50_ms is not None:
        said = [versus for slower, versus in slower_hops(report) if slower is hop]
        others = (one for one in comparisons(hop) if one not in said)
        speed = ", ".join(describe_versus(one, source_variant(report)) for one in others)
        parts.append(f"p50 {format_ms(row.p50_ms)} ms on the CPU" + (f" ({speed})" if speed else ""))
    kept = axes_by_state(hop.dynamic_axes).get("kept", [])
    if kept:
        parts.append(f"dynamic {'axis' if len(kept) == 1 else 'axes'} {', '.join(kept)} kept")
    return parts


def beside_float(report: Report, hop: HopRecord) -> list[str]:
    """`54 % of tflite:float32`: the share of the float artifact of the same format; empty without one."""
    kind, _, precision = hop.target.partition(":")
    name = f"{kind}:{Precision.FLOAT32}"
    made = next((one.artifact for one in report.hops if one.target == name and one.artifact), None)
    size = made.size_bytes if made else hop.rescue.float32_bytes if hop.rescue else None
    if hop.artifact is None or precision == str(Precision.FLOAT32) or not size:
        return []
    return [f"{format_share(hop.artifact.size_bytes / size)} of {name}"]


def describe_sqnr(value: float | None) -> str:
    """`31.1 dB SQNR against the source`, or that the outputs are identical."""
    text = format_sqnr_db(value)
    if text == IDENTICAL:
        return "outputs identical to the source's"
    return "SQNR unknown" if text == DASH else f"{text} dB SQNR against the source"


def caveats(report: Report) -> list[str]:
    """What to know before shipping: rescues, fallbacks, what was lost or not measured, notes."""
    lines = [describe_rescue(rescue) for _, rescue in rescued_hops(report)]
    lines += [f"{hop.target}: {describe_fallback(hop)}" for hop in report.hops if hop.fallback_for]
    lines += [f"{hop.target}: made again: {hop.ran_again}" for hop in report.hops if hop.ran_again]
    lines += [
        f"{hop.target}: a worker was lost, and its job done again by a fresh one: {lost}"
        for hop in report.hops
        for lost in hop.lost_workers
    ]
    for hop in report.hops:
        lines += [f"{hop.target}: {line}" for line in (hop.budget.undecided if hop.budget else ())]
    for hop, axis in lost_axes(report):
        lines.append(
            f"dynamic axis '{axis.name}' of input '{axis.input}' is {axis_state(axis)} from {hop.target} on"
            f"{axis_detail(axis)}"
        )
    for hop in report.hops:
        lines += [f"{hop.target}: {axis.note}" for axis in hop.dynamic_axes if axis.kept and axis.note]
        if hop.field_runtime and hop.field_runtime.status != "passed":
            field = hop.field_runtime
            lines.append(f"{hop.target} on {field.runtime}: {field.status}, {one_line(field.reason)}")
    lines += skipped_devices(report)
    return [one_line(line) for line in (*lines, *report.notes)]
