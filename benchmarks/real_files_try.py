"""A real file given to the command line: inspected, converted, and what ships compared with the source."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.real_files_case import FACTORIES, WHEELS, Case, Row
from benchmarks.sources_try import CONVERTKIT, environment

QUICK = ("--set", "bench.rounds=2", "--set", "bench.warmup_s=0.01")
SECONDS = 600.0
LEAST_DB = 60.0
TRACEBACK = "Traceback (most recent call last)"


def ran(words: list[str], file: Path) -> tuple[int, str]:
    """Exit code and text of a command, kept in a file too; 124 where it took too long."""
    done = subprocess.run(
        [*CONVERTKIT, *words],
        capture_output=True,
        text=True,
        cwd=WHEELS,
        check=False,
        env=environment(),
        timeout=SECONDS,
    )
    text = f"{done.stdout}\n{done.stderr}"
    file.write_text(text, encoding="utf-8")
    return done.returncode, text


def try_case(case: Case) -> Row:
    """Inspect, convert and compare one file."""
    case.folder.mkdir(parents=True, exist_ok=True)
    inspected, told = ran(["inspect", case.file], case.folder / "inspect.txt")
    words = list(case.words)
    if case.samples is not None and case.verb == "convert":
        samples = case.folder / "samples.npz"
        np.savez(samples, **case.samples())
        words += ["--samples", str(samples)]
    if case.factory:
        words += ["--factory", f"{FACTORIES}:{case.factory}"]
    if case.verb == "convert":
        words += [*case.targets, "-o", str(case.folder / "run")]
    words += QUICK
    started = time.perf_counter()
    code, text = ran([case.verb, case.file, *words], case.folder / "out.txt")
    seconds = time.perf_counter() - started
    own = compared(case) if case.calls is not None else None
    outcome, detail = outcome_of(case, code, told + text, own)
    command = shlex.join(("convertkit", case.verb, case.path.name, *case.words))
    return Row(case.name, case.given, command, inspected, code, outcome, detail, seconds, own)


def compared(case: Case) -> tuple[float, ...] | None:
    """What the float artifact has beside the source, in a process of its own; None where none ships."""
    if not (case.folder / "run" / "model.tflite").is_file():
        return None
    command = [sys.executable, "-m", "benchmarks.real_files_check", case.name]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(), timeout=SECONDS
    )
    (case.folder / "check.txt").write_text(f"{done.stdout}\n{done.stderr}", encoding="utf-8")
    return tuple(json.loads(done.stdout.splitlines()[-1])) if done.returncode == 0 else (-999.0,)


def outcome_of(case: Case, code: int, text: str, own: tuple[float, ...] | None) -> tuple[str, str]:
    """What came of it in a word, and the figures or the line that a user reads."""
    if TRACEBACK in text or code == 1:
        return "traceback", text.strip().splitlines()[-1][:300]
    if own is not None and min(own) < LEAST_DB:
        return "wrong", f"{min(own):.1f} dB beside the source"
    stripped = [line.strip() for line in text.splitlines()]
    lines = [line for line in stripped if line.startswith(("convertkit: ", "hint: ", "FAILED", "ERROR"))]
    said = " — ".join(lines).replace("convertkit: ", "")
    figures = figures_of(case)
    if code == 0:
        return ("converted" if case.verb == "convert" else "measured"), figures
    is_float = (case.folder / "run" / "model.tflite").is_file()
    return ("float alone" if is_float else "said"), "; ".join(filter(None, (figures, said)))


def figures_of(case: Case) -> str:
    """Decibels of every artifact that ships, by the run's own judgement."""
    report = case.folder / "run" / "report.json"
    if not report.is_file():
        return ""
    found = []
    for hop in json.loads(report.read_text(encoding="utf-8"))["hops"]:
        outputs = (hop.get("vs_source") or {}).get("outputs") or []
        decibels = [each["sqnr_db"] for each in outputs if each.get("sqnr_db") is not None]
        if hop["status"] == "passed" and hop["target"] in case.targets and decibels:
            found.append(f"{hop['target']} {min(decibels):.1f} dB")
    return ", ".join(found)
