"""ONNX float32 → ONNX INT8 in QDQ form (QuantizeLinear / DequantizeLinear), by ONNX Runtime.

Upstream flags set: `quant_format=QDQ` (standard operators, which every ONNX runtime knows), `per_channel`,
`reduce_range`, `calibrate_method`, `activation_type` and `weight_type` QInt8 (S8S8: ONNX Runtime's advice for
CPUs; `MatMulConstBOnly` does nothing in QDQ form), `calibration_providers` CPU, `nodes_to_exclude` where
the end of the graph is of several units, `op_types_to_quantize` in a graph with attention, and there
`OpTypesToExcludeOutputQuantization` where weights are refined. Before it:
`quant_pre_process` (shape inference; basic optimizations, which fold BatchNorm). What of this fails is left
out and said: `convertkit/stages/onnx_quantization.py`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import msgspec
import onnx

from convertkit.artifacts.signature import Arrays, Signature, taken
from convertkit.artifacts.transformation import HEADS, INTEGERS, RANGES, Transformation
from convertkit.config.onnx_options import OnnxToOnnxInt8Options
from convertkit.errors import StageError
from convertkit.graphs.attention import has_attention
from convertkit.graphs.float32 import in_float32
from convertkit.graphs.heads import Step
from convertkit.graphs.onnx_graph import settle
from convertkit.graphs.onnx_names import rename_outputs
from convertkit.graphs.opset import opset_of
from convertkit.quantization.range_choice import are_chosen
from convertkit.runtimes.onnxruntime import named_axes, read_signature
from convertkit.samples.representative import calibration_steps, read_calibration
from convertkit.stages import Conversion, Request
from convertkit.stages.measured_gain import (
    LEAST_GAIN_DB,
    MOST_CALLS,
    ByRanges,
    gain_by_ranges,
    gain_db,
)
from convertkit.stages.onnx_heads import find_head, name_nodes, run_file
from convertkit.stages.onnx_quantization import LEAST_OPSET, new_enough, prepare, quantize
from convertkit.stages.onnx_ranges import Choice, Overrides, choose_ranges, hold_weights, named

WEIGHTED_OPERATORS = frozenset(["Conv", "ConvTranspose", "Gemm", "MatMul", "Gather", "LSTM", "GRU", "RNN"])

WEIGHTED_ALONE = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Gather")
LARGEST = 127
WEIGHTS_ALONE = "only operators with weights are integer ones"


def convert(request: Request[OnnxToOnnxInt8Options]) -> Conversion:
    """Quantize; all that can be where a graph with attention keeps more by that."""
    made = converted(request)
    gained = next((each.gain_db for each in made.transformations if each.name == INTEGERS), None)
    if request.options.integers != "auto" or gained is None or gained > -LEAST_GAIN_DB:
        return made
    options = msgspec.structs.replace(request.options, integers="everywhere")
    try:
        other = converted(msgspec.structs.replace(request, options=options))
    except StageError:  # what is made already serves
        return made
    note = f"with attention in it, but {-gained:.1f} dB more with all in integers, on calibration samples"
    return msgspec.structs.replace(other, notes=(*other.notes, note))


def converted(request: Request[OnnxToOnnxInt8Options]) -> Conversion:
    """Prepare, calibrate and quantize, then check what came out: operators, opset, names."""
    samples = read_calibration(request.calibration)
    notes: list[str] = []
    prepared, raw = request.scratch / "prepared.onnx", request.scratch / "quantized.onnx"
    path = settled(request)
    prepare(new_enough(path, request.scratch, notes.append), prepared, notes.append)
    signature = taken(request.source.signature)
    started = time.perf_counter()
    kinds = integer_kinds(prepared, request.options)
    keeps_units = request.options.keeps_units and not kinds  # then the end is float anyway
    head = find_head(prepared, calibration_steps(signature, samples)) if keeps_units else None
    left = name_nodes(prepared, head) if head else []
    seconds = time.perf_counter() - started
    done: list[Transformation] = []
    choice = quantize_by_ranges(request, prepared, raw, signature, samples, (notes, done), (left, kinds))
    if head or kinds:
        gained = gain_over(request, prepared, raw, signature, samples)
        done.append(Transformation(INTEGERS if kinds else HEADS, seconds, gained))
    model = onnx.load(raw)
    if choice is not None:
        hold_weights(model, choice.losing, request.options.grid or LARGEST)
    remove_unused_opsets(model)
    told = told_integers(request.options) if kinds else ""
    notes[:0] = filter(None, (coverage(model), head.describe() if head else "", told))
    source = named_axes(onnx.load(path, load_external_data=False))
    restore_axes(model, source)
    check_like(model, source)
    onnx.save_model(model, str(request.out))
    onnx.checker.check_model(str(request.out))
    return Conversion(read_signature(model), tuple(notes), transformations=tuple(done))


def quantize_by_ranges(
    request: Request[OnnxToOnnxInt8Options],
    prepared: Path,
    raw: Path,
    signature: Signature,
    samples: Arrays,
    told: tuple[list[str], list[Transformation]],
    chosen: tuple[list[str], tuple[str, ...]],
) -> Choice | None:
    """Quantize by min-max, or by ranges that layers lose least by, where outputs gain by them on other calls.

    Args:
        told: notes and transformations, which are added to.
        chosen: nodes that stay float, and operators that become integer ones.
    """
    options, (left, kinds), (notes, done) = request.options, chosen, told
    quantize(prepared, raw, signature, samples, options, notes.append, left, kinds)
    calls = list(calibration_steps(signature, samples))
    if options.calibration != "minmax" or not are_chosen(options.ranges, options.grid, calls):
        return None
    started = time.perf_counter()
    choice = choose_ranges(prepared, calls, kinds)
    held = named(prepared, choice.losing)
    seconds = time.perf_counter() - started
    if not choice.overrides and not held:
        return None
    remarks: list[str] = []

    def made(name: str, ranges: Overrides, held: Sequence[str] = held) -> Path:
        path, floats = request.scratch / f"{name}.onnx", [*left, *held]
        quantize(prepared, path, signature, samples, options, remarks.append, floats, kinds, ranges)
        return path

    by_method, by_ends = choice.fair
    fair = made("by_ends", by_ends, ()), made("by_method", by_method)
    remarks.clear()
    files = ByRanges(made("ranges", choice.overrides), *fair)
    gained = gain_by_ranges(run_file, prepared, files, calls)
    if gained is None:
        return None
    files.made.replace(raw)
    notes[:] = [*notes, *(line for line in remarks if line not in notes), *choice.notes]
    done.append(Transformation(RANGES, seconds, gained))
    return choice


def gain_over(
    request: Request[OnnxToOnnxInt8Options],
    prepared: Path,
    made: Path,
    signature: Signature,
    samples: Arrays,
) -> float | None:
    """What a file gains over one with all in integers; None where that one cannot be made.

    Both are compared on the first calibration samples, which calibrate the other one.
    """
    few = {name: values[:MOST_CALLS] for name, values in samples.items()}
    other = request.scratch / "without.onnx"
    try:
        quantize(prepared, other, signature, few, request.options, lambda line: None, (), ())
    except StageError:
        return None
    return gain_db(run_file, prepared, other, made, calibration_steps(signature, few))


def told_integers(options: OnnxToOnnxInt8Options) -> str:
    """Why the rest stays float: it was asked for, or the graph has attention."""
    return WEIGHTS_ALONE if options.integers == "weights" else f"with attention in it, {WEIGHTS_ALONE}"


def integer_kinds(path: Path, options: OnnxToOnnxInt8Options) -> tuple[str, ...]:
    """The operators that become integer ones; none stands for all that can."""
    if options.integers == "everywhere":
        return ()
    model = onnx.load(path, load_external_data=False)
    steps = [Step(node.op_type, tuple(node.input), tuple(node.output)) for node in model.graph.node]
    constants = {tensor.name for tensor in model.graph.initializer}
    is_chosen = options.integers == "weights" or has_attention(steps, constants)
    return WEIGHTED_ALONE if is_chosen else ()


def settled(request: Request[OnnxToOnnxInt8Options]) -> str:
    """Path of the graph, a copy where the signature fixes what is free, or it computes in half precision."""
    model = onnx.load(request.source.path, load_external_data=False)
    is_changed = settle(model, request.source.signature.inputs, request.examples)
    is_changed |= rename_outputs(model, request.source.signature.outputs)
    if not is_changed and not request.source.half:
        return request.source.path
    onnx.load_external_data_for_model(model, str(Path(request.source.path).parent))
    if request.source.half:
        model = in_float32(model)
    copy = request.scratch / "settled.onnx"
    onnx.save_model(model, str(copy))
    return str(copy)


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


def restore_axes(made: onnx.ModelProto, source: onnx.ModelProto) -> None:
    """Give inputs and outputs the source's axes again: shape inference renames them, or works them out."""
    declared = {value.name: value for value in chain(source.graph.input, source.graph.output)}
    for value in chain(made.graph.input, made.graph.output):
        before = declared.get(value.name)
        tensor = value.type.tensor_type
        if before is None or before.type.tensor_type.elem_type != tensor.elem_type:
            continue
        dims = before.type.tensor_type.shape.dim
        if len(dims) == len(tensor.shape.dim):
            tensor.shape.CopyFrom(before.type.tensor_type.shape)


def check_like(made: onnx.ModelProto, source: onnx.ModelProto) -> None:
    """Raise StageError where inputs, outputs, dynamic axes or a new enough opset are not the source's."""
    if read_signature(made) != read_signature(source):
        raise StageError("the quantized graph has other inputs or outputs than its source")
    wanted = max(opset_of(source), LEAST_OPSET)
    if opset_of(made) != wanted:
        raise StageError(f"the quantizer changed the opset from {wanted} to {opset_of(made)}")
