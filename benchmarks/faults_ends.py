"""Runs that are killed, told to end, or out of space: nothing stays, and the next run gives the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.faults_made import handmade
from benchmarks.faults_page import Part
from convertkit.artifacts.files import hash_artifact
from convertkit.workers.confinement import OWNER

ROOT = Path(__file__).resolve().parents[1]
MLP = ROOT / "fixtures" / "mlp"
ARTIFACTS = ("model.onnx", "model.savedmodel", "model.int8.tflite")
KILLS, COLD, TERMS, DISKS, DAEMONS = 50, 10, 20, 12, 10
COMMAND = (sys.executable, "-m", "convertkit", "convert", str(MLP / "model.pt2"), "--to", "tflite:int8")
GONE_SECONDS = 5
DAEMON = "convertkit-daemon"
FACTORY = f"""
import os, sys, time

def build():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(300)", "{DAEMON}"])
        os._exit(0)
    time.sleep(60)
"""
OPTIONS = ("--samples", str(MLP / "samples.npz"), "-q")


def convert(folder: Path) -> list[str]:
    """A run."""
    return [*COMMAND, *OPTIONS, "-o", str(folder / "run")]


def variables(folder: Path, store: str) -> dict[str, str]:
    """What a run is given: a store and a place for temporary files, both of the folder."""
    (folder / "tmp").mkdir(exist_ok=True)
    return os.environ | {"CONVERTKIT_CACHE": str(folder / store), "TMPDIR": str(folder / "tmp")}


def finish(folder: Path, store: str) -> float:
    """Run to the end; seconds.

    Raises:
        CalledProcessError: it does not pass.
    """
    started = time.monotonic()
    subprocess.run(convert(folder), cwd=ROOT, env=variables(folder, store), check=True)
    return time.monotonic() - started


def shipped(folder: Path) -> dict[str, str]:
    """SHA-256 of every artifact of the run."""
    return {
        name: hash_artifact(folder / "run" / name)[0]
        for name in ARTIFACTS
        if (folder / "run" / name).exists()
    }


def ended_after(folder: Path, store: str, seconds: float, number: int) -> tuple[int, list[psutil.Process]]:
    """Start a run and send it a signal then; its exit code, and what it had started."""
    process = subprocess.Popen(
        convert(folder), cwd=ROOT, env=variables(folder, store), stderr=subprocess.DEVNULL
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        return process.wait(30), children
    return process.returncode, []


def leftovers(folder: Path, children: Sequence[psutil.Process]) -> list[str]:
    """What is still there after the next run has been through: files and processes."""
    alive = [child.pid for child in psutil.wait_procs(children, GONE_SECONDS)[1]]
    found = [f"process {pid}" for pid in alive]
    for pattern in (".work-*", ".old-*", "*.partial", "logs/.worker-*"):
        found += [path.name for path in (folder / "run").glob(pattern)]
    return found


def interrupted(folder: Path, share: int, name: str, number: int, count: int) -> Part:
    """Runs ended at moments spread over their time, each finished by the next run."""
    span = finish(folder, "store")
    clean, span = shipped(folder), min(span, finish(folder, "store"))
    outcomes, wrong, tried = Counter[str](), [], max(2, count // share)
    for turn in range(tried):
        is_cold = turn < max(1, COLD // share) and count > COLD
        store = f"cold-{turn}" if is_cold else "store"
        moment = (4.0 + turn) if is_cold else span * (turn + 0.5) / tried
        code, children = ended_after(folder, store, moment, number)
        outcomes[f"exit {code}" if code >= 0 else f"signal {-code}"] += 1
        stayed = psutil.wait_procs(children, GONE_SECONDS)[1]
        wrong += [f"after {moment:.2f} s: {' '.join(words_of(one)[1:4])} stayed" for one in stayed]
        finish(folder, "store")
        if shipped(folder) != clean:
            wrong.append(f"after {moment:.2f} s: another artifact")
        wrong += [f"after {moment:.2f} s: {left} stayed" for left in leftovers(folder, [])]
    return Part(name, tried, dict(outcomes), tuple(wrong))


def killed_runs(folder: Path, share: int) -> Part:
    """SIGKILL: what was there before, or the whole new artifact."""
    return interrupted(folder, share, "runs killed (SIGKILL), then finished", signal.SIGKILL, KILLS + COLD)


def ended_runs(folder: Path, share: int) -> Part:
    """SIGTERM: a report that says so."""
    return interrupted(folder, share, "runs told to end (SIGTERM), then finished", signal.SIGTERM, TERMS)


def daemons(folder: Path, share: int) -> Part:
    """SIGKILL while code of the user's has a process in a session of its own, twice removed."""
    (folder / "weights.pt").write_bytes(handmade.torch_zip())
    (folder / "models.py").write_text(FACTORY)
    command = [*COMMAND[:4], str(folder / "weights.pt"), "--to", "onnx", "-o", str(folder / "run")]
    command += ["--factory", f"{folder / 'models.py'}:build", "--input", "x:float32[batch,2]", "-q"]
    outcomes, wrong, tried = Counter[str](), [], max(2, DAEMONS // share)
    for turn in range(tried):
        process = subprocess.Popen(command, cwd=ROOT, env=variables(folder, "store"))
        found = awaited(process)
        time.sleep(0.1 * turn)
        process.kill()
        process.wait()
        stayed = psutil.wait_procs(found, GONE_SECONDS)[1]
        outcomes["gone" if found and not stayed else "stayed" if found else "not started"] += 1
        wrong += [f"turn {turn}: process {one.pid} stayed" for one in stayed]
        wrong += [] if found else [f"turn {turn}: no daemon was started"]
    return Part("runs killed that had a daemon", tried, dict(outcomes), tuple(wrong))


def awaited(process: subprocess.Popen[bytes], seconds: float = 90.0) -> list[psutil.Process]:
    """All processes of a run's workers, as soon as the daemon is among them."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        family = [one for one in psutil.process_iter() if is_of(one, process.pid)]
        if any(DAEMON in words_of(one) for one in family):
            return family
        time.sleep(0.05)
    return []


def is_of(process: psutil.Process, owner: int) -> bool:
    """Whether a worker of that command started it."""
    try:
        return process.environ().get(OWNER, "").split()[1:2] == [str(owner)]
    except psutil.Error:
        return False


def words_of(process: psutil.Process) -> list[str]:
    """Its command line."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def full_disks(folder: Path, share: int) -> Part:
    """Runs on file systems of memory, each a little larger, with all in the store."""
    finish(folder, "store")
    whole = sum(file.stat().st_size for file in (folder / "run").rglob("*") if file.is_file())
    outcomes, wrong, tried = Counter[str](), [], max(3, DISKS // share)
    for turn in range(tried):
        disk = folder / "disk"
        disk.mkdir(exist_ok=True)
        size = int(whole * 2.5 * (turn + 0.3) / tried) >> 10
        inner = " ".join([*COMMAND, *OPTIONS, "-o", str(disk / "run")])
        script = (
            f"mount -t tmpfs -o size={size}k none {disk} && {inner}; code=$?; ls -A {disk}/run; exit $code"
        )
        done = subprocess.run(
            ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
            cwd=ROOT, env=variables(folder, "store"), capture_output=True, text=True, check=False,
        )  # fmt: skip
        outcomes[f"exit {done.returncode}"] += 1
        if done.returncode not in (0, 5) or (done.returncode == 5 and "no space on" not in done.stderr):
            wrong.append(f"{size} kB: exit {done.returncode}, {done.stderr[-200:]}")
        wrong += [f"{size} kB: {name} stayed" for name in done.stdout.split() if name.startswith(".")]
    return Part("disks that are too small", tried, dict(outcomes), tuple(wrong))
