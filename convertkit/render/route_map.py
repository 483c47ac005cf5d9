"""The map of a run: which artifact was made from which, as boxes and lines of an SVG. Draws every branch."""

from __future__ import annotations

import msgspec

from convertkit.render.numbers import format_bytes
from convertkit.render.summary import marks, shorten, source_variant, was_run
from convertkit.report.report import HopRecord, Report

WIDTH, HEIGHT = 208, 78  # of a box, in the SVG's units
GAP_X, GAP_Y = 40, 18
LONGEST_LINE = 30
SIGNS = {"passed": "✓", "failed": "✗", "error": "✗"}


class Box(msgspec.Struct, frozen=True):
    """An artifact.

    Attributes:
        x, y: its upper left corner.
        tone: its status, as a class of the style sheet.
        lines: at most three, below its name.
    """

    name: str
    tone: str
    lines: tuple[str, ...]
    x: int = 0
    y: int = 0


class RouteMap(msgspec.Struct, frozen=True):
    """Boxes, and the path of the line that leads to each but the first."""

    boxes: tuple[Box, ...]
    paths: tuple[str, ...]
    width: int
    height: int


def route_map(report: Report) -> RouteMap:
    """The source to the left, each hop one column further right; every further branch a row of its own."""
    boxes, places, parents = [source_box(report)], [(0, 0)], [-1]
    known, has_child, rows = {source_variant(report): 0}, set[int](), 1
    for hop in report.hops:
        parent = known.get(hop.source, 0)
        row = places[parent][1]
        if parent in has_child:
            row, rows = rows, rows + 1
        has_child.add(parent)
        known.setdefault(hop.target, len(boxes))
        boxes.append(hop_box(hop))
        places.append((places[parent][0] + 1, row))
        parents.append(parent)
    placed = tuple(
        msgspec.structs.replace(box, x=column * (WIDTH + GAP_X), y=row * (HEIGHT + GAP_Y))
        for box, (column, row) in zip(boxes, places, strict=True)
    )
    paths = tuple(
        path(placed[parent], box) for parent, box in zip(parents, placed, strict=True) if parent >= 0
    )
    columns = 1 + max(column for column, _ in places)
    return RouteMap(placed, paths, columns * (WIDTH + GAP_X) - GAP_X, rows * (HEIGHT + GAP_Y) - GAP_Y)


def source_box(report: Report) -> Box:
    """What came in."""
    lines = ("source", f"{format_bytes(report.source.size_bytes)} · {report.source.kind}")
    return Box(source_variant(report), "source", tuple(shorten(line, LONGEST_LINE) for line in lines))


def hop_box(hop: HopRecord) -> Box:
    """What a hop made, or that it made nothing."""
    status = hop.status if was_run(hop) else "not run"
    lines = [" · ".join([f"{SIGNS.get(status, '–')} {status}", *marks(hop)])]
    lines += [hop.converter] if hop.converter else []
    tried = f" · {len(hop.attempts)} attempts" if len(hop.attempts) > 1 else ""
    lines += [format_bytes(hop.artifact.size_bytes) + tried] if hop.artifact else []
    return Box(
        shorten(hop.target, LONGEST_LINE),
        status.replace(" ", ""),
        tuple(shorten(line, LONGEST_LINE) for line in lines),
    )


def path(parent: Box, child: Box) -> str:
    """The line from one box to the next, as the data of an SVG path; down and right, round the corner."""
    x, y = parent.x + WIDTH, parent.y + HEIGHT // 2
    if child.y == parent.y:
        return f"M{x} {y}H{child.x}"
    middle, end = x + GAP_X // 2, child.y + HEIGHT // 2
    down = f"M{x} {y}H{middle - 6}Q{middle} {y} {middle} {y + 6}V{end - 6}"
    return f"{down}Q{middle} {end} {middle + 6} {end}H{child.x}"
