"""Make the `.tflite` files for LiteRT's accelerators, shapes fixed, where TensorFlow is there.

`python -m benchmarks.gpu_tflite FOLDER`
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import convertkit
from benchmarks.gpu_models import SUBJECTS, made
from benchmarks.zoo_models import made as zoo_model
from convertkit.artifacts.tensors import write_npz

UNTIMED = ("bench.rounds=1", "bench.calls=2", "bench.warmup_s=0.001")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    vectors, images = SUBJECTS["mlp"].inputs(16)["x"], SUBJECTS["resnet-50"].inputs(8)["first"]
    for name, model, samples in (
        ("mlp", made("mlp"), {"input": vectors}),
        ("mobilenet-v2", zoo_model("mobilenet-v2"), {"first": images}),
    ):
        with tempfile.TemporaryDirectory() as scratch:
            write_npz(Path(scratch) / "samples.npz", samples)
            report = convertkit.convert(
                model,
                to="tflite:float32",
                samples=Path(scratch) / "samples.npz",
                out=Path(scratch) / "run",
                static=True,
                settings=UNTIMED,
            )
            if not report.is_passed:
                raise SystemExit(f"{name}: {report.hops[-1].error}")
            shutil.copy(Path(scratch) / "run" / "model.tflite", folder / f"{name}.tflite")


if __name__ == "__main__":
    main()
