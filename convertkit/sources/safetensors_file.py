"""A .safetensors file: eight bytes of header length, a JSON header, then the tensors' bytes."""

from __future__ import annotations

import json
import math
import struct
from typing import IO, Any

from convertkit.errors import ModelFileError
from convertkit.sources.source import Findings, Kind

MAX_HEADER_BYTES = 100_000_000
BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("F4",), 4),
}


def looks_like(head: bytes) -> bool:
    """True where the first bytes are a header length and an opening brace."""
    return len(head) >= 9 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= MAX_HEADER_BYTES


def read(stream: IO[bytes], size: int) -> Findings:
    """Findings on a safetensors file.

    Raises:
        ModelFileError: its header is damaged, or does not fit the bytes that follow.
    """
    length = struct.unpack("<Q", stream.read(8))[0]
    if 8 + length > size:
        raise ModelFileError("a truncated safetensors file")
    try:
        header = json.loads(stream.read(length).decode("utf-8"), object_pairs_hook=distinct)
    except (ValueError, RecursionError) as error:
        raise ModelFileError("a safetensors file with a damaged header") from error
    if not isinstance(header, dict):
        raise ModelFileError("a safetensors file with a damaged header")
    header.pop("__metadata__", None)
    counts = check_tensors(header, size - 8 - length)
    return Findings(Kind.SAFETENSORS, details={"tensors": str(len(counts)), "parameters": str(sum(counts))})


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The dict of these pairs; ValueError where a key comes twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def check_tensors(header: dict[str, Any], data_bytes: int) -> list[int]:
    """Element counts of the tensors, whose extents must fill the data without gap or overlap.

    Raises:
        ModelFileError: they do not.
    """
    extents = sorted(tensor_extent(entry) for entry in header.values())
    position = 0
    for start, end, _ in extents:
        if start != position or end < start:
            raise ModelFileError("a safetensors file whose tensors overlap or leave gaps")
        position = end
    if position > data_bytes:
        raise ModelFileError("a truncated safetensors file")
    if position < data_bytes:
        raise ModelFileError("a safetensors file with something after its tensors")
    if not extents:
        raise ModelFileError("a safetensors file without tensors")
    return [count for _, _, count in extents]


def tensor_extent(entry: Any) -> tuple[int, int, int]:
    """First byte, end and element count of one tensor.

    Raises:
        ModelFileError: the three do not fit together.
    """
    try:
        shape, bits, (start, end) = entry["shape"], BITS[entry["dtype"]], entry["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError("a safetensors file with a tensor that cannot be read") from error
    numbers = [start, end, *shape] if isinstance(shape, list) else [None]
    if not all(type(number) is int and 0 <= number < 2**63 for number in numbers) or len(shape) > 64:
        raise ModelFileError("a safetensors file with a tensor that cannot be read")
    count = math.prod(shape)
    if (end - start) * 8 != count * bits:
        raise ModelFileError("a safetensors file with a tensor whose size is not that of its bytes")
    return start, end, count
