"""Run TFLite files with LiteRT (`ai-edge-litert`), XNNPACK on the CPU."""

from __future__ import annotations

from functools import partial

from ai_edge_litert.interpreter import Interpreter

from convertkit.artifacts.artifact import Artifact
from convertkit.errors import ModelFileError, NotMeasuredError
from convertkit.runtimes.interpreter import InterpreterSession, read_signature
from convertkit.workers.answers import Described, GpuMemory
from convertkit.workers.jobs import DescribeJob


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
    """The signature that the file declares."""
    return Described(read_signature(open_interpreter(job.path, 1)))
