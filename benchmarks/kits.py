"""Bundles and kits of the fixtures, verified, run and compiled as far as tools are here: `make kits`."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.kits_apps import TRIALS, Absent, Failed
from convertkit import api, shipping
from convertkit.errors import ConvertkitError
from convertkit.kits.write import write_kit

ROOT = Path(__file__).resolve().parents[1]
WORK = Path("build/kits/work")
FIXTURES = ("digits", "mlp", "transformer", "two_inputs", "folded")
TARGETS = ["tflite:float32", "tflite:int8"]
IMAGES = [
    "sampling.color=gray",
    "sampling.mean=[0.5]",
    "sampling.std=[0.5]",
]  # of digits: what code is made for
FOLDED = "folded"  # digits as whole pixels, their normalisation in the artifacts
QUICK = ["bench.rounds=2", "bench.warmup_s=0.01"]


def samples_of(name: str) -> tuple[Path, Path]:
    """The model of a name and its samples."""
    folder = ROOT / "fixtures" / ("digits" if name == FOLDED else name)
    if name != FOLDED:
        return folder / "model.pt2", folder / "samples.npz"
    arrays = dict(np.load(folder / "samples.npz"))
    pixels = np.rint((arrays.pop("image") / 2 + 0.5) * 255)
    (WORK / name).mkdir(parents=True)
    np.savez(WORK / name / "samples.npz", image=((pixels / 255 - 0.5) / 0.5).astype(np.float32), **arrays)
    return folder / "model.pt2", WORK / name / "samples.npz"


def bundle_of(name: str) -> Path:
    """A fixture converted and bundled twice, with the same bytes."""
    run, (model, samples) = WORK / name / "run", samples_of(name)
    settings = QUICK + (IMAGES if name in ("digits", FOLDED) else [])
    report = api.convert(
        model, to=TARGETS, samples=samples, out=run, settings=settings, fold_preprocessing=name == FOLDED
    )
    assert report.is_passed, [hop.error for hop in report.hops]
    first, second = (WORK / name / place / f"{name}-1.0.0.ckb" for place in ("one", "two"))
    labels = None
    if name == "digits":
        labels = WORK / name / "labels.txt"
        labels.write_text("".join(f"digit {number}\n" for number in range(10)))
    for out in (first, second):
        shipping.bundle(run, out, labels=labels, license="Apache-2.0")
    assert first.read_bytes() == second.read_bytes()
    return first


def tried(name: str, kind: str, bundle: Path) -> tuple[str, str]:
    """State of a kit, and what was said."""
    out = WORK / name / kind
    try:
        write_kit(bundle, kind, out, lambda text: None, name=name)
        return "passed", TRIALS[kind](out)
    except Absent as error:
        return "generated", str(error)
    except (Failed, ConvertkitError) as error:
        return "failed", str(error)


def main(names: list[str]) -> int:
    """Say what became of each; 1 where anything failed."""
    shutil.rmtree(WORK, ignore_errors=True)
    counts: Counter[str] = Counter()
    for name in names or FIXTURES:
        bundle = bundle_of(name)
        found = shipping.verify(bundle)
        states = Counter(each.status for each in found.checked)
        counts["bundles verified" if found.exit_code == 0 else "failed"] += 1
        print(f"{name}: bundle of {found.members} members, {dict(states)}", flush=True)
        for kind in TRIALS:
            state, text = tried(name, kind, bundle)
            counts[state] += 1
            print(f"{name} {kind}: {state}: {text}", flush=True)
    print(", ".join(f"{number} {state}" for state, number in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
