"""ONNX float32 → ONNX INT8 in QDQ form (QuantizeLinear / DequantizeLinear), by ONNX Runtime.

Upstream flags set: `quant_format=QDQ` (standard operators, which every ONNX runtime knows), `per_channel`,
`reduce_range`, `calibrate_method`, `activation_type` and `weight_type` QInt8 (S8S8: ONNX Runtime's advice for
CPUs), `MatMulConstBOnly` (products of two activations stay float), `calibration_providers` CPU. Before it:
`quant_pre_process` (shape inference; basic optimizations, which fold BatchNorm).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

from convertkit.artifacts.signature import Arrays, Signature
from convertkit.config.stage_options import OnnxToOnnxInt8Options
from convertkit.errors import StageError, first_line
from convertkit.runtimes.onnxruntime import FATAL_ONLY, read_signature
from convertkit.samples.representative import calibration_steps, read_calibration
from convertkit.stages import Conversion, Request

METHODS = {
    "minmax": quantization.CalibrationMethod.MinMax,
    "percentile": quantization.CalibrationMethod.Percentile,
}
WEIGHTED_OPERATORS = frozenset(["Conv", "ConvTranspose", "Gemm", "MatMul", "Gather", "LSTM", "GRU", "RNN"])


class CalibrationReader(quantization.CalibrationDataReader):  # type: ignore[misc]
    """The calibration split as ONNX Runtime asks for it, always in the same order."""

    def __init__(self, signature: Signature, samples: Arrays) -> None:
        self._steps = calibration_steps(signature, samples)

    def get_next(self) -> Any:
        """One call's inputs; None at the end."""
        return next(self._steps, None)


def convert(request: Request[OnnxToOnnxInt8Options]) -> Conversion:
    """Prepare, calibrate and quantize, then check what came out: operators, opset, names; that it loads."""
    samples = read_calibration(request.calibration)
    prepared, raw = request.scratch / "prepared.onnx", request.scratch / "quantized.onnx"
    try:
        quant_pre_process(request.source.path, str(prepared), auto_merge=True)
        quantize(prepared, raw, CalibrationReader(request.source.signature, samples), request.options)
    except Exception as error:  # whatever the quantizer's layers raise is the same to the user
        raise StageError(
            f"quantize_static failed: {type(error).__name__}: {first_line(error)}"[:300]
        ) from error
    model = onnx.load(raw)
    remove_unused_opsets(model)
    note = coverage(model)
    check_like(model, onnx.load(request.source.path, load_external_data=False))
    onnx.save_model(model, str(request.out))
    onnx.checker.check_model(str(request.out))
    check_loads(request.out)
    return Conversion(read_signature(model), (note,))


def quantize(prepared: Path, out: Path, reader: CalibrationReader, options: OnnxToOnnxInt8Options) -> None:
    """Call ONNX Runtime's quantizer with every flag by name."""
    quantization.quantize_static(
        str(prepared),
        str(out),
        reader,
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=options.per_channel,
        reduce_range=options.reduce_range,
        activation_type=quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
        calibrate_method=METHODS[options.calibration],
        calibration_providers=["CPUExecutionProvider"],
        extra_options={"MatMulConstBOnly": True},
    )


def remove_unused_opsets(model: onnx.ModelProto) -> None:
    """Drop the operator sets that the optimizer declares and no node uses: they bar other runtimes."""
    used = {node.domain for node in model.graph.node} | {"", "ai.onnx"}  # two spellings of the same set
    kept = [item for item in model.opset_import if item.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def coverage(model: onnx.ModelProto) -> str:
    """How many operators with weights took integer ones, one line.

    Raises:
        StageError: none did, or there is no quantized activation.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    restored = {
        node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"
    }
    weighted = [
        node
        for node in model.graph.node
        if node.op_type in WEIGHTED_OPERATORS
        and any(name in weights or restored.get(name) in weights for name in node.input[:2])
    ]
    done = [node for node in weighted if any(restored.get(name) in weights for name in node.input[:2])]
    if not done or not any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        kinds = sorted({node.op_type for node in model.graph.node})
        raise StageError(f"nothing in this graph could be quantized: it has {', '.join(kinds)}"[:300])
    left = sorted({node.op_type for node in weighted} - {node.op_type for node in done})
    rest = f"; float: {', '.join(left)}" if left else ""
    return f"{len(done)} of {len(weighted)} operators with weights are INT8{rest}"


def check_like(made: onnx.ModelProto, source: onnx.ModelProto) -> None:
    """Raise StageError where inputs, outputs, dynamic axes or the opset are not the source's any more."""
    if read_signature(made) != read_signature(source):
        raise StageError("the quantized graph has other inputs or outputs than its source")
    opsets = [
        next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)
        for model in (made, source)
    ]
    if opsets[0] != opsets[1]:
        raise StageError(f"the quantizer changed the opset from {opsets[1]} to {opsets[0]}")


def check_loads(path: Path) -> None:
    """Raise StageError where ONNX Runtime does not load its own quantizer's file."""
    options = ort.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    try:
        ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise StageError(f"the quantized file does not load: {first_line(error)}"[:300]) from error
