"""Options of the stage that quantizes in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Self

import msgspec

from convertkit.artifacts.formats import Precision
from convertkit.config.attempts import OneAttempt
from convertkit.config.rounding import RangeChoice, Rounding, check_rounding, may_be_plainer, roundings
from convertkit.config.stage_options import Heads, Integers


class OnnxToOnnxInt8Options(OneAttempt, frozen=True, forbid_unknown_fields=True):
    """`onnx_to_onnx_int8`.

    Attributes:
        per_channel: one scale per output channel for the weights; False is one scale for each weight.
        calibration: how a range is chosen from what calibration saw: its ends (`minmax`), or all but a
            thousandth of a percent (`percentile`). ONNX Runtime's `entropy` is not here: its histogram
            has as many bins as it quantizes to, so it has one range to choose from, that of `minmax`.
        reduce_range: weights in 7 bits, which are right on every CPU. 8 bits saturate in silence on x86
            CPUs without VNNI (digits: 12 dB for 30 dB); False is for targets known to have it, and ARM.
        rounding: how weights come to their integers, as for `savedmodel_to_tflite`.
        heads, integers, ranges: parts of different units, what becomes integer, and ranges of activations, as
            for `savedmodel_to_tflite`; by `percentile` no other is tried.
    """

    per_channel: bool = True
    calibration: Literal["minmax", "percentile"] = "minmax"
    reduce_range: bool = True
    rounding: Rounding = "auto"
    heads: Heads = "apart"
    integers: Integers = "auto"
    ranges: RangeChoice = "auto"

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        check_rounding(self.rounding, per_channel=self.per_channel)

    @property
    def converter(self) -> str:
        """ONNX Runtime's static quantizer, in QDQ form."""
        return "quantize_static"

    @property
    def keeps_units(self) -> bool:
        """Whether parts of different units keep their own scales."""
        return self.heads == "apart"

    @property
    def are_rivals(self) -> bool:
        """Where both ways to round are tried."""
        return self.rounding in ("auto", "best")

    @property
    def grid(self) -> int:
        """That of 7 or 8 bits."""
        largest = 64 if self.reduce_range else 127
        return largest if self.rounding == "compensated" else 0

    def attempts(self, *, precision: Precision, has_dynamic_axes: bool) -> tuple[Self, ...]:
        """One, or one for each way to round."""
        return tuple(msgspec.structs.replace(self, rounding=way) for way in roundings(self.rounding))

    def plain_attempts(self, done: Collection[str]) -> tuple[Self, ...]:
        """By min-max, to nearest, where other ranges were chosen."""
        if not may_be_plainer(self.rounding, self.ranges, done):
            return ()
        return (msgspec.structs.replace(self, rounding="nearest", ranges="minmax"),)

    def second_attempts(self, *, precision: Precision) -> tuple[Self, ...]:
        """After weights were rounded with compensation."""
        if self.rounding != "auto" or not self.per_channel:
            return ()
        return (msgspec.structs.replace(self, rounding="compensated"),)

    def last_attempts(self, *, precision: Precision) -> tuple[Self, ...]:
        """With operators with weights alone as integer ones: what stands between them may bear none."""
        if self.integers != "auto":
            return ()
        return (msgspec.structs.replace(self, integers="weights", rounding=roundings(self.rounding)[0]),)
