"""Options of the stages that quantize in PyTorch: typed, with defaults, one class each."""

from __future__ import annotations

from typing import Literal, Self

import msgspec

from convertkit.artifacts.formats import Precision
from convertkit.config.attempts import OneAttempt
from convertkit.config.rounding import Rounding, check_rounding, roundings

Engine = Literal["x86", "fbgemm"]
FxEngine = Literal["x86", "fbgemm", "qnnpack"]
Backend = Literal["torch.ao", "pt2e"]
Activations = Literal["auto", "per-tensor", "per-row"]


def check_backend(backend: Backend, *, is_default: bool) -> None:
    """Raise ValueError where options are asked of PT2E that it does not have."""
    if backend == "pt2e" and not is_default:
        raise ValueError(
            "the backend pt2e has one setting: per_channel true, calibration histogram, rounding nearest, "
            "activations per-tensor"
        )


class TorchToTorchDynamicOptions(OneAttempt, frozen=True, forbid_unknown_fields=True):
    """`torch_to_torch_dynamic`.

    Attributes:
        engine: whose kernels serve, for conversion and for every run. Others that PyTorch has give wrong
            results: qnnpack with clamps in channels-last, onednn on CPUs without VNNI.
        per_channel: one scale per output channel for the weights of linear layers.
        backend: `torch.ao`, or `pt2e` of the extra torchao, which writes an exported program instead of
            TorchScript and has its own fixed settings: reference kernels, scales per channel, histograms.
        activations: `per-tensor` is one scale for all that a linear layer reads in a call; `per-row` one a
            row, so that none hides the others, for some time more; `auto` is that where the first does not
            pass.
    """

    engine: Engine = "x86"
    per_channel: bool = True
    backend: Backend = "torch.ao"
    activations: Activations = "auto"

    def __post_init__(self) -> None:
        """Refuse what the backend does not have."""
        check_backend(self.backend, is_default=self.per_channel and self.activations != "per-row")

    @property
    def converter(self) -> str:
        """PyTorch's own function, or torchao's flow."""
        return "pt2e" if self.backend == "pt2e" else "quantize_dynamic"

    @property
    def extra(self) -> str:
        """torchao, where it serves."""
        return "pt2e" if self.backend == "pt2e" else ""

    @property
    def are_rivals(self) -> bool:
        """Where both scales may be tried."""
        return self.activations == "auto"

    def attempts(self, *, precision: Precision, has_dynamic_axes: bool) -> tuple[Self, ...]:
        """One scale for all rows."""
        return (msgspec.structs.replace(self, activations="per-tensor"),) if self.are_rivals else (self,)

    def second_attempts(self, *, precision: Precision) -> tuple[Self, ...]:
        """One scale a row; PT2E has none."""
        if self.activations != "auto" or self.backend == "pt2e":
            return ()
        return (msgspec.structs.replace(self, activations="per-row"),)


class TorchToTorchFxOptions(OneAttempt, frozen=True, forbid_unknown_fields=True):
    """`torch_to_torch_fx`.

    Attributes:
        engine: as for `torch_to_torch_dynamic`; `qnnpack` is for ARM. It runs on x86 too, where the gate
            judges it; clamps that it scrambles are taken out where they can be (docs/int8.md).
        per_channel: one scale per output channel for the weights.
        calibration: how a range is chosen from what calibration saw: the one that loses least
            (`histogram`), or its ends (`minmax`).
        backend: `torch.ao`, or `pt2e` of the extra torchao, which writes an exported program instead of
            TorchScript and has its own fixed settings: reference kernels, scales per channel, histograms,
            weights to nearest.
        rounding: how weights come to their integers, as for `savedmodel_to_tflite`, on the graph that
            torch.ao has fused. With compensation weights have 7 bits and activations 8, else the other
            way round: 8 of both saturate on CPUs without VNNI, and it is weights that it makes up for.
            qnnpack has 8 bits of both.
    """

    engine: FxEngine = "x86"
    per_channel: bool = True
    calibration: Literal["histogram", "minmax"] = "histogram"
    backend: Backend = "torch.ao"
    rounding: Rounding = "auto"

    def __post_init__(self) -> None:
        """Refuse what the backend does not have, and what cannot be done."""
        is_default = self.per_channel and self.calibration == "histogram" and self.rounding != "compensated"
        check_backend(self.backend, is_default=is_default)
        check_rounding(self.rounding, per_channel=self.per_channel)

    @property
    def converter(self) -> str:
        """PyTorch's FX graph mode, or torchao's flow."""
        return "pt2e" if self.backend == "pt2e" else "fx"

    @property
    def extra(self) -> str:
        """torchao, where it serves."""
        return "pt2e" if self.backend == "pt2e" else ""

    @property
    def are_rivals(self) -> bool:
        """Where both ways to round are tried."""
        return self.rounding in ("auto", "best")

    @property
    def largest(self) -> int:
        """Largest integer of weights that the stage rounds with compensation; 0 where it does not."""
        if self.rounding != "compensated":
            return 0
        return 127 if self.engine == "qnnpack" else 64

    @property
    def reduces_range(self) -> bool:
        """Whether activations have 7 bits, since weights have 8 and x86 saturates."""
        return self.engine != "qnnpack" and not self.largest

    def attempts(self, *, precision: Precision, has_dynamic_axes: bool) -> tuple[Self, ...]:
        """One, or one for each way to round; PT2E has one."""
        ways = ("nearest",) if self.backend == "pt2e" else roundings(self.rounding)
        return tuple(msgspec.structs.replace(self, rounding=way) for way in ways)

    def second_attempts(self, *, precision: Precision) -> tuple[Self, ...]:
        """With compensation."""
        if self.rounding != "auto" or not self.per_channel or self.backend == "pt2e":
            return ()
        return (msgspec.structs.replace(self, rounding="compensated"),)
