"""Bytes of an ONNX model's weights. Runs in a worker."""

from __future__ import annotations

import math
from pathlib import Path

import onnx

from convertkit.graphs.float32 import graphs_of


def initializer_bytes(path: Path) -> int:
    """Bytes of all initializers of an ONNX file, those of branches and in files beside it too."""
    return weights_of(onnx.load(path, load_external_data=False))


def weights_of(model: onnx.ModelProto) -> int:
    """The same of a model, by types and shapes: external data need not be there."""
    tensors = (tensor for graph in graphs_of(model) for tensor in graph.initializer)
    return sum(tensor_bytes(tensor) for tensor in tensors)


def tensor_bytes(tensor: onnx.TensorProto) -> int:
    """Bytes of a tensor of numbers; 0 for text."""
    if tensor.data_type == onnx.TensorProto.STRING:
        return 0
    return int(math.prod(tensor.dims) * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
