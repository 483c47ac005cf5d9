"""Bundles and kits of the fixtures, verified, run and compiled as far as tools are here: `make kits`."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

from benchmarks.kits_apps import TRIALS, Absent, Failed
from convertkit import api, shipping
from convertkit.errors import ConvertkitError
from convertkit.kits.write import write_kit

ROOT = Path(__file__).resolve().parents[1]
WORK = Path("build/kits/work")
FIXTURES = ("digits", "mlp", "transformer", "two_inputs")
TARGETS = ["tflite:float32", "tflite:int8"]
IMAGES = [
    "sampling.color=gray",
    "sampling.mean=[0.5]",
    "sampling.std=[0.5]",
]  # of digits: what code is made for
QUICK = ["bench.rounds=2", "bench.warmup_s=0.01"]


def bundle_of(name: str) -> Path:
    """A fixture converted and bundled twice, with the same bytes."""
    folder, run = ROOT / "fixtures" / name, WORK / name / "run"
    settings = QUICK + (IMAGES if name == "digits" else [])
    report = api.convert(
        folder / "model.pt2", to=TARGETS, samples=folder / "samples.npz", out=run, settings=settings
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
