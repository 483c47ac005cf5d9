"""Every tensor of an ONNX graph, by ONNX Runtime with all of them made outputs and nothing fused.

A quantized value (QuantizeLinear → DequantizeLinear) counts as one tensor, under the name that it has in the
float graph, computed by the operator before it; the integer arithmetic is emulated in float here.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Array, Arrays
from convertkit.graphs.onnx_graph import module_path
from convertkit.runtimes.onnxruntime import FATAL_ONLY
from convertkit.tracing import Trace
from convertkit.workers.answers import TracedTensor

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
NORMALIZABLE = frozenset({"Conv", "ConvTranspose", "Gemm"})  # exporters fold a BatchNorm into them


def trace(artifact: Artifact, inputs: Arrays, threads: int) -> Trace:
    """Run an ONNX model once; the bodies of loops and branches are not seen."""
    model = onnx.load(artifact.path)
    graph = model.graph
    restored = restored_names(graph)
    values = run_all(model, inputs, threads)

    tensors, arrays = [], []
    for name in inputs:
        kept = restored_by(name, restored)
        tensors.append(TracedTensor(name, "Input", aliases=(name,), is_quantized=kept != name))
        arrays.append(values.get(kept, inputs[name]))
    for node in graph.node:
        if node.op_type in (QUANTIZE, DEQUANTIZE, "Constant", "Identity"):
            continue
        sources = tuple(dict.fromkeys(restored.get(name, name) for name in node.input))
        for name in node.output:
            kept = restored_by(name, restored)
            array = values.get(kept)
            if array is None or array.dtype not in (np.float32, np.float16):
                continue
            tensors.append(
                TracedTensor(name, node.op_type, sources, (name,), weighty_module(node), kept != name)
            )
            arrays.append(array)
    known = {tensor.name for tensor in tensors}
    return [only_known(tensor, known) for tensor in tensors], arrays


def restored_names(graph: onnx.GraphProto) -> dict[str, str]:
    """Output of each DequantizeLinear → the float value that was quantized before it."""
    quantized = {node.output[0]: node.input[0] for node in graph.node if node.op_type == QUANTIZE}
    return {
        node.output[0]: quantized[node.input[0]]
        for node in graph.node
        if node.op_type == DEQUANTIZE and node.input[0] in quantized
    }


def restored_by(name: str, restored: dict[str, str]) -> str:
    """The value that stands for `name` after quantization; itself where it is not quantized."""
    return next((after for after, before in restored.items() if before == name), name)


def run_all(model: onnx.ModelProto, inputs: Arrays, threads: int) -> dict[str, Array]:
    """Values of all tensors, by name."""
    graph = model.graph
    known = {output.name for output in graph.output}
    names = [name for node in graph.node for name in node.output if name and name not in known]
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = FATAL_ONLY
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    return dict(zip(outputs, session.run(None, inputs), strict=True))


def weighty_module(node: onnx.NodeProto) -> str:
    """The module that a node was exported from; where a BatchNorm can be folded in, the one of the weights.

    A convolution that took one in is exported from the BatchNorm, and has the convolution's weights.
    Elsewhere their name says nothing: exporters keep equal weights, as of fresh LayerNorms, once.
    """
    for name in node.input[1:2] if node.op_type in NORMALIZABLE else ():
        path, _, parameter = name.rpartition(".")
        if path and parameter.startswith("weight"):
            return str(path)
    return module_path(node)


def only_known(tensor: TracedTensor, known: set[str]) -> TracedTensor:
    """The tensor with only those inputs that are tensors themselves."""
    inputs = tuple(name for name in tensor.inputs if name in known)
    return TracedTensor(
        tensor.name, tensor.operator, inputs, tensor.aliases, tensor.module, tensor.is_quantized
    )
