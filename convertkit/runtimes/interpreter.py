"""What LiteRT and tflite-runtime share: the Interpreter interface. Imports neither."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from convertkit.artifacts.signature import Arrays, Dim, Signature, TensorSpec
from convertkit.causes import first_line
from convertkit.errors import StageError
from convertkit.runtimes import TimedCall, wall_timed

CONVERTERS_WORDS = re.compile(r"^serving_default_|:\d+$")  # around a name of TFLiteConverter's
NO_ELEMENTS = "Invalid tensor size."  # what the binding says of a tensor without elements
OTHER_SIZES = "--samples or --input give others"
Details = dict[str, dict[str, Any]]


class Runner(Protocol):
    """A graph of a TFLite file whose inputs and outputs have names."""

    def __call__(self, /, **inputs: Any) -> Arrays:
        """Outputs by name, raw."""

    def get_input_details(self) -> Details:
        """Name → index, dtype, shapes and quantization of each input."""

    def get_output_details(self) -> Details:
        """The same of each output."""


class TensorRunner:
    """The main graph of a file without signatures, its inputs and outputs named after their tensors."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self._inputs = named_details(interpreter.get_input_details())
        self._outputs = named_details(interpreter.get_output_details())

    def get_input_details(self) -> Details:
        """Name → index, dtype, shapes and quantization of each input."""
        return self._inputs

    def get_output_details(self) -> Details:
        """The same of each output."""
        return self._outputs

    def __call__(self, /, **inputs: Any) -> Arrays:
        """Outputs by name, raw; inputs are resized when their shape changes."""
        sizes = {each["index"]: tuple(each["shape"]) for each in self._interpreter.get_input_details()}
        indices = {name: self._inputs[name]["index"] for name in inputs}
        for name, values in inputs.items():
            if sizes[indices[name]] != values.shape:
                self._interpreter.resize_tensor_input(indices[name], values.shape)
        self._interpreter.allocate_tensors()
        for name, values in inputs.items():
            self._interpreter.set_tensor(indices[name], values)
        self._interpreter.invoke()
        return read_outputs(self._interpreter, named_details(self._interpreter.get_output_details()))


class SignatureRunner:
    """The graph of a signature: the interpreter's own runner, but for outputs without elements."""

    def __init__(self, interpreter: Any, name: str) -> None:
        self._interpreter = interpreter
        self._runner = interpreter.get_signature_runner(name)

    def get_input_details(self) -> Details:
        """Name → index, dtype, shapes and quantization of each input."""
        found: Details = self._runner.get_input_details()
        return found

    def get_output_details(self) -> Details:
        """The same of each output."""
        found: Details = self._runner.get_output_details()
        return found

    def __call__(self, /, **inputs: Any) -> Arrays:
        """Outputs by name, raw; inputs are resized when their shape changes."""
        try:
            outputs: Arrays = self._runner(**inputs)
        except ValueError as error:
            details = self.get_output_details()
            main = {each["index"] for each in self._interpreter.get_output_details()}
            if str(error) != NO_ELEMENTS or not main.issuperset(each["index"] for each in details.values()):
                raise
            return read_outputs(self._interpreter, details)  # the graph has run: only the reading failed
        return outputs


def read_outputs(interpreter: Any, details: Details) -> Arrays:
    """Outputs of a main graph that has run, by name; the binding refuses to read one without elements."""
    return {
        name: np.empty(each["shape"], each["dtype"])
        if 0 in each["shape"]
        else interpreter.get_tensor(each["index"])
        for name, each in details.items()
    }


def named_details(details: list[dict[str, Any]]) -> Details:
    """Tensors by their names without the converter's words, each name once: `x`, `x_1`."""
    named: Details = {}
    for position, detail in enumerate(details):
        plain = CONVERTERS_WORDS.sub("", detail["name"]) or f"tensor_{position}"
        name, number = plain, 0
        while name in named:
            number += 1
            name = f"{plain}_{number}"
        named[name] = detail
    return named


class InterpreterSession:
    """A TFLite file in an interpreter; inputs are resized when their shape changes."""

    left_on_cpu = ()
    compile_ns = 0

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._interpreter = make()  # the runner does not keep it alive
        self._runner = graph_runner(self._interpreter)

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs by name, raw (quantized where the file's outputs are)."""
        with at_sizes(inputs):
            outputs: Arrays = self._runner(**inputs)
        return outputs

    def bind(self, inputs: Arrays) -> TimedCall:
        """A timed invocation with the inputs already in place, in an interpreter of its own."""
        interpreter = self._make()
        details = self._runner.get_input_details()
        for name, values in inputs.items():
            interpreter.resize_tensor_input(details[name]["index"], values.shape)
        with at_sizes(inputs):
            interpreter.allocate_tensors()
        for name, values in inputs.items():
            interpreter.set_tensor(details[name]["index"], values)
        return wall_timed(interpreter.invoke)


@contextmanager
def at_sizes(inputs: Arrays) -> Iterator[None]:
    """What is done with inputs of these sizes.

    Raises:
        StageError: a kernel does not take them.
    """
    try:
        yield
    except RuntimeError as error:
        sizes = ", ".join(f"{name}:{v.dtype}[{','.join(map(str, v.shape))}]" for name, v in inputs.items())
        raise StageError(f"it does not run on {sizes} ({OTHER_SIZES}): {first_line(error)}") from error


def graph_runner(interpreter: Any) -> Runner:
    """The runner of the file's first signature; of its main graph where it has none."""
    names = list(interpreter.get_signature_list())
    return SignatureRunner(interpreter, names[0]) if names else TensorRunner(interpreter)


def read_signature(interpreter: Any) -> Signature:
    """Names, types, shapes and quantization of a file's first signature, or of its main graph."""
    runner = graph_runner(interpreter)
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
