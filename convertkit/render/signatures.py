"""Inputs and outputs of an artifact as rows: what an application gives it, and how to read its answer."""

from __future__ import annotations

from convertkit.artifacts.signature import TensorSpec
from convertkit.render.numbers import DASH, format_significant
from convertkit.report.report import HopRecord

SIGNATURE_HEADINGS = ("Tensor", "Called", "Type", "Shape", "Axis order", "Scale", "Zero point")


def signature_rows(hop: HopRecord) -> list[tuple[str, ...]]:
    """A row a tensor, inputs first; empty where nothing was made."""
    return [tensor_row("input", spec) for spec in hop.inputs] + [
        tensor_row("output", spec) for spec in hop.outputs
    ]


def tensor_row(kind: str, spec: TensorSpec) -> tuple[str, ...]:
    """`input image`, the runtime's name, type, shape, axis order against the source, scale, zero point."""
    order = ", ".join(map(str, spec.axis_order)) if spec.axis_order else "as the source"
    return (
        f"{kind} {spec.name}",
        spec.runtime_name,
        spec.dtype if spec.pixels is None else f"{spec.dtype}, pixels of 0 to {spec.pixels.white:g}",
        f"[{', '.join(map(str, spec.shape))}]",
        order,
        format_significant(spec.scale, 6),
        DASH if spec.zero_point is None else str(spec.zero_point),
    )
