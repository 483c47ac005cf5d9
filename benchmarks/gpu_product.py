"""convertkit itself on a GPU: a run that measures there, a forced fallback, a graph that only partly fits.

`python -m benchmarks.gpu_product DEVICE FOLDER ROWS`
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper

import convertkit
from benchmarks.gpu_models import SUBJECTS, made
from benchmarks.gpu_rows import add_row
from convertkit.artifacts.tensors import write_npz
from convertkit.errors import ConvertkitError, NotMeasuredError
from convertkit.runtimes.onnxruntime import open_session

MODEL = "mlp"
FALLBACK = (
    "import sys; from convertkit.errors import NotMeasuredError\n"
    "from convertkit.runtimes.onnxruntime import open_session\n"
    "try: open_session(sys.argv[1], 'cuda:0', 1)\n"
    "except NotMeasuredError as error: print(error.message)\n"
    "else: sys.exit('a CPU session was taken for a GPU session')\n"
)


def measured_run(device: str, folder: Path, rows: Path) -> Path:
    """Convert the MLP with every check, measuring on CPU and GPU; the ONNX file."""
    samples = folder / "samples.npz"
    write_npz(samples, {"input": SUBJECTS[MODEL].inputs(64)["x"]})
    report = convertkit.convert(
        made(MODEL), to="onnx", samples=samples, out=folder / "run", device=device, cache=False
    )
    named = {"model": MODEL, "precision": "float32"}
    for form, latency in [
        ("source", report.source_latency),
        *((hop.target, hop.latency) for hop in report.hops),
    ]:
        for row in latency:
            add_row(rows, {**named, "form": f"convertkit {form}", **msgspec.to_builtins(row)})
    hop = report.hops[-1]
    add_row(rows, {**named, "form": "convertkit gate", "told": f"{hop.status}"})
    return folder / "run" / hop.artifact.path if hop.artifact else folder / "run" / "model.onnx"


def forced_fallback(path: Path, rows: Path) -> None:
    """Hide the GPU from a process that asks for it: a session on the CPU may not pass for one on the GPU."""
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", FALLBACK, str(path)], capture_output=True, text=True, env=hidden, check=False
    )
    words = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines() or [""]
    key = "told" if done.returncode == 0 else "error"
    add_row(rows, {"model": MODEL, "precision": "float32", "form": "forced fallback", key: words[-1]})


def partly_placed(device: str, folder: Path, rows: Path) -> None:
    """A graph with an operator that the CUDA provider lacks."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in ("x", "unique")]
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Unique", ["y"], ["unique"])]
    graph = helper.make_graph(nodes, "partly", values[:1], values[1:])
    path = folder / "partly.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    row = {"model": "Relu, Unique", "precision": "float32", "form": "partly placed"}
    try:
        session = open_session(str(path), device, 1)
        session.run({"x": np.float32([3, -1, 3])})
        add_row(rows, {**row, "left_on_cpu": session.left_on_cpu})
    except NotMeasuredError as error:
        add_row(rows, {**row, "error": error.message})


def main() -> None:
    device, folder, rows = sys.argv[1], Path(sys.argv[2]) / "product", Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        path = measured_run(device, folder, rows)
    except ConvertkitError as error:
        path = folder / "run" / "model.onnx"
        add_row(rows, {"model": MODEL, "precision": "float32", "form": "convertkit", "error": error.message})
    forced_fallback(path, rows)
    partly_placed(device, folder, rows)


if __name__ == "__main__":
    main()
