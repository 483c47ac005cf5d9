"""An .onnx file: only told apart from other files here; its graph is read in a worker."""

from __future__ import annotations

from typing import Any

from convertkit.sources.source import Findings, Kind

NO_NAMES = ("", "?", "-1", "None")  # what exporters write for an axis of which they know nothing
FIRST_FIELDS = (0x08, 0x12, 0x3A)  # ir_version; producer_name or graph, from unusual writers


def looks_like(head: bytes, suffix: str) -> bool:
    """True where the bytes may be an ONNX model: `ir_version` first, as every known writer has it.

    Without the suffix, the version and the tag after it must fit as well.
    """
    if suffix == ".onnx":
        return head[:1] != b"" and head[0] in FIRST_FIELDS
    return len(head) > 2 and head[0] == 0x08 and 1 <= head[1] <= 20 and head[2] in (0x12, 0x1A, 0x3A, 0x42)


def read() -> Findings:
    """Findings on an ONNX file."""
    return Findings(Kind.ONNX)


def stated_size(dim: Any) -> int | str | None:
    """The size or name that a graph's dimension states, None where it is free and has no name of its own.

    Exporters write an unknown size also as -1 or 0, or give it one of `NO_NAMES`, which is not one size then.

    Args:
        dim: a `TensorShapeProto.Dimension`.
    """
    if dim.HasField("dim_value"):
        return int(dim.dim_value) if dim.dim_value > 0 else None
    name = str(dim.dim_param)
    return None if name.strip() in NO_NAMES else name
