"""LiteRT's accelerators on this machine: `.tflite` files on the CPU and, where it starts, on the GPU.

`python -m benchmarks.gpu_litert DEVICE FOLDER ROWS TFLITE_FOLDER`; the GPU accelerator speaks WebGPU, so it
needs a Vulkan driver, whatever CUDA there is.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.hardware_accelerator import HardwareAccelerator

from benchmarks.gpu_rows import add_row
from convertkit.causes import first_line
from convertkit.measurement.latency import summarize
from convertkit.runtimes import wall_timed
from convertkit.validation.compare import output_metrics

ACCELERATORS = {
    "litert cpu": HardwareAccelerator.CPU,
    "litert gpu": HardwareAccelerator.GPU | HardwareAccelerator.CPU,
}
ROUNDS, CALLS = 15, 20
KEY = 0  # of the signature


class Compiled:
    """A file with static shapes on one accelerator, its buffers filled."""

    def __init__(self, path: Path, accelerator: HardwareAccelerator) -> None:
        self.model = CompiledModel.from_file(str(path), accelerator)
        self.inputs = self.model.create_input_buffers(KEY)
        self.outputs = self.model.create_output_buffers(KEY)
        names = self.model.get_signature_by_index(KEY)
        details = self.model.get_input_tensor_details(names["key"])
        random = np.random.default_rng(0)
        for name, buffer in zip(names["inputs"], self.inputs, strict=True):
            buffer.write(random.standard_normal(details[name]["shape"]).astype(np.float32))
        shapes = self.model.get_output_tensor_details(names["key"])
        self.sizes = [int(np.prod(shapes[name]["shape"])) for name in names["outputs"]]

    def run(self) -> None:
        """One inference; reading an output waits for it."""
        self.model.run_by_index(KEY, self.inputs, self.outputs)
        self.outputs[0].read(self.sizes[0], np.float32)


def row_of(path: Path, form: str, wanted: list[Any]) -> dict[str, Any]:
    """Latency of a file on an accelerator, its first output beside the CPU's.

    Args:
        wanted: the CPU's output, once it is known; it becomes that where it is empty.
    """
    compiled = Compiled(path, ACCELERATORS[form])
    timed = wall_timed(compiled.run)
    for _ in range(10):
        timed()
    got = np.array(compiled.outputs[0].read(compiled.sizes[0], np.float32))
    wanted[:] = wanted or [got]
    rounds = [[timed() for _ in range(CALLS)] for _ in range(ROUNDS)]
    found = summarize(rounds, device=form, threads=1, batch=1, session_bytes=0)
    return {
        **msgspec.to_builtins(found),
        "sqnr_db": output_metrics("output", wanted[0][None], got[None]).sqnr_db,
        "is_fully_accelerated": compiled.model.is_fully_accelerated(),
    }


def main() -> None:
    _, _, rows, folder = sys.argv[1:5]
    for path in sorted(Path(folder).glob("*.tflite")) if folder else ():
        wanted: list[Any] = []
        for form in ACCELERATORS:
            named = {"model": path.stem, "precision": "float32", "form": form, "batch": 1}
            try:
                add_row(rows, {**named, **row_of(path, form, wanted)})
            except Exception as error:  # whatever a driver raises
                add_row(rows, {**named, "error": f"{type(error).__name__}: {first_line(error)}"[:300]})


if __name__ == "__main__":
    main()
