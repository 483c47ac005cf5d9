"""Latency in words: beside the float artifact of the same format and the source, and where there is none."""

from __future__ import annotations

from convertkit.artifacts.formats import Precision
from convertkit.measurement.latency import Latency, Versus, compare
from convertkit.render.numbers import format_ms, format_seconds, format_times
from convertkit.render.summary import CPU, final_hops, latency_on, one_line, other_devices, source_variant
from convertkit.report.report import HopRecord, Report

SAME = "no measurable difference"
LEAST_SAID = 1.1  # a factor; less is said in percent, and is no loss


def describe_versus(versus: Versus, source: str = "") -> str:
    """`4.6× as fast as the source [4.4–4.8]`, `4 % slower than tflite:float32 [2–6]`."""
    name = "the source" if versus.artifact == source else versus.artifact
    if versus.verdict == SAME:
        return f"{SAME} from {name}"
    factors = [versus.ratio, *versus.ci95]
    if versus.verdict == "faster":
        factors = [1 / versus.ratio, 1 / versus.ci95[1], 1 / versus.ci95[0]]
    factor, low, high = factors
    if factor < LEAST_SAID:
        percent, *ends = (f"{100 * (one - 1):.0f}" for one in factors)
        return f"{percent} % {versus.verdict} than {name} [{'–'.join(ends)}]"
    interval = f"[{format_times(low).rstrip('×')}–{format_times(high).rstrip('×')}]"
    words = "as fast as" if versus.verdict == "faster" else "slower than"
    return f"{format_times(factor)} {words} {name} {interval}"


def comparisons(hop: HopRecord, device: str = CPU) -> list[Versus]:
    """The artifact beside others, each once; the float one of its format first."""
    row = latency_on(hop.latency, device)
    found = list(row.versus) if row else []
    first = nearest(hop) if device == CPU else None
    return found if first is None or first in found else [first, *found]


def speeds(report: Report, hop: HopRecord, device: str = CPU) -> list[str]:
    """The same in words."""
    return [describe_versus(one, source_variant(report)) for one in comparisons(hop, device)]


def slower_hops(report: Report) -> list[tuple[HopRecord, Versus]]:
    """The routes whose lower precision costs speed here, with what they are slower than."""
    found = []
    for hop in final_hops(report):
        first = nearest(hop)
        if first and first.verdict == "slower" and first.ratio >= LEAST_SAID:
            found.append((hop, first))
    return found


def nearest(hop: HopRecord) -> Versus | None:
    """An artifact of lower precision beside the float one of its format, else beside the source."""
    kind, _, precision = hop.target.partition(":")
    row = latency_on(hop.latency)
    first = row.versus[0] if row and row.versus else None
    if precision == str(Precision.FLOAT32):
        return None
    rescue = hop.rescue
    if rescue and rescue.winner and (first is None or not first.artifact.startswith(f"{kind}:")):
        return compare(rescue.winner.latency, rescue.float32_latency, f"{kind}:{Precision.FLOAT32}") or first
    return first


def slower_parts(report: Report) -> list[str]:
    """`int8 is 3.6× slower than float32 here [3.4–3.8]`, as parts of a sentence; whole names where needed."""
    source, is_one = source_variant(report), len(final_hops(report)) == 1
    parts = []
    for hop, versus in slower_hops(report):
        kind, _, precision = hop.target.partition(":")
        other_kind, _, other_precision = versus.artifact.partition(":")
        what, _, interval = describe_versus(versus, source).rpartition(" ")
        if is_one and kind == other_kind:
            parts.append(
                f"{precision} is {format_times(versus.ratio)} slower than {other_precision} here {interval}"
            )
        else:
            parts.append(f"{hop.target} is {what} here {interval}")
    return parts


def beside_parts(report: Report) -> list[str]:
    """`tflite:int8 is 2.1× as fast as tflite:float32 [2.0–2.2] and …`, for every lower precision.

    What `slower_parts` says already is left out, and what makes no difference.
    """
    source, parts = source_variant(report), []
    said = [versus for _, versus in slower_hops(report)]
    for hop in final_hops(report):
        others = [one for one in comparisons(hop) if one not in said and one.verdict != SAME]
        if nearest(hop) and others:
            parts.append(f"{hop.target} is {' and '.join(describe_versus(one, source) for one in others)}")
    return parts


def skipped_devices(report: Report) -> list[str]:
    """What was not measured and why, one line for each device and reason."""
    named = [("the source", report.source_latency), *((hop.target, hop.latency) for hop in report.hops)]
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, rows in named:
        for row in rows:
            if row.skipped is not None and not row.compiled:
                reasons.setdefault((row.device, one_line(row.skipped)), []).append(name)
    lines = []
    for (device, reason), names in reasons.items():
        asked = sum(1 for _, rows in named if any(row.device == device for row in rows))
        whom = "" if len(names) == asked else f" of {', '.join(names)}"
        lines.append(f"latency{whom} on {device} skipped: {reason}")
    return lines


def device_lines(report: Report) -> list[str]:
    """What stands in no column: by torch.compile, and p50 on each device but the CPU."""
    lines = compiled_lines(report)
    for device in other_devices(report):
        parts = []
        for hop in report.hops:
            row = latency_on(hop.latency, device)
            if row and row.p50_ms is not None:
                partial = " (partial)" if row.left_on_cpu else ""
                parts.append(f"{hop.target} {format_ms(row.p50_ms)}{partial}")
        if parts:
            lines.append(f"p50 on {device}, ms: {', '.join(parts)}")
    return lines


def compiled_lines(report: Report) -> list[str]:
    """`torch.compile default on cpu: p50 0.31 ms, 1.4× as fast as the source [1.3–1.5], after 12 s`."""
    rows = [row for row in report.source_latency if row.compiled]
    return [f"torch.compile {row.compiled} on {row.device}: {compiled_figures(report, row)}" for row in rows]


def compiled_figures(report: Report, row: Latency) -> str:
    """What a mode of torch.compile gives, or why nothing."""
    if row.p50_ms is None:
        return f"skipped, {one_line(row.skipped or '')}"
    parts = [f"p50 {format_ms(row.p50_ms)} ms"]
    versus = compare(row, latency_on(report.source_latency, row.device), source_variant(report))
    parts += [describe_versus(versus, source_variant(report))] if versus else []
    parts += [after_compiling(row)] if row.compile_s is not None else []
    return ", ".join(parts)


def after_compiling(row: Latency) -> str:
    """`after 12.3 s of compiling`."""
    return f"after {format_seconds(row.compile_s)} s of compiling"
