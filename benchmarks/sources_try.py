"""A form of model given to the command line as its row says, and its hint pasted, in a folder of its own."""

from __future__ import annotations

import atexit
import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from benchmarks.sources_case import Case, Hint, Row
from benchmarks.sources_files import ROOT
from benchmarks.sources_hub import hub

QUICK = ("--set", "bench.rounds=2", "--set", "bench.warmup_s=0.01", "-o", "run")
WRONG = ("Traceback (most recent call last)", "no such file")
CONVERTKIT = (sys.executable, "-m", "convertkit")
PASSED = re.compile(r"✓ \S+ → ((?:tflite|onnx):\S+) .*?([\d.]+|inf|∞) dB")


def environment(**more: str) -> dict[str, str]:
    """The environment of this process, this tree and the programs of its environment first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PYTHONPATH": str(ROOT), "PATH": path} | more


def ran(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder."""
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, check=False, env=environment(**more)
    )


def try_case(case: Case) -> Row:
    """Build a form in a folder of its own, give it to the command line there, and paste its hint."""
    with tempfile.TemporaryDirectory(prefix="sources-") as name:
        folder = Path(name)
        case.build(folder)
        started = time.perf_counter()
        done = ran([*CONVERTKIT, "convert", *case.words, *QUICK], folder)
        seconds = time.perf_counter() - started
        printed = f"{done.stdout}\n{done.stderr}"
        fault = fault_of(case, done.returncode, printed)
        pasted = ""
        if case.hint is not None and not fault:
            pasted, fault = paste(case, case.hint, folder, printed)
    command = shlex.join(("convertkit", "convert", *case.words))
    told = fault or told_of(case, printed)
    return Row(case.name, case.given, command, done.returncode, told, seconds, pasted, fault)


def fault_of(case: Case, code: int, printed: str) -> str:
    """What is not as the case expects; empty where all is."""
    flat = " ".join(printed.split())
    if code != case.code:
        return f"exit code {code}, not {case.code}: {flat[-300:]}"
    if " ".join(case.line.split()) not in flat:
        return f"nothing says '{case.line}'"
    return next((f"says '{words}'" for words in WRONG if words in printed), "")


def told_of(case: Case, printed: str) -> str:
    """The one line that a user reads: the figures, or the error and its hint."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    if case.code:
        kept = [line for line in lines if line.startswith(("convertkit: ", "hint: "))]
        return " — ".join(kept).replace("convertkit: ", "")
    found = [f"{m[1]} {m[2]} dB" for line in lines if (m := PASSED.match(line))]
    note = next((line for line in lines if line.startswith("note: ") and case.line in line), "")
    return "; ".join(filter(None, (note.removeprefix("note: "), ", ".join(found)))) or "passed"


def paste(case: Case, hint: Hint, folder: Path, printed: str) -> tuple[str, str]:
    """What was pasted with what came of it, and what is wrong with that."""
    if hint.quoted not in printed:
        return "", f"its hint does not say '{hint.quoted}'"
    if hint.build is not None:
        hint.build(folder)
    text = filled(hint)
    with hub(hub_folder()) if "hf download" in text else nullcontext("") as address:
        online = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": address, "HF_HOME": str(folder / "hf")}
        done = ran(command_of(case, hint, text), folder, **(online if address else {}))
    if done.returncode == 0 and hint.then:
        done = ran([*CONVERTKIT, *hint.then], folder)
    shown = f"`{text}`" + (f", then `{shlex.join(('convertkit', *hint.then))}`" if hint.then else "")
    fault = f"pasted, exit code {done.returncode}: {' '.join(f'{done.stdout} {done.stderr}'.split())[-300:]}"
    return f"{shown}: exit code {done.returncode}", fault if done.returncode else ""


def filled(hint: Hint) -> str:
    """What is pasted, with the reader's own in its places."""
    text = hint.quoted
    for stands_for, own in hint.fill.items():
        text = text.replace(stands_for, own)
    return text


def command_of(case: Case, hint: Hint, text: str) -> list[str]:
    """The command that pasting comes to."""
    if hint.way == "shell":
        return ["sh", "-c", text.replace("convertkit ", shlex.join(CONVERTKIT) + " ", 1)]
    if hint.way == "python":
        return [sys.executable, "-c", f"{hint.before}\n{text}"]
    first, *rest = case.words
    words = [*shlex.split(text), *rest] if hint.way == "model" else [first, *rest, *shlex.split(text)]
    return [*CONVERTKIT, "convert", *words, *QUICK]


@functools.cache
def hub_folder() -> Path:
    """The folder that the hub of this machine holds: a small BERT."""
    from tests.pytorch.folders import bert

    folder = Path(tempfile.mkdtemp(prefix="sources-hub-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return bert(folder)
