"""Bars of size and latency, in percent of a chart's width, on a scale that shows the smallest too."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from convertkit.measurement.latency import Latency
from convertkit.render.numbers import (
    format_bytes,
    format_interval_ms,
    format_ms,
    format_share,
)
from convertkit.render.summary import describe_setting, latency_on, other_devices, source_variant
from convertkit.report.report import Report

WIDEST_LINEAR = 10.0  # from the smallest to the largest; beyond it a bar from zero would vanish


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


class Chart(msgspec.Struct, frozen=True):
    """Bars on one scale.

    Attributes:
        ticks: position and label of each power of ten of a logarithmic scale; empty: linear, from zero.
    """

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...] = ()


class Scale(msgspec.Struct, frozen=True):
    """Where a figure stands, in percent of the width.

    Attributes:
        low: what stands at 0; 0 of a linear scale.
    """

    low: float
    high: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Scale:
        """A linear one from zero, or one over whole powers of ten where the smallest bar would vanish."""
        finite = [figure for figure in figures if math.isfinite(figure) and figure > 0]
        least, most = min(finite, default=1.0), max(finite, default=1.0)
        if most / least <= WIDEST_LINEAR:
            return cls(0.0, most)
        return cls(10.0 ** math.floor(math.log10(least) - 1e-9), 10.0 ** math.ceil(math.log10(most)))

    def at(self, figure: float) -> float:
        """Percent of the width."""
        if not self.low:
            return 100 * figure / self.high
        clipped = min(max(figure, self.low), self.high)
        return 100 * math.log(clipped / self.low) / math.log(self.high / self.low)

    @property
    def decades(self) -> tuple[float, ...]:
        """The powers of ten of a logarithmic scale."""
        if not self.low:
            return ()
        first, last = (round(math.log10(end)) for end in (self.low, self.high))
        return tuple(10.0**power for power in range(first, last + 1))


def size_chart(report: Report) -> Chart:
    """Sizes of the source and of every artifact."""
    rows = [(source_variant(report), report.source.size_bytes, 1.0, "source")]
    for hop in report.hops:
        if hop.artifact:
            rows.append((hop.target, hop.artifact.size_bytes, hop.artifact.size_ratio, hop.status))
    scale = Scale.of(size for _, size, _, _ in rows)
    bars = tuple(
        Bar(name, f"{format_bytes(size)} ({format_share(ratio)})", tone, scale.at(size))
        for name, size, ratio, tone in rows
    )
    ticks = tuple((scale.at(size), format_bytes(int(size))) for size in scale.decades)
    return Chart("Size (of the source)", bars, ticks)


def latency_charts(report: Report) -> list[Chart]:
    """The bars of every device with a measurement; what was skipped there says why."""
    charts = []
    for device in ("cpu", *other_devices(report)):
        rows = [(source_variant(report), "source", latency_on(report.source_latency, device))]
        rows += [(hop.target, hop.status, latency_on(hop.latency, device)) for hop in report.hops]
        named = [(name, tone, row) for name, tone, row in rows if row is not None]
        settings = {describe_setting(row) for _, _, row in named if row.p50_ms is not None}
        if settings:
            is_same = len(settings) == 1
            charts.append(latency_chart(named, settings.pop() if is_same else device, is_same=is_same))
    return charts


def latency_chart(rows: list[tuple[str, str, Latency]], setting: str, *, is_same: bool) -> Chart:
    """One device's bars, on one scale that has room for every interval.

    Args:
        is_same: all were measured with the same threads and batch, so that no bar has to say with which.
    """
    scale = Scale.of(
        end for _, _, row in rows for end in (row.p50_ms, *(row.p50_ci95_ms or ())) if end is not None
    )
    bars = tuple(latency_bar(name, tone, row, scale, is_same=is_same) for name, tone, row in rows)
    ticks = tuple((scale.at(ms), f"{ms:g}") for ms in scale.decades)
    return Chart(f"p50 latency in ms with its 95 % interval ({setting})", bars, ticks)


def latency_bar(name: str, tone: str, row: Latency, scale: Scale, *, is_same: bool) -> Bar:
    """One artifact's bar, or why there is none."""
    if row.p50_ms is None:
        return Bar(name, f"skipped: {row.skipped or 'no reason given'}", tone)
    text = f"{format_ms(row.p50_ms)} ms"
    text += f" [{format_interval_ms(row.p50_ci95_ms)}]" if row.p50_ci95_ms else ""
    text += "" if is_same else f"; {describe_setting(row)}"
    low, high = (scale.at(end) for end in row.p50_ci95_ms) if row.p50_ci95_ms else (None, None)
    return Bar(name, text, tone, scale.at(row.p50_ms), low, high)
