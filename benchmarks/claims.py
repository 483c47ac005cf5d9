"""The field's usual claims for INT8 against what is measured here; writes docs/claims.md.

`python -m benchmarks.claims [MODEL …]`: with names, only those are measured anew, the others are as they were
measured last. Each model is made by convertkit in all five integer variants; sizes, latencies and errors are
against the float artifact of the same format.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.claims_measure import ROOT, ROUNDS, measured
from benchmarks.claims_reasons import Probes, cpu_facts
from benchmarks.claims_render import page
from benchmarks.claims_table import Row

PAGE = ROOT / "docs" / "claims.md"
WORK = ROOT / "build" / "claims"
MODELS = {"mlp": 64, "lstm": 64, "transformer": 64, "cnn": 64, "efficientnet": 16}  # → the large batch
PROBES = {"call": 64, "linear": 64, "pointwise": 16, "depthwise": 16}
TFLITE = {"float32": "model.tflite", "int8-dynamic": "model.int8-dynamic.tflite", "int8": "model.int8.tflite"}


def measure_anew(name: str, batch: int) -> None:
    """Make and measure one model, and write its rows and XNNPACK's gains down."""
    print(f"{datetime.now(UTC):%H:%M:%S} {name}", flush=True)
    folder = WORK / name
    shutil.rmtree(folder / "run", ignore_errors=True)
    rows = measured(name, batch, folder)
    folder.joinpath("gains.json").write_bytes(msgspec.json.encode(delegate_gains(folder)))
    folder.joinpath("rows.json").write_bytes(msgspec.json.encode(rows))


def delegate_gains(folder: Path) -> dict[str, float]:
    """Precision → how many times faster XNNPACK makes its `.tflite`."""
    files = {kind: folder / "run" / name for kind, name in TFLITE.items()}
    there = {kind: str(path) for kind, path in files.items() if path.exists()}
    command = [sys.executable, "-m", "benchmarks.claims_delegate", *there.values()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return {kind: found[path] for kind, path in there.items()}


def read_rows(names: Iterable[str]) -> list[Row]:
    """What was written down of some models."""
    return [
        row
        for name in names
        for row in msgspec.json.decode((WORK / name / "rows.json").read_bytes(), type=list[Row])
    ]


def main(chosen: list[str]) -> None:
    for name, batch in (PROBES | MODELS).items():
        if not chosen or name in chosen:
            measure_anew(name, batch)
    missing = [name for name in PROBES | MODELS if not (WORK / name / "rows.json").exists()]
    if missing:
        raise SystemExit(f"not measured yet: {', '.join(missing)}")
    probes: Probes = {(row.model, row.variant): row for row in read_rows(PROBES)}
    gains = {name: json.loads((WORK / name / "gains.json").read_text()) for name in MODELS}
    facts = cpu_facts(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    date, load = f"{datetime.now(UTC):%Y-%m-%d}", os.getloadavg()[2] / (os.cpu_count() or 1)
    text = page(read_rows(MODELS), probes, gains, facts, rounds=ROUNDS, date=date, load=load)
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main(sys.argv[1:])
