"""Every tensor of a TFLite file's main graph, by LiteRT without XNNPACK, which would hide them.

Upstream flags set: `experimental_preserve_all_tensors` (else buffers are shared and overwritten);
`BUILTIN_WITHOUT_DEFAULT_DELEGATES`. `_get_ops_details` is the interpreter's only list of operators.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Array, Arrays
from convertkit.graphs.value_names import possible_values
from convertkit.runtimes.interpreter import graph_runner
from convertkit.tracing import Trace
from convertkit.workers.answers import TracedTensor


def trace(artifact: Artifact, inputs: Arrays, threads: int) -> Trace:
    """Run a TFLite file once; operators within the bodies of loops and branches are not seen."""
    interpreter = Interpreter(
        model_content=Path(artifact.path).read_bytes(),
        num_threads=threads,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    runner = graph_runner(interpreter)
    given = runner.get_input_details()
    declared = {detail["index"]: (name,) for name, detail in runner.get_output_details().items()}
    del runner  # it refers to the interpreter's data, which may not be while that is laid out anew
    for name, values in inputs.items():
        interpreter.resize_tensor_input(given[name]["index"], values.shape)
    interpreter.allocate_tensors()
    for name, values in inputs.items():
        interpreter.set_tensor(given[name]["index"], values)
    interpreter.invoke()

    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    names = {given[name]["index"]: name for name in inputs}
    tensors = [
        TracedTensor(name, "INPUT", aliases=(name,), is_quantized=is_quantized(details[index]))
        for index, name in names.items()
    ]
    indices = list(names)
    for operator in interpreter._get_ops_details():
        sources = tuple(dict.fromkeys(names[index] for index in operator["inputs"] if index in names))
        for index in operator["outputs"]:
            detail = details.get(index)
            if detail is None or index in names:  # None: an output that is left out, -1
                continue
            if not is_quantized(detail) and detail["dtype"] != np.float32:
                continue
            names[index] = detail["name"]
            tensors.append(
                TracedTensor(
                    detail["name"],
                    operator["op_name"],
                    sources,
                    (*declared.get(index, ()), *possible_values(detail["name"])),
                    is_quantized=is_quantized(detail),
                )
            )
            indices.append(index)
    return tensors, [real_values(interpreter.get_tensor(index), details[index]) for index in indices]


def is_quantized(detail: dict[str, Any]) -> bool:
    """True where the tensor has a scale."""
    return len(detail["quantization_parameters"]["scales"]) > 0


def real_values(values: Array, detail: dict[str, Any]) -> Array:
    """Real values of an activation, which has one scale."""
    parameters = detail["quantization_parameters"]
    if not len(parameters["scales"]):
        return values
    scale, zero_point = np.float32(parameters["scales"][0]), np.float32(parameters["zero_points"][0])
    real: Array = (values.astype(np.float32) - zero_point) * scale
    return real
