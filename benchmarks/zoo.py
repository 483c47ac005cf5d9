"""The zoo: models with seeded weights from torch to .tflite, dynamic batch, every hop compared with torch.

`python -m benchmarks.zoo [NAME …]` prints a table and writes docs/zoo.md: SQNR against torch of the
SavedModel and the .tflite, the worst of all batches and free sizes; seconds and peak memory of the lowering;
TRANSPOSE and Flex operators.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.zoo_page import ROW, keep, write_page

ROOT = Path(__file__).parent.parent
COLUMNS = (
    "model",
    "exporter",
    "savedmodel_db",
    "tflite_db",
    "int8_db",
    "lower_s",
    "peak_mb",
    "tflite_s",
    "transposes",
    "flex",
    "mb",
)
Cases = list[tuple[list[Any], list[Any]]]


def sqnr_db(reference: Any, values: Any) -> float:
    """10 log10(signal / noise); 200 where both are equal."""
    reference, values = np.asarray(reference, np.float64), np.asarray(values, np.float64)
    if reference.shape != values.shape or not np.isfinite(values).all():
        return float("-inf")
    noise = float(np.sum((reference - values) ** 2))
    signal = float(np.sum(reference**2))
    return 200.0 if noise == 0 else 10 * float(np.log10(max(signal, 1e-300) / noise))


def exported(name: str, folder: Path) -> str:
    """Export in a process of its own, unless that was done before; the exporter's name."""
    note = folder / "exporter"
    if not note.exists():
        command = [sys.executable, "-m", "benchmarks.zoo_export", name, str(folder)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode:
            raise RuntimeError("export: " + (done.stderr.strip().splitlines() or ["?"])[-1][:300])
    return note.read_text().split()[0]


def cases_of(folder: Path) -> Cases:
    """The inputs and outputs that torch had."""
    with np.load(folder / "cases.npz") as arrays:
        count = 1 + max(int(key.split(".")[0]) for key in arrays.files)
        return [
            tuple(
                [arrays[f"{n}.{kind}{i}"] for i in range(9) if f"{n}.{kind}{i}" in arrays.files]
                for kind in ("input", "output")
            )  # type: ignore[misc]
            for n in range(count)
        ]


def run_savedmodel(lowered: Any, inputs: list[Any]) -> list[Any]:
    """The outputs of the lowered module, logical."""
    from convertkit.artifacts.signature import to_logical, to_physical

    given = [to_physical(array, spec) for array, spec in zip(inputs, lowered.signature.inputs, strict=True)]
    results = lowered.module.serving_default(*given)
    return [to_logical(results[spec.name].numpy(), spec) for spec in lowered.signature.outputs]


def run_tflite(content: bytes, signature: Any, inputs: list[Any]) -> list[Any]:
    """The outputs of a .tflite, logical; no Flex delegate is there to help."""
    from ai_edge_litert.interpreter import Interpreter

    from convertkit.artifacts.signature import to_logical, to_physical

    interpreter = Interpreter(model_content=content, num_threads=1)
    runner = interpreter.get_signature_runner("serving_default")
    given = {s.runtime_name: to_physical(a, s) for a, s in zip(inputs, signature.inputs, strict=True)}
    results = runner(**given)
    return [to_logical(results[spec.name], spec) for spec in signature.outputs]


def to_tflite(folder: Path, samples: list[dict[str, Any]] | None = None) -> bytes:
    """A .tflite by TFLiteConverter with built-ins only; full integer where samples are given."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if samples:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: iter(samples)
    return bytes(converter.convert())


def operators(content: bytes) -> dict[str, int]:
    """Operator → how many, of a .tflite."""
    from ai_edge_litert.interpreter import Interpreter

    counts: dict[str, int] = {}
    for row in Interpreter(model_content=content)._get_ops_details():
        counts[row["op_name"]] = counts.get(row["op_name"], 0) + 1
    return {name: count for name, count in counts.items() if name != "DELEGATE"}


def worst(pairs: list[tuple[list[Any], list[Any]]]) -> float:
    """The smallest SQNR over all outputs of all cases."""
    return min(sqnr_db(a, b) for left, right in pairs for a, b in zip(left, right, strict=True))


def measured(name: str, folder: Path, int8_db: float | None) -> dict[str, Any]:
    """All figures of one model."""
    row: dict[str, Any] = {"model": name}
    row["exporter"] = exported(name, folder)
    import onnx

    from convertkit.lowering import lower, write_savedmodel

    cases = cases_of(folder)
    started = time.perf_counter()
    lowered = lower(onnx.load(str(folder / "model.onnx")))
    write_savedmodel(lowered, folder / "savedmodel")
    row["lower_s"] = round(time.perf_counter() - started, 1)
    row["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    row["savedmodel_db"] = round(worst([(out, run_savedmodel(lowered, ins)) for ins, out in cases]), 1)
    started = time.perf_counter()
    content = to_tflite(folder / "savedmodel")
    row["tflite_s"] = round(time.perf_counter() - started, 1)
    (folder / "model.tflite").write_bytes(content)
    row["tflite_db"] = round(
        worst([(out, run_tflite(content, lowered.signature, ins)) for ins, out in cases]), 1
    )
    counts = operators(content)
    row["transposes"], row["flex"] = (
        counts.get("TRANSPOSE", 0),
        sum(n for op, n in counts.items() if "Flex" in op),
    )
    row["mb"] = round(len(content) / 1e6, 2)
    if int8_db is not None:
        row["int8_db"] = int8(folder, lowered, cases)
    return row


def int8(folder: Path, lowered: Any, cases: Cases) -> float:
    """SQNR of the INT8 file at batch 1, 2 and 5 against torch; calibrated by 32 seeded samples."""
    from convertkit.artifacts.signature import to_physical

    rng = np.random.default_rng(7)
    specs = lowered.signature.inputs
    samples = [
        {
            s.runtime_name: to_physical(rng.standard_normal(x[:1].shape).astype(np.float32), s)
            for s, x in zip(specs, cases[0][0], strict=True)
        }
        for _ in range(32)
    ]
    content = to_tflite(folder / "savedmodel", samples)
    (folder / "model.int8.tflite").write_bytes(content)
    return round(worst([(out, run_tflite(content, lowered.signature, ins)) for ins, out in cases[:3]]), 1)


def known_models() -> dict[str, float | None]:
    """Name → the least SQNR that its INT8 has to reach, None where INT8 is not tried."""
    listing = subprocess.run(
        [sys.executable, "-m", "benchmarks.zoo_models"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return {name: None if db == "None" else float(db) for name, db in (item.split(":") for item in listing)}


def main() -> None:
    folder = Path(os.environ.get("ZOO_FOLDER", ROOT / "build" / "zoo"))
    known = known_models()
    if len(sys.argv) == 2 and sys.argv[1].startswith("--one="):
        name = sys.argv[1].removeprefix("--one=")
        try:
            row = measured(name, folder / name, known[name])
        except Exception as error:
            row = {
                "model": name,
                "error": f"{type(error).__name__}: {str(error).strip().splitlines()[0][:400]}",
            }
        keep(folder / name, ROW, row)
        print("ROW " + json.dumps(row))
        return
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS), flush=True)
    for name in sys.argv[1:] or known:
        command = [sys.executable, "-m", "benchmarks.zoo", f"--one={name}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        line = next((line[4:] for line in done.stdout.splitlines() if line.startswith("ROW ")), None)
        row = json.loads(line) if line else {"model": name, "error": f"exit {done.returncode}"}
        cells = [str(row.get(column, "")) for column in COLUMNS]
        print("| " + " | ".join(cells if "error" not in row else [name, row["error"]]) + " |", flush=True)
    write_page(folder, known)


if __name__ == "__main__":
    main()
