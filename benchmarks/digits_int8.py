"""Accuracy of every kind of INT8 on models trained on handwritten digits.

`python -m benchmarks.digits_int8 [NAME…]` trains pool-CNN, ViT and bi-LSTM as the fixtures are, converts each
with the default options, and prints the accuracy on 797 digits that neither train nor calibrate.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import convertkit
from benchmarks.digits_models import MODELS
from benchmarks.int8 import QUICK
from convertkit.render.markdown_table import table
from convertkit.report.report import HopRecord
from fixtures.samples import SEED, split_digits
from fixtures.train import measure_accuracy, train_digits

TARGETS = ("tflite:int8", "tflite:int8-dynamic", "onnx:int8", "torch:int8", "torch:int8-dynamic")
TRAINED = 1000
CALIBRATING = 100  # of those that train
HEADINGS = ("Model", "Target", "Source", "INT8", "Lost, points", "95 % interval", "SQNR, dB", "Status")


def rows(name: str, folder: Path) -> list[list[str]]:
    """A row for each target."""
    torch.manual_seed(SEED)
    model = MODELS[name]()
    parts = split_digits()
    both = {key: np.concatenate([parts.train[key], parts.held_out[key]]) for key in ("image", "labels")}
    train, held_out = ({key: each[cut] for key, each in both.items()} for cut in cuts())
    train_digits(model, train)
    source = measure_accuracy(model, held_out)
    np.savez(folder / "held-out.npz", **held_out)
    np.savez(folder / "calibration.npz", image=train["image"][:CALIBRATING])
    report = convertkit.convert(
        model,
        to=TARGETS,
        samples=folder / "held-out.npz",
        calibration_samples=folder / "calibration.npz",
        out=folder / "run",
        settings=(*QUICK, f"sampling.validation={len(held_out['labels'])}"),
        cache=False,
    )
    return [[name, *told(hop, source)] for hop in report.hops if hop.target in TARGETS]


def cuts() -> tuple[slice, slice]:
    """What trains, and what is held out."""
    return slice(TRAINED), slice(TRAINED, None)


def told(hop: HopRecord, source: float) -> list[str]:
    """What a row says of one artifact."""
    found, compared = hop.accuracy, hop.vs_source
    if found is None or compared is None or found.drop_ci95 is None:
        return [hop.target, f"{source:.1%}", "–", "–", "–", "–", hop.error or hop.status]
    low, high = (100 * end for end in found.drop_ci95)
    figures = [f"{found.value:.1%}", f"{100 * found.drop:.2f}", f"{low:.2f} to {high:.2f}"]
    return [hop.target, f"{source:.1%}", *figures, f"{compared.lowest_sqnr_db:.1f}", hop.status]


def main(names: list[str]) -> None:
    found = []
    for name in names or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            found += rows(name, Path(folder))
        print(*found[-len(TARGETS) :], sep="\n", flush=True)
    print(*table(HEADINGS, found), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
