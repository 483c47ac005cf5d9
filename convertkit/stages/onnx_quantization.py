"""ONNX Runtime's quantizer with its steps switched off one by one where they fail. Runs in a worker.

Each step is known to fail on graphs that ONNX Runtime itself runs: symbolic shape inference on TopK after a
reduction of opset 18, the widening of weights' scales for an int32 bias on a bias that is a matrix, scales by
channel on a table that is both looked up in and multiplied by.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import onnx
import onnxruntime as ort
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

from convertkit.artifacts.signature import Arrays, Signature
from convertkit.causes import first_line
from convertkit.config.onnx_options import OnnxToOnnxInt8Options
from convertkit.errors import StageError
from convertkit.graphs.opset import opset_of, raised
from convertkit.runtimes.onnxruntime import FATAL_ONLY, named_axes
from convertkit.samples.representative import calibration_steps
from convertkit.stages.onnx_biases import with_own_biases

METHODS = {
    "minmax": quantization.CalibrationMethod.MinMax,
    "percentile": quantization.CalibrationMethod.Percentile,
}
PRODUCTS = ("MatMul", "Gemm")
LEAST_OPSET = 13  # QuantizeLinear takes scales by channel
Report = Callable[[str], None]
Ranges = dict[str, list[dict[str, Any]]]


class Step(NamedTuple):
    """A step that can be left out: its name, and what leaves it out."""

    name: str
    off: dict[str, Any]


PREPARING = (
    Step("symbolic shape inference", {"skip_symbolic_shape": True}),
    Step("shape inference", {"skip_symbolic_shape": True, "skip_onnx_shape": True}),
    Step(
        "shape inference and optimization",
        {"skip_symbolic_shape": True, "skip_onnx_shape": True, "skip_optimization": True},
    ),
)
QUANTIZING = (
    Step("widening scales for int32 biases", {"QDQDisableWeightAdjustForInt32Bias": True}),
    Step("scales by channel", {"per_channel": False}),
    Step("chosen ranges", {"TensorQuantOverrides": {}}),
)


class CalibrationReader(quantization.CalibrationDataReader):  # type: ignore[misc]
    """The calibration split as ONNX Runtime asks for it, always in the same order."""

    def __init__(self, signature: Signature, samples: Arrays) -> None:
        self._steps = calibration_steps(signature, samples)

    def get_next(self) -> Any:
        """One call's inputs; None at the end."""
        return next(self._steps, None)


def new_enough(path: str, scratch: Path, report: Report) -> str:
    """The graph's path, or that of a copy in the oldest opset that the quantizer takes."""
    model = onnx.load(path, load_external_data=False)
    before, has_odd_axes = opset_of(model), states_no_size(model)
    if before >= LEAST_OPSET and not has_odd_axes:
        return path
    model = onnx.load(path)
    if has_odd_axes:
        model = named_axes(model)
    if before < LEAST_OPSET:
        report(f"opset {before} is raised to {LEAST_OPSET}: older ones have no scales by channel")
        model = raised(model, LEAST_OPSET)
    copy = scratch / "raised.onnx"
    onnx.save_model(model, str(copy))
    return str(copy)


def states_no_size(model: onnx.ModelProto) -> bool:
    """True where an axis of an input or output has a size that is none."""
    values = (*model.graph.input, *model.graph.output)
    dims = [dim for value in values for dim in value.type.tensor_type.shape.dim]
    return any(dim.HasField("dim_value") and dim.dim_value <= 0 for dim in dims)


def prepare(path: str, prepared: Path, report: Report) -> None:
    """Shape inference and optimization, what fails of it left out."""
    graph, target = str(Path(path).resolve()), str(prepared.resolve())

    def run(off: dict[str, Any]) -> None:
        with contextlib.chdir(prepared.parent):  # shape inference that fails leaves files where it is run
            quant_pre_process(graph, target, auto_merge=True, **off)

    without(PREPARING, run, report)
    model = onnx.load(target)
    if with_own_biases(model.graph):
        onnx.save_model(model, target)


def quantize(
    prepared: Path,
    out: Path,
    signature: Signature,
    samples: Arrays,
    options: OnnxToOnnxInt8Options,
    report: Report,
    left: Sequence[str],
    kinds: Sequence[str],
    ranges: Ranges | None = None,
) -> None:
    """Calibrate and quantize, what fails of it left out; the file runs on a sample.

    Args:
        left: names of the nodes that stay float.
        kinds: operators that become integer ones; empty: all that can.
        ranges: of values that are not to have theirs by calibration, as the quantizer takes them.
    """
    given = {"TensorQuantOverrides": ranges} if ranges else {}

    def run(off: dict[str, Any]) -> None:
        reader = CalibrationReader(signature, samples)
        call_quantizer(prepared, out, reader, options, left, kinds, **{**given, **off})
        check_runs(out, next(calibration_steps(signature, samples)))

    without(QUANTIZING, run, report)


def without(steps: tuple[Step, ...], run: Callable[[dict[str, Any]], None], report: Report) -> None:
    """Run with all steps, then without each of them, until it works.

    Raises:
        StageError: it never does; the first reason is named.
    """
    first: Exception | None = None
    for step in (Step("", {}), *steps):
        try:
            run(step.off)
        except Exception as error:  # whatever the quantizer's layers raise is the same to the user
            first = first or error
        else:
            if first is not None:
                report(f"made without {step.name}, which failed: {first_line(first)}"[:200])
            return
    assert first is not None
    if isinstance(first, StageError):
        raise first
    raise StageError(f"quantize_static failed: {type(first).__name__}: {first_line(first)}"[:300]) from first


def call_quantizer(
    prepared: Path,
    out: Path,
    reader: CalibrationReader,
    options: OnnxToOnnxInt8Options,
    left: Sequence[str] = (),
    kinds: Sequence[str] = (),
    per_channel: bool = True,
    **extra: Any,
) -> None:
    """Call ONNX Runtime's quantizer with every flag by name."""
    quantization.quantize_static(
        str(prepared),
        str(out),
        reader,
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=options.per_channel and per_channel,
        reduce_range=options.reduce_range,
        activation_type=quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
        calibrate_method=METHODS[options.calibration],
        op_types_to_quantize=list(kinds) or None,
        nodes_to_exclude=list(left),
        calibration_providers=["CPUExecutionProvider"],
        extra_options={**float_outputs(options, kinds), **extra},
    )


def float_outputs(options: OnnxToOnnxInt8Options, kinds: Sequence[str]) -> dict[str, Any]:
    """The setting that products give floats: of few integer operators, and where their weights are refined.

    Their accumulators are scaled to float either way, and some channels of a transformer's layers are far
    larger than the others.
    """
    if not kinds or not options.grid:
        return {}
    return {"OpTypesToExcludeOutputQuantization": [kind for kind in PRODUCTS if kind in kinds]}


def check_runs(path: Path, inputs: Arrays) -> None:
    """Raise StageError where ONNX Runtime does not load or run its own quantizer's file."""
    options = ort.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise StageError(f"the quantized file does not load: {first_line(error)}"[:300]) from error
    try:
        session.run(None, inputs)
    except Exception as error:
        raise StageError(f"the quantized file does not run: {first_line(error)}"[:300]) from error
