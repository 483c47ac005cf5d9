"""The hop table of a terminal: two lines a hop, and the reason below a hop that did not pass."""

from __future__ import annotations

import msgspec
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from convertkit.measurement.latency import Latency
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
from convertkit.render.parts import part_lines
from convertkit.render.plain import render_plain
from convertkit.render.rescue import compact_lines, rescue_heading, rescued_hops
from convertkit.render.speed import device_lines
from convertkit.render.summary import (
    attempts_below,
    axes_by_state,
    largest_error,
    latency_on,
    marks,
    measured_before,
    min_sqnr_db,
    one_line,
    source_accuracy,
    source_variant,
    spent_seconds,
    was_run,
)
from convertkit.render.verdict import caveats, verdict_line
from convertkit.report.report import HopRecord, Report

ROOMY_WIDTH = 100
LONGEST_NAME = 20
LONGEST_AXIS = 8
SHORTEST_NAME = 12
STATUS_STYLES = {
    "passed": "green",
    "failed": "red",
    "error": "red",
    "not run": "yellow",
    "interrupted": "yellow",
}
KEPT_WORDS = {"not kept": "no", "not proven": "unsure", "kept": "yes"}
NOTHING = ("", "")

Pair = tuple[str, str]


class Column(msgspec.Struct, frozen=True):
    """A column: two lines of heading, and how its cells stand."""

    heading: Pair
    justify: JustifyMethod = "right"


class Row(msgspec.Struct, frozen=True):
    """A hop (or the source): a pair of lines for each column, and what stands below."""

    cells: tuple[Pair, ...]
    status: str = ""
    reason: str = ""
    below: tuple[str, ...] = ()


COLUMNS = (
    Column(("Hop", "converter"), "left"),
    Column(("Status", ""), "left"),
    Column(("Size", "ratio")),
    Column(("SQNR, dB", "max error")),
    Column(("Acc., %", "drop")),
    Column(("Axes", "kept"), "left"),
    Column(("CPU p50, ms", "95 % interval")),
    Column(("Conv. s", "peak")),
)


def render_table(report: Report, *, width: int = ROOMY_WIDTH) -> Table:
    """The hop table.

    Args:
        width: columns of the terminal; below 100 the gaps are narrow.
    """
    rows = [source_row(report), *map(hop_row, report.hops)]
    used = [i for i in range(len(COLUMNS)) if any(row.cells[i] != NOTHING for row in rows)]
    heading = Row(tuple(column.heading for column in COLUMNS))
    widths = {i: max(cell_len(line) for row in (heading, *rows) for line in row.cells[i]) for i in used}
    gap = 3 if width >= ROOMY_WIDTH else 1
    excess = sum(widths.values()) + gap * (len(used) - 1) - width
    widths[0] = max(SHORTEST_NAME, widths[0] - max(0, excess))
    table = Table.grid(expand=False)
    table.add_column()
    table.add_row(strip(heading, widths, gap, "bold"))
    table.add_row(Rule(style="dim"))
    for row in rows:
        table.add_row(strip(row, widths, gap, "red" if row.status in ("failed", "error") else ""))
        if row.reason:
            table.add_row(Padding(Text(row.reason, style=STATUS_STYLES[row.status]), (0, 0, 0, 2)))
        for line in row.below:
            table.add_row(Padding(Text(line, style="dim"), (0, 0, 0, 2)))
    return table


def strip(row: Row, widths: dict[int, int], gap: int, style: str) -> Table:
    """One row as a table of its own with everyone's widths, so that a reason can span all columns below."""
    table = Table.grid(padding=(0, gap, 0, 0))
    for index, wide in widths.items():
        table.add_column(width=wide, justify=COLUMNS[index].justify, no_wrap=True, overflow="ellipsis")
    for line in (0, 1):
        texts = [Text(row.cells[index][line], style=style) for index in widths]
        if line == 1 and not style:
            for text in texts:
                text.stylize("dim")
        if line == 0 and row.status and 1 in widths:
            texts[list(widths).index(1)].stylize(STATUS_STYLES[row.status])
        table.add_row(*texts)
    return table


def source_row(report: Report) -> Row:
    """What every hop is compared with."""
    accuracy = source_accuracy(report)
    return Row(
        (
            (source_variant(report), report.source.kind),
            ("source", ""),
            (format_bytes(report.source.size_bytes), ""),
            NOTHING,
            NOTHING if accuracy is None else (format_percent(accuracy), ""),
            NOTHING,
            latency_pair(latency_on(report.source_latency)),
            NOTHING,
        ),
        below=tuple(filter(None, [measured_before(report.source_latency)])),
    )


def hop_row(hop: HopRecord) -> Row:
    """The row of a hop."""
    status = hop.status if was_run(hop) else "not run"
    size = hop.artifact and (format_bytes(hop.artifact.size_bytes), format_share(hop.artifact.size_ratio))
    accuracy = hop.accuracy and (format_percent(hop.accuracy.value), format_points(hop.accuracy.drop))
    return Row(
        (
            (shortened(hop.target, LONGEST_NAME), shortened(hop.converter, LONGEST_NAME)),
            (status, shortest_mark(hop)),
            size or (DASH, DASH),
            (format_sqnr_db(min_sqnr_db(hop.vs_source)), format_error(largest_error(hop.vs_source))),
            accuracy or NOTHING,
            axes_pair(hop),
            latency_pair(latency_on(hop.latency)),
            (format_seconds(spent_seconds(hop)), format_bytes(hop.peak_rss_bytes or None)),
        ),
        status,
        one_line(hop.error or ""),
        tuple(map(one_line, (*measured_lines(hop), *part_lines(hop), *attempts_below(hop)))),
    )


def measured_lines(hop: HopRecord) -> list[str]:
    """When an earlier run measured what is shown."""
    measured = measured_before(hop.latency, hop.recalled)
    return [f"cached, {measured}"] if measured else []


def shortest_mark(hop: HopRecord) -> str:
    """The first thing that is unusual about how the artifact came to be; the column holds no more."""
    return next(iter(marks(hop)), "")


def axes_pair(hop: HopRecord) -> Pair:
    """The dynamic axes by name, and whether they were kept; the worst state where they differ."""
    states = axes_by_state(hop.dynamic_axes)
    for state, word in KEPT_WORDS.items():
        if state in states:
            names = states[state]
            name = names[0] if len(names) == 1 else f"{len(names)} axes"
            return shortened(name, LONGEST_AXIS), word
    return NOTHING


def latency_pair(row: Latency | None) -> Pair:
    """p50 and its interval; `skipped` where it was not measured."""
    if row is None:
        return NOTHING
    if row.p50_ms is None:
        return "skipped", ""
    return format_ms(row.p50_ms), format_interval_ms(row.p50_ci95_ms)


def shortened(text: str, limit: int) -> str:
    """The text in one line, its end replaced by an ellipsis where it is too long."""
    text = one_line(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def print_rescues(report: Report, console: Console) -> None:
    """What was tried in place of what failed; no line is wider than the terminal."""
    for _, rescue in rescued_hops(report):
        console.print(Text(rescue_heading(rescue)))
        for line in compact_lines(rescue):
            console.print(Text(line), no_wrap=True, overflow="ellipsis")
        for note in rescue.notes:
            console.print(Text(one_line(note), style="dim"))
        console.print()


def print_table(report: Report, console: Console) -> None:
    """The table on a terminal, what to know before shipping, and the verdict last; plain text elsewhere."""
    if not console.is_terminal:
        console.file.write(render_plain(report))
        return
    console.print(render_table(report, width=console.width))
    console.print()
    print_rescues(report, console)
    for line in device_lines(report):
        console.print(Text(line))
    for line in caveats(report):
        console.print(Text(f"• {line}", style="yellow"))
    verdict = Text(verdict_line(report))
    verdict.stylize(f"bold {STATUS_STYLES[report.status]}", 0, len(report.status))
    console.print(verdict)
