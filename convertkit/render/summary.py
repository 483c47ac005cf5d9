"""What a report says, in words and single figures: the facts that every rendering shows. Draws nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from convertkit.artifacts.formats import Precision
from convertkit.measurement.latency import Latency
from convertkit.render.numbers import (
    format_bytes,
    format_percent,
    format_points,
    format_sqnr_db,
)
from convertkit.report.report import Attempt, HopRecord, Report
from convertkit.validation.gate import Comparison
from convertkit.validation.judgement import DynamicAxis

CPU = "cpu"
LONGEST_ERROR = 120


def source_variant(report: Report) -> str:
    """The variant of the model that came in."""
    return report.hops[0].source if report.hops else report.source.format


def final_hops(report: Report) -> tuple[HopRecord, ...]:
    """The hops that made what was asked for; in a report that does not say, those that end a route."""
    if report.targets:
        return tuple(hop for hop in report.hops if hop.wanted in report.targets)
    starts = {hop.source for hop in report.hops}
    return tuple(hop for hop in report.hops if hop.target not in starts)


def was_run(hop: HopRecord) -> bool:
    """False where the hop had nothing to start from, because an earlier one made nothing that ships."""
    return hop.status == "passed" or bool(hop.attempts) or hop.artifact is not None


def culprit(report: Report) -> HopRecord | None:
    """The hop to look at first: the first that was run and did not pass; None where all passed."""
    bad = [hop for hop in report.hops if hop.status != "passed"]
    return next((hop for hop in bad if was_run(hop)), bad[0] if bad else None)


def spent_seconds(hop: HopRecord) -> float | None:
    """Seconds of the conversion; of all attempts where none gave an artifact; None where it was not run."""
    if not was_run(hop):
        return None
    return hop.seconds or sum(attempt.seconds for attempt in hop.attempts)


def min_sqnr_db(comparison: Comparison | None) -> float | None:
    """The lowest of any float output, of any where there are none; None where nothing was compared."""
    rows = comparison.outputs if comparison else ()
    floats = [row.sqnr_db for row in rows if row.agreement is None]
    return worst(floats or [row.sqnr_db for row in rows], is_lower_worse=True)


def largest_error(comparison: Comparison | None) -> float | None:
    """The largest absolute error of any output; None where nothing could be compared."""
    rows = (row.max_abs_error for row in comparison.outputs) if comparison else ()
    return worst(rows, is_lower_worse=False)


def attempts_below(hop: HopRecord) -> list[str]:
    """A line for each attempt, where there were several: its figures or its error, and which was kept."""
    return [attempt_line(attempt) for attempt in hop.attempts] if len(hop.attempts) > 1 else []


def attempt_line(attempt: Attempt) -> str:
    """`litert-quantizer: passed, 32.5 kB, 31.2 dB, accuracy 99.51 %; kept`; the error where nothing came."""
    if attempt.size_bytes is None:
        return (
            f"{attempt.converter}: {attempt.status}, {shorten(attempt.error or 'no artifact', LONGEST_ERROR)}"
        )
    parts = [attempt.status, format_bytes(attempt.size_bytes)]
    if attempt.sqnr_db is not None:
        parts.append(f"{format_sqnr_db(attempt.sqnr_db)} dB")
    if attempt.accuracy is not None:
        parts.append(f"accuracy {format_percent(attempt.accuracy)} %")
    return f"{attempt.converter}: {', '.join(parts)}{'; kept' if attempt.kept else ''}"


def other_attempts(hop: HopRecord) -> str:
    """`2 other attempts: see report`; empty where the error is that of the only one."""
    count = len(hop.attempts) - 1
    return f"{count} other attempt{'' if count == 1 else 's'}: see report" if count > 0 else ""


def marks(hop: HopRecord) -> list[str]:
    """What is unusual about how an artifact came to be: `fallback`, `cached`, `measured …`."""
    measured = measured_before(hop.latency, hop.recalled)
    return ["fallback"] * bool(hop.fallback_for) + ["cached"] * hop.cached + [measured] * bool(measured)


def measured_before(rows: Sequence[Latency], recalled: str = "") -> str:
    """`measured 2026-11-28 09:55 UTC` for what an earlier run found out, of several the oldest; else empty.

    Args:
        recalled: when outputs were computed that were judged again; empty: in this run.
    """
    times = [recalled] * bool(recalled) + [row.measured for row in rows if row.cached and row.measured]
    return f"measured {min(times)[:16].replace('T', ' ')} UTC" if times else ""


def marked_status(hop: HopRecord) -> str:
    """`passed`, `passed (fallback, cached)`, `not run`."""
    status = hop.status if was_run(hop) else "not run"
    return f"{status} ({', '.join(marks(hop))})" if marks(hop) else status


def describe_fallback(hop: HopRecord) -> str:
    """Who made the artifact in place of whom, and why; empty where no fallback did."""
    if not hop.fallback_for:
        return ""
    failed = next(
        (one for one in hop.attempts if not one.kept and hop.fallback_for.startswith(one.converter)), None
    )
    reason = shorten(failed.error or "", LONGEST_ERROR) if failed else ""
    return f"{hop.converter} made it, a fallback for {hop.fallback_for}{f': {reason}' if reason else ''}"


def worst(values: Iterable[float | None], *, is_lower_worse: bool) -> float | None:
    """The worst of some figures; None where there is none, or where one of them is not a finite number."""
    numbers = list(values)
    finite = [number for number in numbers if number is not None and math.isfinite(number)]
    if not numbers or len(finite) < len(numbers):
        return None
    return min(finite) if is_lower_worse else max(finite)


def latency_on(rows: Sequence[Latency], device: str = CPU) -> Latency | None:
    """The row of a device, measured or skipped; None where it has none."""
    return next((row for row in rows if row.device == device), None)


def other_devices(report: Report) -> list[str]:
    """Every device but the CPU that any row names, in order."""
    rows = [*report.source_latency, *(row for hop in report.hops for row in hop.latency)]
    return list(dict.fromkeys(row.device for row in rows if row.device != CPU))


def describe_setting(row: Latency) -> str:
    """`cpu, 1 thread, batch 1`."""
    parts = [row.device]
    if row.threads is not None:
        parts.append(f"{row.threads} thread{'' if row.threads == 1 else 's'}")
    if row.batch is not None:
        parts.append(f"batch {row.batch}")
    return ", ".join(parts)


def describe_drop(drop: float) -> str:
    """`no drop`, `0.24 points below the source`."""
    points = format_points(abs(drop))
    if points == "0":
        return "no drop"
    return f"{points} points {'below' if drop > 0 else 'above'} the source"


def axis_state(axis: DynamicAxis) -> str:
    """`kept`, `not proven` where fewer than two other sizes ran and agreed, `not kept` where it is fixed."""
    if axis.kept:
        return "kept"
    return "not proven" if axis.sizes_checked or axis.note else "not kept"


def axis_detail(axis: DynamicAxis) -> str:
    """` (ran and agreed at 1, 3; wrong at width = 672: …)`; empty where nothing more is known."""
    sizes = ", ".join(map(str, axis.sizes_checked))
    parts = [f"ran and agreed at {sizes}"] if sizes else []
    parts += [one_line(axis.note)] if axis.note else []
    return f" ({'; '.join(parts)})" if parts else ""


def axes_by_state(axes: Iterable[DynamicAxis]) -> dict[str, list[str]]:
    """Names of the dynamic axes under `kept`, `not proven` and `not kept`; a name shared by inputs once."""
    states: dict[str, list[str]] = {}
    for axis in axes:
        names = states.setdefault(axis_state(axis), [])
        if axis.name not in names:
            names.append(axis.name)
    return states


def describe_axes(axes: Sequence[DynamicAxis]) -> str:
    """`batch kept; height, width not kept`; empty where the source has none."""
    states = axes_by_state(axes)
    parts = (f"{', '.join(states[s])} {s}" for s in ("not kept", "not proven", "kept") if s in states)
    return "; ".join(parts)


def lost_axes(report: Report) -> list[tuple[HopRecord, DynamicAxis]]:
    """Every dynamic axis that is no longer proven, with the hop that lost it first."""
    lost: dict[str, set[tuple[str, int]]] = {}
    rows = []
    for hop in report.hops:
        before = lost.get(hop.source, set())
        gone = {(axis.input, axis.axis): axis for axis in hop.dynamic_axes if not axis.kept}
        rows += [(hop, axis) for key, axis in gone.items() if key not in before]
        lost[hop.target] = before | set(gone)
    return rows


def source_accuracy(report: Report) -> float | None:
    """The source's own accuracy, from any hop's value and drop; None without labels."""
    for hop in report.hops:
        if hop.accuracy is not None:
            return hop.accuracy.value + hop.accuracy.drop
    return None


def is_decided_by_accuracy(hop: HopRecord) -> bool:
    """True where the gate judged the scores by accuracy alone: an integer target, with labels enough."""
    precision = hop.target.partition(":")[2]
    integers = [str(known) for known in Precision if known.is_integer]
    if hop.accuracy is None or hop.vs_source is None or precision not in integers:
        return False
    tolerance = hop.vs_source.tolerance
    return not tolerance.is_sqnr_asked and hop.accuracy.can_decide(tolerance.max_accuracy_drop)


def one_line(text: str) -> str:
    """The text with every run of white space made one space, and harmless to a terminal."""
    return " ".join(printable(text).split())


def printable(text: str) -> str:
    """The text with a space for every character that a terminal would act on rather than show."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def shorten(text: str, limit: int = 180) -> str:
    """One line of at most so many characters; what is cut off ends in an ellipsis."""
    line = one_line(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
