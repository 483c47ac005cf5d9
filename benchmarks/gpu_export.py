"""Export one of the GPU's models to ONNX by convertkit's own stage.

`python -m benchmarks.gpu_export NAME PRECISION FOLDER BATCH …` writes FOLDER/NAME-PRECISION.onnx, and the
outputs in float32 on the CPU of the first samples of each batch.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

from benchmarks.gpu_models import SUBJECTS, made
from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.artifacts.signature import Arrays, Signature, TensorSpec
from convertkit.artifacts.tensors import write_npz
from convertkit.config.stage_options import TorchToOnnxOptions
from convertkit.runtimes import torch as torch_runtime
from convertkit.stages import Request
from convertkit.stages.torch_to_onnx import convert

OUTPUT = "output"
COMPARED = 4  # samples whose outputs are compared with the CPU's


def onnx_file(folder: Path, name: str, precision: str) -> Path:
    """Where the model's ONNX file stands."""
    return folder / f"{name}-{precision}.onnx"


def reference_file(folder: Path, name: str, precision: str, batch: int) -> Path:
    """Where outputs of the first samples stand."""
    return folder / f"{name}-{precision}-{batch}.npy"


def write_references(name: str, precision: str, folder: Path, batches: list[int]) -> None:
    """Run the first samples of each batch in float32 on the CPU."""
    session = torch_runtime.TorchSession(made(name), (OUTPUT,), "cpu")
    for batch in batches:
        inputs = {key: value[:COMPARED] for key, value in SUBJECTS[name].inputs(batch).items()}
        np.save(reference_file(folder, name, precision, batch), session.run(inputs)[OUTPUT])


def cast(inputs: Arrays, precision: str) -> Arrays:
    """Inputs as a model of that precision takes them."""
    if precision != "float16":
        return inputs
    return {
        key: value.astype("float16") if value.dtype == "float32" else value for key, value in inputs.items()
    }


def specs(arrays: Arrays) -> tuple[TensorSpec, ...]:
    """Inputs whose first axis is the batch."""
    return tuple(
        TensorSpec(key, value.dtype.name, ("batch", *value.shape[1:])) for key, value in arrays.items()
    )


def export(name: str, precision: str, folder: Path) -> Path:
    """Write the exported program, then its ONNX form, with a dynamic batch."""
    inputs = cast(SUBJECTS[name].inputs(2), precision)
    model = made(name).half() if precision == "float16" else made(name)
    tensors = tuple(map(torch.from_numpy, inputs.values()))
    batch = torch.export.Dim("batch", min=1, max=4096)
    with torch.no_grad():
        program = torch.export.export(model, tensors, dynamic_shapes=tuple({0: batch} for _ in tensors))
    path = onnx_file(folder, name, precision)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        source = Path(scratch) / "model.pt2"
        torch.export.save(program, source)
        examples = Path(scratch) / "examples.npz"
        write_npz(examples, inputs)
        signature = Signature(specs(inputs), (TensorSpec(OUTPUT, "float32", ("batch",)),))
        artifact = Artifact(variant(Format.TORCH), str(source), signature, loader=Loader("exported-program"))
        options = TorchToOnnxOptions(exporter="dynamo")
        convert(Request(artifact, variant(Format.ONNX), options, path, Path(scratch), examples, None))
    return path


def variant(kind: Format) -> Variant:
    """A format in float32, whatever precision the weights have: no stage makes another of it."""
    return Variant(kind, Precision.FLOAT32)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    named = (sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    write_references(*named, list(map(int, sys.argv[4:])))
    export(*named)
