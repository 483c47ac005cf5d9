"""The field runtime: tflite-runtime 2.14, an interpreter of the age that is in phones (needs NumPy 1.x)."""

from __future__ import annotations

from functools import partial

from tflite_runtime.interpreter import Interpreter

from convertkit.artifacts.artifact import Artifact
from convertkit.errors import NotMeasuredError
from convertkit.runtimes.interpreter import InterpreterSession, read_signature
from convertkit.workers.answers import Described, GpuMemory
from convertkit.workers.jobs import DescribeJob


def load(artifact: Artifact, device: str, threads: int) -> InterpreterSession:
    """Load a TFLite file."""
    if device != "cpu":
        raise NotMeasuredError("tflite-runtime runs on the CPU only")
    return InterpreterSession(partial(Interpreter, model_path=artifact.path, num_threads=threads))


def gpu_memory(device: str) -> GpuMemory:
    """Nothing: there is no such device."""
    return GpuMemory()


def describe(job: DescribeJob) -> Described:
    """The signature that the file declares."""
    return Described(read_signature(Interpreter(model_path=job.path)))
