"""What the two quantizers of TFLite complain about, in words of our own. Runs in a worker."""

from __future__ import annotations

import re

from convertkit.causes import caused

UNSEEN = (
    re.compile(r"Failed to get quantization parameters for tensor: (?P<name>\S+?)\. "),
    re.compile(r"Empty min/max for tensor (?P<name>\S+)"),
    re.compile(r"Input tensor qsv is None for tensor (?P<name>\S+?)\.$"),
)
NOTHING_SEEN = "quantization statistics values (QSVs) are required"
NO_KERNEL = re.compile(r"Quantization (?P<wide>to 16x8-bit )?not yet supported for op: '(?P<name>\w+)'")
LONGEST = 300


def quantizer_reason(error: BaseException) -> str:
    """Why a quantizer failed, one line of at most 300 characters."""
    text = str(error)
    for pattern in UNSEEN:
        names = list(dict.fromkeys(found["name"] for found in pattern.finditer(text)))
        if names:
            return f"calibration saw no value for {listed(names)}: no sample gets there"[:LONGEST]
    if NOTHING_SEEN in text:
        return "calibration saw no value at all"
    kernels = list(NO_KERNEL.finditer(text))
    if kernels:
        names = list(dict.fromkeys(found["name"] for found in kernels))
        kind = "int16x8" if kernels[0]["wide"] else "INT8"
        return f"TFLite has no {kind} kernel for {', '.join(names)}"[:LONGEST]
    return caused(error)[:LONGEST]


def listed(names: list[str]) -> str:
    """`'a'`, `'a' and 2 other tensors`."""
    more = len(names) - 1
    return f"'{names[0]}'" + (f" and {more} other tensor{'' if more == 1 else 's'}" if more else "")
