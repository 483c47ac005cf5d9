"""What LiteRT and tflite-runtime share: the Interpreter interface. Imports neither."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convertkit.artifacts.signature import Arrays, Dim, Signature, TensorSpec
from convertkit.errors import ModelFileError
from convertkit.runtimes import TimedCall, wall_timed


class InterpreterSession:
    """A TFLite file in an interpreter; inputs are resized when their shape changes."""

    left_on_cpu = ()

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._interpreter = make()  # the runner does not keep it alive
        self._runner = signature_runner(self._interpreter)

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs by name, raw (quantized where the file's outputs are)."""
        outputs: Arrays = self._runner(**inputs)
        return outputs

    def bind(self, inputs: Arrays) -> TimedCall:
        """A timed invocation with the inputs already in place, in an interpreter of its own."""
        interpreter = self._make()
        details = self._runner.get_input_details()
        for name, values in inputs.items():
            interpreter.resize_tensor_input(details[name]["index"], values.shape)
        interpreter.allocate_tensors()
        for name, values in inputs.items():
            interpreter.set_tensor(details[name]["index"], values)
        return wall_timed(interpreter.invoke)


def signature_runner(interpreter: Any) -> Any:
    """The runner of the file's first signature.

    Raises:
        ModelFileError: the file has no signature, so that its inputs have no names.
    """
    names = list(interpreter.get_signature_list())
    if not names:
        raise ModelFileError("the .tflite has no signature", hint="convert it from a SavedModel signature")
    return interpreter.get_signature_runner(names[0])


def read_signature(interpreter: Any) -> Signature:
    """Names, types, shapes and quantization of a file's first signature."""
    runner = signature_runner(interpreter)
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    return Signature(
        tuple(read_spec(name, detail) for name, detail in inputs.items()),
        tuple(read_spec(name, detail) for name, detail in outputs.items()),
    )


def read_spec(name: str, detail: dict[str, Any]) -> TensorSpec:
    """One input or output of an interpreter's signature; -1 in `shape_signature` is a dynamic axis."""
    dims: list[Dim] = []
    sizes = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
    for axis, size in enumerate(sizes):
        dims.append(int(size) if size >= 0 else ("batch" if axis == 0 else f"{name}_{axis}"))
    scale, zero_point = detail["quantization"]
    dtype = np.dtype(detail["dtype"]).name
    if not scale:
        return TensorSpec(name, dtype, tuple(dims))
    return TensorSpec(name, dtype, tuple(dims), scale=float(scale), zero_point=int(zero_point))
