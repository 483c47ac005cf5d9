"""What the validator says of one artifact. Runs and computes nothing."""

from __future__ import annotations

from typing import Literal

import msgspec

from convertkit.artifacts.signature import Arrays
from convertkit.delegates.forecast import Delegation
from convertkit.validation.accuracy import Accuracy
from convertkit.validation.gate import Comparison
from convertkit.validation.source_finite import NonfiniteSource


class DynamicAxis(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a dynamic axis of the source is still one.

    Attributes:
        sizes_checked: sizes at which artifact and source ran and agreed.
        kept: true only after two other sizes than the exported one agreed.
        note: what was seen at a size that decides nothing, or why too few were checked; else empty.
    """

    input: str
    axis: int
    name: str
    sizes_checked: tuple[int, ...]
    kept: bool
    note: str = ""


class FieldCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The artifact on the field runtime (tflite-runtime 2.14), against LiteRT's own outputs.

    Attributes:
        status: `skipped` where the field environment is not there.
        reason: why it failed or was skipped; empty when passed.
    """

    runtime: str
    status: Literal["passed", "failed", "skipped"]
    reason: str = ""
    max_abs_error: float | None = None


class Judgement(msgspec.Struct, frozen=True):
    """What the gate says of one artifact.

    Attributes:
        reason: why it failed, one line; empty when it passed.
        outputs: its own outputs on the validation samples; empty where it did not run.
        nonfinite: samples for which the source itself gives NaN or Inf, where that was looked at for this
            artifact alone; a run looks once, before the first.
        delegation: what delegates would take of it; None where it is no `.tflite`, or failed before.
    """

    reason: str
    outputs: Arrays
    vs_source: Comparison | None = None
    vs_previous: Comparison | None = None
    accuracy: Accuracy | None = None
    dynamic_axes: tuple[DynamicAxis, ...] = ()
    field_runtime: FieldCheck | None = None
    nonfinite: NonfiniteSource | None = None
    delegation: Delegation | None = None
