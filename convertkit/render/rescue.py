"""What a rescue tried and kept, in words and as a table: size, latency and error of every candidate."""

from __future__ import annotations

from collections.abc import Sequence

from convertkit.measurement.latency import compare
from convertkit.render.numbers import (
    DASH,
    format_bytes,
    format_ms,
    format_points,
    format_seconds,
    format_sqnr_db,
)
from convertkit.render.speed import describe_versus
from convertkit.render.summary import one_line, shorten
from convertkit.report.report import HopRecord, Report
from convertkit.report.rescue import CandidateRecord, RescueRecord

LONGEST_REASON = 90
OVER_BUDGET = "over the budget"
STOPPED = {
    "exhausted": "none is left to try",
    "found": "none that is left could be smaller",
    "time": "the time was up",
}
HEADINGS = (
    "Candidate",
    "Variant",
    "Size",
    "Of float32",
    "SQNR, dB",
    "Drop, points",
    "CPU p50, ms",
    "Time, s",
    "Pareto",
    "Result",
)
TEXTS = ("Candidate", "Variant", "Pareto", "Result")


def rescued_hops(report: Report) -> list[tuple[HopRecord, RescueRecord]]:
    """The hops that were searched for, with what was found."""
    return [(hop, hop.rescue) for hop in report.hops if hop.rescue is not None]


def describe_rescue(rescue: RescueRecord) -> str:
    """What was asked for, why it does not ship, and what ships in its place: one line."""
    original, winner = rescue.candidates[0], rescue.winner
    if winner is None:
        count = len(rescue.candidates)
        return (
            f"{rescue.wanted} failed ({fault(original)}); none of {count} candidates passed "
            f"({STOPPED[rescue.stopped_by]}); {describe_nearest(rescue)}"
        )
    share = of_float32(rescue, winner)
    size = f"{share} of float32" if share != DASH else format_bytes(winner.size_bytes)
    beside = compare(winner.latency, rescue.float32_latency, "float32")
    speed = f", {describe_versus(beside)}" if beside else ""
    return (
        f"{rescue.wanted} was asked for and failed ({fault(original)}); rescued by {winner.change}: "
        f"{format_sqnr_db(winner.sqnr_db)} dB, {size}{speed}"
    )


def fault(original: CandidateRecord) -> str:
    """`14.9 dB`, where that is what is wrong; else the reason."""
    if original.sqnr_db is None or original.reason.startswith(OVER_BUDGET):
        return shorten(original.reason, LONGEST_REASON)
    return f"{format_sqnr_db(original.sqnr_db)} dB"


def describe_nearest(rescue: RescueRecord) -> str:
    """The candidate with the highest SQNR, and what it still lacks."""
    made = [one for one in rescue.candidates if one.sqnr_db is not None]
    if not made:
        return "nothing was made that could be compared"
    best = max(made, key=lambda one: one.sqnr_db or 0.0)
    return f"the most exact: {best.change}, {shorten(best.reason, LONGEST_REASON)}"


def summarize_search(rescue: RescueRecord) -> str:
    """How long it took, and why it ended."""
    count, limit = len(rescue.candidates), rescue.budget.minutes
    return (
        f"{count} candidate{'' if count == 1 else 's'} in {format_seconds(rescue.seconds)} s "
        f"of {limit:g} minutes: {STOPPED[rescue.stopped_by]}. Pareto: no other is better in size, error "
        "or latency, and no worse in the rest"
    )


def candidate_cells(rescue: RescueRecord, number: int) -> list[str]:
    """One candidate's row under `HEADINGS`."""
    candidate = rescue.candidates[number]
    latency = candidate.latency
    result = "kept" if number == rescue.kept else "passed" if candidate.is_passed else candidate.reason
    return [
        candidate.change,
        candidate.target,
        format_bytes(candidate.size_bytes),
        of_float32(rescue, candidate),
        format_sqnr_db(candidate.sqnr_db),
        format_points(candidate.accuracy_drop),
        format_ms(latency.p50_ms if latency else None),
        format_seconds(candidate.seconds),
        "yes" if candidate.is_pareto else "",
        shorten(result, LONGEST_REASON),
    ]


def of_float32(rescue: RescueRecord, candidate: CandidateRecord) -> str:
    """`0.31`; a dash where either size is not known."""
    if not rescue.float32_bytes or candidate.size_bytes is None:
        return DASH
    return f"{candidate.size_bytes / rescue.float32_bytes:.2f}"


def candidate_rows(rescue: RescueRecord) -> list[list[str]]:
    """All rows, in the order of trying."""
    return [candidate_cells(rescue, number) for number in range(len(rescue.candidates))]


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of text in columns, figures to the right; columns that are empty throughout are left out."""
    used = [i for i in range(len(headings)) if any(row[i] not in ("", DASH) for row in rows)]
    table = [[one_line(row[i]) for i in used] for row in (headings, *rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(used))]
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if headings[i] in TEXTS else cell.rjust(width)
            for cell, width, i in zip(row, widths, used, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def rescue_heading(rescue: RescueRecord) -> str:
    """Whose rescue it was, how long it took, and why it ended."""
    return one_line(f"rescue of {rescue.wanted}: {summarize_search(rescue)}")


def rescue_lines(report: Report) -> list[str]:
    """Every rescue as text: a heading, the table, notes."""
    lines = []
    for _, rescue in rescued_hops(report):
        lines.append(rescue_heading(rescue))
        lines += [f"  {line}" for line in aligned(HEADINGS, candidate_rows(rescue))]
        lines += [f"  {one_line(note)}" for note in rescue.notes]
    return lines


def compact_lines(rescue: RescueRecord) -> list[str]:
    """The table for a terminal: the figures first, then the candidate, which may be cut off."""
    names = ("Size", "Of float32", "SQNR, dB", "Drop, points", "CPU p50, ms", "Pareto", "Result", "Candidate")
    rows = []
    for number, cells in enumerate(candidate_rows(rescue)):
        row = dict(zip(HEADINGS, cells, strict=True))
        is_kept, is_passed = number == rescue.kept, rescue.candidates[number].is_passed
        row["Result"] = "kept" if is_kept else "passed" if is_passed else "failed"
        rows.append([row[name] for name in names])
    return aligned(names, rows)
