"""The difference of two runs as text: a verdict, then every figure."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from convertkit.render.numbers import (
    DASH,
    format_bytes,
    format_interval_ms,
    format_ms,
    format_percent,
    format_points,
    format_share,
    format_sqnr_db,
)
from convertkit.report.difference import Change, Difference

HEADINGS = {
    "status": "status",
    "converter": "converter",
    "size": "size",
    "compressed": "compressed",
    "latency": "p50, ms",
    "sqnr": "SQNR, dB",
    "accuracy": "accuracy, %",
    "signature": "signature",
}


def render_difference(difference: Difference) -> RenderableType:
    """Every figure that both have, then the environment, notes and the verdict."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("Artifact", overflow="fold", min_width=12)
    for name in ("Figure", "Before", "After", "Change"):
        table.add_column(name, justify="left" if name == "Figure" else "right", overflow="fold")
    for change in difference.changes:
        if change.figure == "signature" or (change.figure == "status" and change.before == change.after):
            continue
        table.add_row(change.variant, HEADINGS[change.figure], *cells(change))
    return Group(table, *map(Text, lines(difference)))


def lines(difference: Difference) -> list[str]:
    """What is said below the table, the verdict last."""
    signatures = [
        f"{change.variant}: the signature has changed: {change.detail}"
        for change in difference.changes
        if change.figure == "signature"
    ]
    packages = [f"{name} {was} → {now}" for name, (was, now) in difference.environment.items()]
    noted = [f"note: {note}" for note in difference.notes]
    return [*signatures, *packages, *noted, verdict(difference)]


def verdict(difference: Difference) -> str:
    """`REGRESSED: tflite:int8 size, latency`, or that nothing is worse than allowed."""
    found: dict[str, list[str]] = {}
    for change in difference.regressions:
        found.setdefault(change.variant, []).append(change.figure)
    if not found:
        return "PASSED: nothing is worse by more than is allowed"
    return "REGRESSED: " + "; ".join(f"{name} {', '.join(figures)}" for name, figures in found.items())


def cells(change: Change) -> tuple[str, str, str]:
    """Before, after, and what lies between them; `!` marks a regression."""
    mark = " !" if change.is_regression else ""
    return shown(change, change.before), shown(change, change.after), between(change) + mark


def shown(change: Change, value: float | str | None) -> str:
    """A figure in its own unit."""
    if value is None or isinstance(value, str):
        return value or DASH
    if change.figure in ("size", "compressed"):
        return format_bytes(int(value))
    forms = {"latency": format_ms, "sqnr": format_sqnr_db}
    return forms.get(change.figure, format_percent)(value)


def between(change: Change) -> str:
    """`+2.1 %`, `0.98× [0.95–1.01]`, `-3.2 dB`, `-0.24 points`, in the direction of the figure itself."""
    before, after = change.before, change.after
    if isinstance(before, str) or isinstance(after, str) or before is None or after is None:
        return "" if before == after else "changed"
    if change.figure in ("size", "compressed"):
        return signed(format_share(abs(after / before - 1)), after - before) if before else DASH
    if change.figure == "latency":
        return f"{after / before:.2f}× [{format_interval_ms(change.ci95)}]"
    if change.figure == "sqnr":
        return signed(f"{abs(after - before):.1f} dB", after - before)
    return signed(f"{format_points(abs(after - before))} points", after - before)


def signed(text: str, difference: float) -> str:
    """A magnitude with the sign of what it is the magnitude of; `0` where there is none."""
    return f"{'+' if difference > 0 else '−'}{text}" if difference else "0"
