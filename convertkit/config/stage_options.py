"""Options of the stages, but for those that quantize by PyTorch and ONNX Runtime: typed, one class each.

`attempts` spells an `auto` out into the concrete option sets a run tries in turn; the gate decides.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Literal, Self

import msgspec

from convertkit.artifacts.formats import Precision
from convertkit.config.attempts import OneAttempt
from convertkit.config.rounding import RangeChoice, Rounding, check_rounding, may_be_plainer, roundings

Layout = Literal["auto", "source", "channels-last"]
IoType = Literal["float32", "int8", "uint8"]
Heads = Literal["apart", "joined"]
Integers = Literal["auto", "everywhere", "weights"]


class TorchToOnnxOptions(OneAttempt, frozen=True, forbid_unknown_fields=True):
    """`torch_to_onnx`.

    Attributes:
        exporter: `dynamo` is torch.export-based, `torchscript` the older tracer, `auto` tries both in turn.
        opset: 20 or newer keeps Gelu one operator; with 18 it becomes Erf, which TFLite does not have. Where
            the exporter stops at 18, ONNX's version converter goes on.
    """

    exporter: Literal["auto", "dynamo", "torchscript"] = "auto"
    opset: Annotated[int, msgspec.Meta(ge=15, le=23)] = 20

    @property
    def converter(self) -> str:
        """The exporter's name."""
        return self.exporter

    def attempts(self, *, precision: Precision, has_dynamic_axes: bool) -> tuple[Self, ...]:
        """`dynamo`, then `torchscript`."""
        if self.exporter != "auto":
            return (self,)
        return tuple(msgspec.structs.replace(self, exporter=name) for name in ("dynamo", "torchscript"))

    def takes(self, kind: str) -> bool:
        """torch.export does not take TorchScript."""
        return (self.exporter, kind) != ("dynamo", "torchscript")


class OnnxToSavedmodelOptions(OneAttempt, frozen=True, forbid_unknown_fields=True):
    """`onnx_to_savedmodel`.

    Attributes:
        converter: `tracked` is this program's own lowering, `onnx2tf` the library; `auto` tries both in turn.
        batch: `dynamic` keeps the dynamic axes, `static` fixes every one (the batch at 1), `auto` tries both.
        layout: axis order of image inputs: `source` keeps PyTorch's, `channels-last` is TensorFlow's,
            `auto` is channels-last where the input feeds a convolution.
        prepare_with: who folds the graph and fixes a static batch: onnxslim and this program, or
            onnx2tf itself (onnxsim, `batch_size`), which is silently wrong on transformers.
        sample_data: give onnx2tf real samples to judge its transposes by; without, it can be silently wrong.
        keep_shape: keep every input exactly as in ONNX (`keep_shape_absolutely_input_names`);
            None: only those of rank 3.
    """

    converter: Literal["auto", "tracked", "onnx2tf"] = "auto"
    batch: Literal["auto", "dynamic", "static"] = "auto"
    layout: Layout = "auto"
    prepare_with: Literal["onnxslim", "onnx2tf"] = "onnxslim"
    sample_data: bool = True
    keep_shape: bool | None = None

    @property
    def fixes_axes(self) -> bool:
        """A static batch is one fixed axis, and so are all others."""
        return self.batch == "static"

    def attempts(self, *, precision: Precision, has_dynamic_axes: bool) -> tuple[Self, ...]:
        """`tracked`, then onnx2tf; each with the dynamic axes kept, onnx2tf at last with every one fixed."""
        batches = ("dynamic", "static") if has_dynamic_axes else ("static",)
        tries = [("tracked", batches[0]), *(("onnx2tf", batch) for batch in batches)]
        chosen = dict.fromkeys(
            (converter, batch if self.batch == "auto" else self.batch)
            for converter, batch in tries
            if self.converter in ("auto", converter)
        )
        return tuple(msgspec.structs.replace(self, converter=c, batch=b) for c, b in chosen)


class KerasToSavedmodelOptions(OneAttempt, frozen=True, forbid_unknown_fields=True):
    """`keras_to_savedmodel`.

    Attributes:
        converter: Keras itself, by `Model.export`.
    """

    converter: Literal["keras"] = "keras"


class SavedmodelToTfliteOptions(OneAttempt, frozen=True, forbid_unknown_fields=True):
    """`savedmodel_to_tflite`.

    Attributes:
        io: element type of the inputs and outputs of `tflite:int8`; the other precisions keep float32.
        per_channel: one scale per output channel for the weights; False is for old accelerators only.
        quantizer: `tensorflow` is the one inside TFLiteConverter, `litert` the extra litert-quantizer; `auto`
            makes int8 and int16x8 with both and keeps the better.
        exclude: regular expressions over the float `.tflite`: an operator stays float where one is found in
            the name of an output tensor, or is its kind in full (`GELU`). The quantizer litert alone can.
        excluded_weights: how weights of operators in `exclude` are stored; float16 is half as large.
        rounding: how weights of int8 and int16x8 come to their integers: `nearest`; `compensated`, by
            calibration samples on the ONNX graph, with biases corrected (docs/int8.md); `best` makes both and
            keeps the better; `auto` makes `compensated` where nothing by `nearest` passes.
        heads: `apart` leaves the last operators of int8 float where they join parts whose ranges differ by
            more than 16 times, so that each part keeps its own scale (docs/quantizers.md); `joined` does not.
            Integer outputs have one scale anyway.
        integers: what litert makes integer in int8: `everywhere` all that it can, `weights` only operators
            with weights and tables; `auto` is `weights` in a graph with attention (docs/quantizers.md). But
            for `everywhere`, recurrent layers have integer weights alone, whoever quantizes.
        ranges: of the activations of int8: `minmax`, the ends of what calibration saw; `chosen`, of several
            the one that layers lose least by (docs/quantizers.md); `auto` is `chosen` where weights are
            rounded with compensation, and where inputs of some samples go beyond those of the others.
    """

    io: IoType = "float32"
    per_channel: bool = True
    quantizer: Literal["auto", "tensorflow", "litert"] = "auto"
    exclude: tuple[str, ...] = ()
    excluded_weights: Literal["float32", "float16"] = "float32"
    rounding: Rounding = "auto"
    heads: Heads = "apart"
    integers: Integers = "auto"
    ranges: RangeChoice = "auto"

    def __post_init__(self) -> None:
        """Refuse what no quantizer can do."""
        if self.exclude and self.quantizer == "tensorflow":
            raise ValueError("the quantizer tensorflow cannot exclude operators; litert and auto can")
        check_rounding(self.rounding, per_channel=self.per_channel)
        for pattern in self.exclude:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"exclude: '{pattern}' is no regular expression: {error}") from None

    @property
    def converter(self) -> str:
        """Who quantizes."""
        return "litert-quantizer" if self.quantizer == "litert" else "TFLiteConverter"

    @property
    def extra(self) -> str:
        """The quantizer, where it is one."""
        return "litert-quantizer" if self.quantizer == "litert" else ""

    @property
    def are_rivals(self) -> bool:
        """Neither quantizer is always the better, nor is either way to round."""
        return "auto" in (self.quantizer, self.rounding) or self.rounding == "best"

    @property
    def grid(self) -> int:
        """That of TFLite's 8-bit weights."""
        return 127 if self.rounding == "compensated" else 0

    def attempts(self, *, precision: Precision, has_dynamic_axes: bool) -> tuple[Self, ...]:
        """Both quantizers, where both can serve and either may be the better."""
        if not precision.is_integer:
            return (msgspec.structs.replace(self, quantizer="tensorflow", exclude=(), rounding="nearest"),)
        names = self.quantizers()
        if not precision.needs_calibration:  # int8-dynamic: measured to be the same, docs/quantizers.md
            names = names[:1]
        ways = roundings(self.rounding) if precision.needs_calibration else ("nearest",)
        return tuple(
            msgspec.structs.replace(self, quantizer=name, rounding=way) for way in ways for name in names
        )

    def plain_attempts(self, done: Collection[str]) -> tuple[Self, ...]:
        """Both quantizers by min-max, to nearest, where either chose other ranges."""
        if not may_be_plainer(self.rounding, self.ranges, done):
            return ()
        return tuple(
            msgspec.structs.replace(self, quantizer=name, rounding="nearest", ranges="minmax")
            for name in self.quantizers()
        )

    def second_attempts(self, *, precision: Precision) -> tuple[Self, ...]:
        """Both quantizers after weights were rounded with compensation."""
        if not precision.needs_calibration or self.rounding != "auto" or not self.per_channel:
            return ()
        names = self.quantizers()
        return tuple(msgspec.structs.replace(self, quantizer=n, rounding="compensated") for n in names)

    def keeps_units(self, precision: Precision) -> bool:
        """Whether parts of different units keep their own scales; 16 bits are enough for both."""
        return self.heads == "apart" and precision is Precision.INT8 and self.io == "float32"

    def keeps_states(self, precision: Precision) -> bool:
        """Whether values and states of recurrent layers stay float."""
        return self.integers != "everywhere" and precision is Precision.INT8 and self.io == "float32"

    def quantizers(self) -> tuple[Literal["tensorflow", "litert"], ...]:
        """Those that may serve."""
        if self.quantizer != "auto":
            return (self.quantizer,)
        return ("litert",) if self.exclude else ("tensorflow", "litert")
