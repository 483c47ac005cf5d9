"""Measurements side by side as text: a table for each device, number of threads and batch; cold starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from convertkit.measurement.latency import Latency
from convertkit.measurement.measured import Measured
from convertkit.measurement.profile import Profile
from convertkit.render.numbers import (
    DASH,
    format_bytes,
    format_interval_ms,
    format_ms,
    format_share,
    format_significant,
)
from convertkit.render.profile import OPERATOR_HEADINGS, operator_rows, profile_heading
from convertkit.render.speed import after_compiling, describe_versus

Row = tuple[str, Measured, Latency]
Cell = tuple[str, int | None, int | None]
FEWEST_CALLS_P99 = 100  # the 99th percentile of fewer is no more than the slowest of them


def render_bench(measured: Sequence[Measured]) -> RenderableType:
    """Everything that was measured; what could not be below, each reason once."""
    names = short_names([one.path for one in measured])
    rows = [
        (form_name(name, row), one, row)
        for name, one in zip(names, measured, strict=True)
        for row in one.latency
    ]
    parts: list[RenderableType] = []
    for cell in dict.fromkeys(cell_of(row) for _, _, row in rows if row.skipped is None):
        found = [row for row in rows if row[2].skipped is None and cell_of(row[2]) == cell]
        parts += [Text(heading(found)), latency_table(found), *verdicts(found), Text()]
    if any(one.start.skipped is None for one in measured):
        parts += [Text("cold start, a process of its own"), start_table(names, measured)]
    for name, one in zip(names, measured, strict=True):
        if one.profile is not None and one.profile.skipped is None:
            parts += [Text(), Text(f"{name}: {profile_heading(one.profile)}"), operator_table(one.profile)]
    return Group(*parts, *map(Text, skipped_lines(names, measured)))


def form_name(name: str, row: Latency) -> str:
    """The artifact's name, and the mode of torch.compile that it was run by: `model.pt2, compile default`."""
    return f"{name}, compile {row.compiled}" if row.compiled else name


def cell_of(row: Latency) -> Cell:
    """What rows share that are comparable: device, threads, batch."""
    return row.device, row.threads, row.batch


def heading(rows: Sequence[Row]) -> str:
    """`cpu, 1 thread, batch 8; the same artifact twice is the same within 0.8 %`."""
    first = rows[0][2]
    threads = f"{first.threads} thread{'' if first.threads == 1 else 's'}"
    noise = f"; one artifact twice: within {format_share(first.noise)}" if first.noise is not None else ""
    return f"{first.device}, {threads}, batch {first.batch}{noise}"


def latency_table(rows: Sequence[Row]) -> Table:
    """One line an artifact; throughput in place of p99 where a call takes several samples."""
    is_batched = (rows[0][2].batch or 1) > 1
    table = plain_table("Size", "p50, ms", "95 % interval", "samples/s" if is_batched else "p99, ms")
    for name, one, row in rows:
        p99 = format_ms(row.p99_ms) if (row.runs or 0) >= FEWEST_CALLS_P99 else DASH
        table.add_row(
            name,
            format_bytes(one.size_bytes),
            format_ms(row.p50_ms),
            format_interval_ms(row.p50_ci95_ms),
            format_significant(row.samples_per_second) if is_batched else p99,
        )
    return table


def verdicts(rows: Sequence[Row]) -> list[Text]:
    """`model.int8.tflite: 3.4× slower than model.tflite [3.3–3.5]`, for each artifact but the first."""
    names = {one.path: name for name, one, row in rows if not row.compiled}
    return [
        Text(
            f"{name}: {describe_versus(versus).replace(versus.artifact, names.get(versus.artifact, ''))}"
            f"{f', {after_compiling(row)}' if row.compiled else ''}"
        )
        for name, _, row in rows
        for versus in row.versus
    ]


def start_table(names: Sequence[str], measured: Sequence[Measured]) -> Table:
    """What each artifact takes before it is warm; memory without and with the runtime's own."""
    table = plain_table("Load, ms", "First call, ms", "Memory", "Runtime")
    for name, one in zip(names, measured, strict=True):
        start = one.start
        table.add_row(
            name,
            format_ms(start.load_ms),
            format_ms(start.first_call_ms),
            format_bytes(start.memory_bytes),
            format_bytes(start.runtime_bytes),
        )
    return table


def operator_table(profile: Profile) -> Table:
    """The operators that take most of the time, one a line; the node's name where no module is known."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in OPERATOR_HEADINGS[:3]:
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in OPERATOR_HEADINGS[3:5]:
        table.add_column(heading, overflow="fold")
    for *figures, operator, module, node in operator_rows(profile):
        table.add_row(*figures, Text(operator), Text(node if module == DASH else module))
    return table


def plain_table(*columns: str) -> Table:
    """A table without lines: artifacts to the left, figures to the right."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("Artifact", overflow="fold", min_width=12)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def short_names(paths: Sequence[str]) -> list[str]:
    """The last part of each path; the last two where several share it."""
    counts = Counter(Path(path).name for path in paths)
    return [
        Path(path).name if counts[Path(path).name] == 1 else "/".join(Path(path).parts[-2:]) for path in paths
    ]


def skipped_lines(names: Sequence[str], measured: Sequence[Measured]) -> list[str]:
    """`cuda skipped: reason`, with the artifacts it concerns where these are not all."""
    reasons: dict[tuple[str, str], dict[str, None]] = {}
    for name, one in zip(names, measured, strict=True):
        skipped = [
            (form_name(row.device, row), row.skipped) for row in one.latency if row.skipped is not None
        ]
        if one.start.skipped is not None:
            skipped.append(("cold start", one.start.skipped))
        if one.profile is not None and one.profile.skipped is not None:
            skipped.append(("profile", one.profile.skipped))
        for reason in skipped:
            reasons.setdefault(reason, {})[name] = None
    return [
        f"{what} skipped{'' if len(whom) == len(measured) else ' for ' + ', '.join(whom)}: {reason}"
        for (what, reason), whom in reasons.items()
    ]
