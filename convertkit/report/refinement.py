"""The record of what was done to a graph before it was quantized."""

from __future__ import annotations

import msgspec

from convertkit.workers.answers import Refined

ALWAYS = ("rounding", "bias-correction")


class RefinementRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to the ONNX graph that an INT8 artifact is made from.

    Attributes:
        transformations: what was done, in order.
        largest: the largest integer of the weights' grid.
        layers: how many had their weights rounded with compensation.
        left: how many are too wide for it, and were rounded to nearest.
        biases: how many were corrected.
        samples: how many calibration samples served.
        equalized: how many values had their channels scaled.
        seconds: wall time.
        cached: it came out of the store.
        gain_db: SQNR of what was kept less the best by rounding to nearest; null where none was made.
    """

    transformations: tuple[str, ...] = ALWAYS
    largest: int
    layers: int
    left: int
    biases: int
    samples: int
    equalized: int = 0
    seconds: float
    cached: bool = False
    gain_db: float | None = None


def refinement_record(done: Refined, largest: int, *, is_cached: bool) -> RefinementRecord:
    """The record of one graph; its gain is not known yet."""
    return RefinementRecord(
        transformations=("equalization", *ALWAYS) if done.equalized else ALWAYS,
        equalized=done.equalized,
        largest=largest,
        layers=done.layers,
        left=done.left,
        biases=done.biases,
        samples=done.samples,
        seconds=done.seconds,
        cached=is_cached,
    )


def describe(record: RefinementRecord) -> str:
    """`weights of 50 layers rounded with compensation, 50 biases corrected, by 64 samples: 6.1 dB gained`."""
    parts = [f"weights of {counted(record.layers, 'layer')} rounded with compensation"]
    parts += [f"{record.left} too wide for it to nearest"] if record.left else []
    parts.append(f"{counted(record.biases, 'bias', 'biases')} corrected")
    parts[:0] = [f"channels of {counted(record.equalized, 'value')} equalized"] if record.equalized else []
    line = f"{', '.join(parts)}, by {counted(record.samples, 'sample')} in {record.seconds:.1f} s"
    return line if record.gain_db is None else f"{line}: {record.gain_db:+.1f} dB"


def counted(count: int, one: str, many: str = "") -> str:
    """`1 layer`, `2 layers`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
