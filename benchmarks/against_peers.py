"""The product's .tflite beside onnx2tf's and litert-torch's: latency, conversion time, size, operators.

`python -m benchmarks.against_peers [NAME …]`; docs/peers.md has the tables. Ours has a dynamic batch and is
one file; a peer's is converted for each batch, since few of theirs run at another. What was converted before
is kept under build/peers. litert-torch runs in an environment of its own (LITERT_TORCH, else
build/litert-torch/bin/python); a peer that is not there is said, and left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.peers_latency import Session, interleaved, ratio
from benchmarks.peers_page import write_page
from benchmarks.zoo import ROOT, sqnr_db
from convertkit.graphs.tflite_file import operators

FOLDER = ROOT / "build" / "peers"
BATCHES = (1, 8)
PEERS = ("onnx2tf", "litert-torch")
RIGHT_DB = 60.0
"""Below it a peer's file is wrong, and its latency compares with nothing."""

TIMEOUT_S = 600


def interpreter_of(way: str) -> str:
    """The Python that a way runs in."""
    own = os.environ.get("LITERT_TORCH", str(ROOT / "build" / "litert-torch" / "bin" / "python"))
    return own if way == "litert-torch" else sys.executable


def child(way: str, module: str, *words: str) -> str:
    """What a module of the benchmark printed.

    Raises:
        RuntimeError: it failed; its last words.
    """
    python = interpreter_of(way)
    path = f"{Path(python).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [python, "-m", f"benchmarks.{module}", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        env={**os.environ, "PATH": path},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:200])
    return done.stdout


def converted(way: str, name: str, batch: int) -> dict[str, Any]:
    """Seconds and operators of a conversion, or its error; done once."""
    folder = FOLDER / name
    note = folder / f"{way}.{batch}.json"
    if not note.exists():
        record: dict[str, Any] = {}
        try:
            said = child(way, "peers_convert", way, name, str(folder), str(batch))
            record["seconds"] = float(said.split("SECONDS ")[1].split()[0])
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            record["error"] = str(error)
        note.write_text(json.dumps(record), encoding="utf-8")
    record = json.loads(note.read_text(encoding="utf-8"))
    file = folder / f"{way}.{batch}.tflite"
    if "error" not in record:
        record |= {"size": file.stat().st_size, "operators": Counter(operators(file.read_bytes()))}
    return record


def agreement(got: Any, want: Any) -> float:
    """SQNR of the better of the two axis orders that an image output can have."""
    options = [got] if got.ndim != 4 else [got, got.transpose(0, 3, 1, 2)]
    return max(sqnr_db(want, option) for option in options)


def timed(name: str, batch: int, ways: list[str], rounds: int) -> dict[str, Any]:
    """Latency of one batch: medians, accuracy, and ours against the fastest peer that is right."""
    with np.load(FOLDER / name / "cases.npz") as cases:
        x, y = cases[f"x{batch}"], cases[f"y{batch}"]
    sessions: dict[str, Session] = {}
    row: dict[str, Any] = {}
    for way in ways:
        file = FOLDER / name / f"{way}.{0 if way == 'ours' else batch}.tflite"
        try:
            sessions[way] = Session(file.read_bytes(), x)
        except (RuntimeError, ValueError) as error:
            row.setdefault("unusable", {})[way] = str(error).splitlines()[0][:150]
    row["db"] = {way: round(agreement(s.output(), y), 1) for way, s in sessions.items()}
    times = interleaved(sessions, rounds)
    row["ms"] = {way: round(float(np.median(values)), 3) for way, values in times.items()}
    right = [way for way in sessions if way != "ours" and row["db"][way] >= RIGHT_DB]
    if right:
        best = min(right, key=lambda way: row["ms"][way])
        row["best"], row["ratio"] = best, [round(v, 3) for v in ratio(times["ours"], times[best])]
    return row


def measured(name: str, peers: list[str], rounds: int) -> dict[str, Any]:
    """All figures of one model."""
    folder = FOLDER / name
    if not (folder / "cases.npz").exists():
        folder.mkdir(parents=True, exist_ok=True)
        child("ours", "peers_export", name, str(folder))
    row: dict[str, Any] = {"model": name, "rounds": rounds, "ours": converted("ours", name, 0)}
    for way in peers:
        row[way] = {str(batch): converted(way, name, batch) for batch in BATCHES}
    for batch in BATCHES:
        ways = ["ours", *[way for way in peers if "error" not in row[way][str(batch)]]]
        row[f"batch{batch}"] = timed(name, batch, ways, rounds)
    return row


def main() -> None:
    rounds = int(os.environ.get("ROUNDS", "60"))
    listing = child("ours", "peers_models").split()
    peers = [way for way in PEERS if Path(interpreter_of(way)).exists()]
    for way in set(PEERS) - set(peers):
        print(f"{way} is not there: make peers installs it; left out", flush=True)
    for name in sys.argv[1:] or listing:
        row = measured(name, peers, rounds)
        (FOLDER / name / "row.json").write_text(json.dumps(row), encoding="utf-8")
        print(name, *[row[f"batch{batch}"].get("ratio") for batch in BATCHES], flush=True)
    rows = [FOLDER / name / "row.json" for name in listing]
    write_page([json.loads(path.read_text(encoding="utf-8")) for path in rows if path.exists()])


if __name__ == "__main__":
    main()
