"""Run TFLite files with LiteRT (`ai-edge-litert`), XNNPACK on the CPU."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from convertkit.artifacts.artifact import Artifact
from convertkit.errors import ModelFileError, NotMeasuredError
from convertkit.runtimes import counted
from convertkit.runtimes.interpreter import InterpreterSession, read_signature
from convertkit.runtimes.tflite_operators import count_operators
from convertkit.workers.answers import Described, GpuMemory
from convertkit.workers.jobs import DescribeJob

UNSIGNED = "none: inputs and outputs are named after their tensors"


def load(artifact: Artifact, device: str, threads: int) -> InterpreterSession:
    """Load a TFLite file."""
    if device != "cpu":
        raise NotMeasuredError("LiteRT has no CUDA; its GPU accelerator drives phones' GPUs")
    return InterpreterSession(partial(open_interpreter, artifact.path, threads))


def open_interpreter(path: str, threads: int) -> Interpreter:
    """An interpreter over a file; the bytes are read here, since damaged files crash `from_file`."""
    with open(path, "rb") as stream:
        content = stream.read()
    try:
        return Interpreter(model_content=content, num_threads=threads)
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(f"{path} is not a TFLite file that LiteRT loads: {error}") from None


def gpu_memory(device: str) -> GpuMemory:
    """Nothing: there is no such device."""
    return GpuMemory()


def describe(job: DescribeJob) -> Described:
    """The signature that the file declares, or its main graph's, and the operators of all graphs."""
    interpreter = open_interpreter(job.path, 1)
    details = {} if interpreter.get_signature_list() else {"signature": UNSIGNED}
    operators = counted(count_operators(Path(job.path).read_bytes()))
    if operators:
        details["operators"] = operators
    return Described(read_signature(interpreter), details)
