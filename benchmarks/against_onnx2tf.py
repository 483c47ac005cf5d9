"""The lowering against onnx2tf, on models that onnx2tf gets right: time, TFLite latency, TRANSPOSE ops, size.

`python -m benchmarks.against_onnx2tf [NAME …]`; the figures go into docs/zoo.md. Each conversion runs in a
process of its own, imports are not counted; latency is measured on both .tflite files in interleaved rounds,
one thread, batch 1.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.zoo import COMPARED, ROOT, cases_of, exported, known_models, operators, sqnr_db, to_tflite
from benchmarks.zoo_page import AGAINST, keep, write_page

ROUNDS = 40


def convert_ours(source: Path, target: Path) -> float:
    """Seconds from ONNX to a SavedModel by the lowering, image outputs channels-last as onnx2tf has them."""
    import onnx

    from convertkit.lowering import lower, write_savedmodel

    started = time.perf_counter()
    write_savedmodel(lower(onnx.load(str(source)), layout="channels-last"), target)
    return time.perf_counter() - started


def convert_onnx2tf(source: Path, target: Path) -> float:
    """Seconds from ONNX to a SavedModel by onnx2tf, with sample data for its trial inferences."""
    import onnx2tf

    images = np.random.default_rng(0).random((20, 128, 128, 3), np.float32)
    inner = importlib.import_module("onnx2tf.onnx2tf")
    inner.download_test_image_data = lambda: images  # type: ignore[attr-defined]  # or it downloads them
    x = cases_of(source.parent)[0][0][0].transpose(0, 2, 3, 1)

    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(source, Path(folder, "model.onnx"))  # onnx2tf writes into its input
        for extra in source.parent.glob("*.data"):
            shutil.copy(extra, folder)
        np.save(f"{folder}/x.npy", x)
        zeros = np.zeros((1, 1, 1, x.shape[-1]), np.float32)
        started = time.perf_counter()
        onnx2tf.convert(
            input_onnx_file_path=str(copy),
            output_folder_path=str(target),
            custom_input_op_name_np_data_path=[["input0", f"{folder}/x.npy", zeros, zeros + 1]],
            not_use_onnxsim=True,
            output_signaturedefs=True,
            non_verbose=True,
        )
        return time.perf_counter() - started


def timed(way: str, source: Path, target: Path) -> float:
    """Convert in a child process; its own count of seconds."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "benchmarks.against_onnx2tf", f"--{way}", str(source), str(target)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=900, env=environment, check=False
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("SECONDS ")), None)
    if line is None:
        raise RuntimeError(f"{way}: exit {done.returncode}: {done.stderr[-300:]}")
    return float(line.split()[1])


class Session:
    """A .tflite with its inputs set, ready to be timed."""

    def __init__(self, content: bytes, x: Any) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(model_content=content, num_threads=1)
        entry = self.interpreter.get_input_details()[0]
        is_last = entry["shape_signature"][-1] == x.shape[1]
        self.x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if is_last else x
        self.interpreter.resize_tensor_input(entry["index"], self.x.shape)
        self.interpreter.allocate_tensors()
        self.index = entry["index"]
        self.outputs = [row["index"] for row in self.interpreter.get_output_details()]

    def run(self) -> float:
        self.interpreter.set_tensor(self.index, self.x)
        started = time.perf_counter()
        self.interpreter.invoke()
        return time.perf_counter() - started

    def output(self) -> Any:
        self.run()
        return self.interpreter.get_tensor(self.outputs[0])


def agreement(got: Any, want: Any) -> float:
    """SQNR of the better of the two axis orders that an image output can have."""
    options = [got] if got.ndim != 4 else [got, got.transpose(0, 3, 1, 2)]
    return max(sqnr_db(want, option) for option in options)


def measured(name: str, folder: Path) -> dict[str, Any]:
    """One row: ours, theirs, ratios."""
    exported(name, folder)
    if not (folder / "static.onnx").exists():
        command = [sys.executable, "-m", "benchmarks.zoo_export", name, str(folder), "static"]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    inputs, outputs = cases_of(folder)[0]
    row: dict[str, Any] = {"model": name}
    contents = {}
    for way in ("ours", "onnx2tf"):
        target = folder / f"{way}.savedmodel"
        shutil.rmtree(target, ignore_errors=True)
        row[f"{way}_s"] = round(timed(way, folder / "static.onnx", target), 2)
        contents[way] = to_tflite(target)
        row[f"{way}_mb"] = round(len(contents[way]) / 1e6, 3)
        row[f"{way}_transposes"] = operators(contents[way]).get("TRANSPOSE", 0)
    sessions = {way: Session(content, inputs[0]) for way, content in contents.items()}
    for way, session in sessions.items():
        row[f"{way}_db"] = round(agreement(session.output(), outputs[0]), 1)
    times: dict[str, list[float]] = {way: [] for way in sessions}
    for number in range(ROUNDS + 5):
        for way in list(sessions)[:: 1 if number % 2 else -1]:
            seconds = sessions[way].run()
            if number >= 5:
                times[way].append(seconds)
    for way, values in times.items():
        row[f"{way}_p50_ms"] = round(1000 * float(np.median(values)), 3)
    ratios = np.array(times["ours"]) / np.array(times["onnx2tf"])
    row["time_ratio"] = round(row["ours_s"] / row["onnx2tf_s"], 3)
    row["latency_ratio"] = round(float(np.median(ratios)), 3)
    row["size_ratio"] = round(len(contents["ours"]) / len(contents["onnx2tf"]), 4)
    return row


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] in ("--ours", "--onnx2tf"):
        convert = convert_ours if sys.argv[1] == "--ours" else convert_onnx2tf
        print("SECONDS", convert(Path(sys.argv[2]), Path(sys.argv[3])))
        return
    folder = Path(os.environ.get("ZOO_FOLDER", ROOT / "build" / "zoo"))
    for name in sys.argv[1:] or COMPARED:
        try:
            row = measured(name, folder / name)
            keep(folder / name, AGAINST, row)
        except Exception as error:
            row = {"model": name, "error": f"{type(error).__name__}: {str(error)[:300]}"}
        print(json.dumps(row), flush=True)
    write_page(folder, known_models(), COMPARED)


if __name__ == "__main__":
    main()
