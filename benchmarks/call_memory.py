"""Peak memory of judging a small model with large feature maps: long audio to wide convolutions.

`python -m benchmarks.call_memory` prints a row for each runtime: the worker's peak over 32 samples where all
of them share a call, and where as many do as `limits.call_bytes` lets. Weights and audio are seeded.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Variant
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.artifacts.tensors import write_npz
from convertkit.config.run_settings import LimitOptions
from convertkit.registry import parse_variant
from convertkit.worker.memory import status_bytes
from convertkit.workers.jobs import InferJob

COUNT, LENGTH = 32, 262_144
RUNTIMES = {"onnxruntime": "onnx", "tensorflow": "savedmodel"}
GRAPH = f"""g (float[batch,1,{LENGTH}] audio) => (float[batch,8] y) {{
    frames = Conv<strides = [64], pads = [96, 96]>(audio, filters) loud = Abs(frames) bright = Log(loud)
    image = Unsqueeze(bright, one) a = Conv<pads = [1, 1, 1, 1]>(image, first) b = Relu(a)
    c = Conv<pads = [1, 1, 1, 1]>(b, second) d = Relu(c) e = Conv<pads = [1, 1, 1, 1]>(d, third) f = Relu(e)
    h = Conv(f, last) i = Sigmoid(h) y = ReduceMean<keepdims = 0>(i, area)
}}"""
SHAPES = {
    "filters": (64, 1, 256),
    "first": (48, 1, 3, 3),
    "second": (48, 48, 3, 3),
    "third": (48, 48, 3, 3),
    "last": (8, 48, 1, 1),
}


def detector() -> onnx.ModelProto:
    """Filters over a waveform, and convolutions over the logarithm of what they give."""
    model = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 20]> {GRAPH}')
    random = np.random.default_rng(0)
    weights = {
        name: random.standard_normal(shape, np.float32) / np.float32(np.sqrt(np.prod(shape[1:])))
        for name, shape in SHAPES.items()
    }
    known = {**weights, "one": np.array([1]), "area": np.array([2, 3])}
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in known.items())
    return model


def artifact(runtime: str, folder: Path) -> Artifact:
    """The model as the runtime takes it."""
    variant = parse_variant(RUNTIMES[runtime])
    path = folder / f"detector.{RUNTIMES[runtime]}"
    if runtime == "onnxruntime":
        onnx.save(detector(), path)
        x, y = TensorSpec("audio", "float32", ("batch", 1, LENGTH)), TensorSpec("y", "float32", ("batch", 8))
        return Artifact(Variant(variant.format), str(path), Signature((x,), (y,)))
    from convertkit.lowering import lower, write_savedmodel

    lowered = lower(detector(), layout="source")
    write_savedmodel(lowered, path)
    return Artifact(Variant(variant.format), str(path), lowered.signature)


def measure(runtime: str, call_bytes: int | None) -> int:
    """Peak resident memory of this process, once it has run all samples."""
    from convertkit.worker.perform import perform

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        audio = np.random.default_rng(1).standard_normal((COUNT, 1, LENGTH), np.float32)
        write_npz(folder / "s.npz", {"audio": audio})
        model = artifact(runtime, folder)
        perform(InferJob(runtime, model, str(folder / "s.npz"), str(folder / "y.npz"), call_bytes=call_bytes))
    return status_bytes("VmHWM")


def child(runtime: str, call_bytes: int | None) -> int:
    """The same in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.call_memory", runtime, str(call_bytes or "")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def main() -> None:
    """Print the table, or, given a runtime and a limit, one peak."""
    if len(sys.argv) > 1:
        print(measure(sys.argv[1], int(sys.argv[2]) if sys.argv[2] else None))
        return
    limit = LimitOptions().call_bytes
    print(f"weights {sum(4 * int(np.prod(shape)) for shape in SHAPES.values()) / 1e3:.0f} kB")
    for runtime in RUNTIMES:
        whole, bounded = child(runtime, None), child(runtime, limit)
        print(f"| {runtime} | {whole / 1e9:.2f} GB | {bounded / 1e9:.2f} GB |", flush=True)


if __name__ == "__main__":
    main()
