"""An .onnx file: only told apart from other files here; its graph is read in a worker."""

from __future__ import annotations

from convertkit.sources.source import Findings, Kind

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
