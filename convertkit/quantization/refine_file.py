"""An ONNX file refined by calibration samples, and written as another one."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

import onnx

from convertkit.artifacts.files import DATA_SUFFIX, sidecar
from convertkit.artifacts.signature import taken
from convertkit.causes import first_line
from convertkit.errors import StageError
from convertkit.graphs.onnx_graph import settle
from convertkit.quantization.calls import spaced
from convertkit.quantization.refinement import refine
from convertkit.runtimes.onnxruntime import named_axes
from convertkit.samples.representative import calibration_steps, read_calibration
from convertkit.workers.answers import Refined
from convertkit.workers.jobs import RefineJob

EVERY_CORE = 0  # as ONNX Runtime has it


def refine_file(job: RefineJob) -> Refined:
    """Refine the graph and write it; its layers are printed as they are done.

    Raises:
        StageError: ONNX Runtime does not run the graph piece by piece, or it has no layer to round.
    """
    started = time.perf_counter()
    model = named_axes(onnx.load(job.source.path))
    settle(model, job.source.signature.inputs, Path(job.examples))
    samples = spaced(read_calibration(Path(job.calibration)), job.samples)
    calls = list(islice(calibration_steps(taken(job.source.signature), samples), job.samples))
    try:
        done = refine(model, calls, job.largest, EVERY_CORE, progress=lambda line: print(line, flush=True))
    except Exception as error:  # ONNX Runtime has exceptions of many kinds
        raise StageError(f"the graph cannot be refined: {first_line(error)}"[:300]) from error
    if not done.layers:
        raise StageError("the graph has no weights that rounding could be improved for")
    save(model, Path(job.out), has_sidecar=sidecar(Path(job.source.path)).exists())
    seconds = time.perf_counter() - started
    return Refined(done.layers, done.left, done.biases, done.calls, seconds, done.equalized)


def save(model: onnx.ModelProto, path: Path, *, has_sidecar: bool) -> None:
    """Write the model, its weights beside it where the source has them there."""
    name = path.name + DATA_SUFFIX
    onnx.save_model(model, str(path), save_as_external_data=has_sidecar, location=name)
