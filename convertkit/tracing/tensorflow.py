"""Every tensor of a SavedModel's signature, after its variables were frozen and its functions inlined."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.graphs.value_names import possible_values
from convertkit.runtimes.tensorflow import SIGNATURE
from convertkit.tracing import Trace
from convertkit.workers.answers import TracedTensor

FUNCTION = "StatefulPartitionedCall/"  # that the signature calls
SILENT = frozenset(["Const", "Placeholder", "Identity", "NoOp", "IdentityN"])


def trace(artifact: Artifact, inputs: Arrays, threads: int) -> Trace:
    """Run a SavedModel once; the bodies of loops and branches are not seen."""
    loaded = tf.saved_model.load(artifact.path)
    function = loaded.signatures[SIGNATURE]
    keywords = sorted(function.structured_input_signature[1])
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    feeds = feeds_by_name(frozen, keywords)
    ours = {tensor.op.name: name for name, tensor in feeds.items()}
    operations = [
        operation
        for operation in frozen.graph.get_operations()
        if operation.type not in SILENT and operation.outputs and operation.outputs[0].dtype == tf.float32
    ]
    varying = depends_on(operations, set(ours))
    operations = [operation for operation in operations if operation.name in varying]
    run = frozen.prune(list(feeds.values()), [operation.outputs[0] for operation in operations])
    values = run(*(tf.constant(inputs[name]) for name in feeds))

    tensors = [TracedTensor(name, "Input", aliases=(name,)) for name in feeds]
    for operation in operations:
        sources = dict.fromkeys(source_name(tensor.op, ours) for tensor in operation.inputs)
        known = tuple(source for source in sources if source in varying or source in feeds)
        tensors.append(TracedTensor(operation.name, operation.type, known, aliases(operation.name)))
    return tensors, [*(inputs[name] for name in feeds), *(np.asarray(value.numpy()) for value in values)]


def feeds_by_name(frozen: Any, keywords: list[str]) -> dict[str, Any]:
    """The frozen function's inputs under the signature's names; TensorFlow keeps them in that order."""
    return dict(zip(keywords, frozen.inputs, strict=True))


def depends_on(operations: list[Any], inputs: set[str]) -> set[str]:
    """Names of the operations that are computed from the inputs."""
    reached = set(inputs)
    if not operations:
        return reached
    for operation in operations[0].graph.get_operations():
        if any(tensor.op.name in reached for tensor in operation.inputs):
            reached.add(operation.name)
    return reached


def source_name(operation: Any, ours: dict[str, str]) -> str:
    """Name of the tensor that an operation gives on, through Identity; inputs under the signature's names."""
    while operation.type in ("Identity", "Placeholder") and operation.name not in ours and operation.inputs:
        operation = operation.inputs[0].op
    return ours.get(operation.name, str(operation.name))


def aliases(name: str) -> tuple[str, ...]:
    """The ONNX values that it may be: the name scopes within the function that the signature calls."""
    return possible_values(name.removeprefix(FUNCTION))
