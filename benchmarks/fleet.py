"""A fleet of 120 jobs on a Ray whose processes are killed; some jobs crash, hang or take too much memory.

`python -m benchmarks.fleet` compares every artifact with that of a single run; and the time of the first
jobs, by a fleet that nothing is killed in, with that of a shell loop. It writes docs/fleet-trial.md.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import yaml

from benchmarks.claims_table import table
from convertkit import load_report
from convertkit.environment.devices import cpu_name
from convertkit.errors import UsageError
from convertkit.fleets.fleet import FleetRequest, run_fleet
from convertkit.fleets.fleet_file import load_fleet
from convertkit.fleets.job import Job
from convertkit.report.fleet import FleetReport
from convertkit.storage.temporary import temporary_folder

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "fleet-trial.md"
FIXTURES = ("digits", "mlp", "transformer", "two_inputs")
TARGETS = ("onnx", "tflite:float32", "tflite:int8", "tflite:int8-dynamic", "onnx:int8", "savedmodel")
JOBS = 120
TIMED = 24  # of them, for the overhead
AT_ONCE = 2
KILL_EVERY_S = (20.0, 60.0)
BAD = {
    "crash": "import os\ndef build():\n    os.kill(os.getpid(), 11)\n",
    "hang": "import time\ndef build():\n    time.sleep(3600)\n",
    "memory": "def build():\n    held = bytearray(4 << 30)\n    held[::4096] = b'x' * (1 << 20)\n",
}
MEANT = {"crash": "error", "hang": "error", "memory": "error", "good": "passed"}


class Trial(msgspec.Struct, frozen=True):
    """What became of the fleet.

    Attributes:
        wrong: jobs whose status is not what was meant.
        differing: jobs whose artifacts are not those of a single run.
        killed: processes of Ray that were killed while they ran a job.
        timed: how many of the jobs were timed without kills, `loop_s` and `fleet_s`.
    """

    report: FleetReport
    killed: int
    wrong: list[str]
    differing: list[str]
    timed: int
    loop_s: float
    fleet_s: float


def entries(count: int, folder: Path) -> Iterator[dict[str, object]]:
    """Fixtures by targets, one in twelve bad in one of three ways."""
    kinds = itertools.cycle(BAD)
    for kind, code in BAD.items():
        (folder / f"{kind}.py").write_text(code)
    for number, (fixture, target) in zip(range(count), itertools.cycle(itertools.product(FIXTURES, TARGETS))):
        home = ROOT / "fixtures" / fixture
        entry: dict[str, object] = {"model": str(home / "model.pt2"), "to": [target]}
        entry |= {"samples": str(home / "samples.npz"), "settings": [f"sampling.seed={number}"]}
        if number % 12 == 11:
            kind = next(kinds)
            entry |= {"model": str(ROOT / "fixtures/digits/model.safetensors"), "to": ["onnx"]}
            entry |= {"factory": f"{folder / f'{kind}.py'}:build", "name": f"{kind}-{number}"}
            entry["settings"] = ["limits.job_seconds=40", f"limits.memory_bytes={2 << 30}"]
        yield {"name": f"good-{number}", **entry}


def kill_some(stop: threading.Event, killed: list[int]) -> None:
    """Now and then SIGKILL a process of Ray that runs a job."""
    dice = random.Random(0)
    while not stop.wait(dice.uniform(*KILL_EVERY_S)):
        busy = [one for one in psutil.Process().children(recursive=True) if is_busy(one)]
        if busy:
            dice.choice(busy).kill()
            killed.append(1)


def is_busy(process: psutil.Process) -> bool:
    """True for a process of Ray that has a run below it."""
    try:
        below = [" ".join(child.cmdline()) for child in process.children()]
        return any("-m convertkit convert" in line for line in below)
    except psutil.Error:
        return False


def shell_loop(jobs: list[Job]) -> float:
    """Seconds of the same commands by `xargs`, as many at once, each with a store of its own."""
    started = time.monotonic()
    lines = [f"{sys.executable} -m convertkit {' '.join(job.words())} || true" for job in jobs]
    subprocess.run(
        ["xargs", "-d", "\\n", "-P", str(AT_ONCE), "-I{}", "sh", "-c", "{}"],
        input="\n".join(lines).encode(),
        check=True,
    )
    return time.monotonic() - started


def digests(job: Job) -> list[str]:
    """SHA-256 of every artifact of a run; empty where there is no report."""
    try:
        return [hop.artifact.sha256 if hop.artifact else "" for hop in load_report(job.folder).hops]
    except UsageError:
        return []


def fleet_of(name: str, count: int, folder: Path) -> FleetReport:
    """A fleet of the first jobs, with a store of its own."""
    os.environ["CONVERTKIT_CACHE"] = str(folder / f"store-of-{name}")
    content = {"out": str(folder / name), "models": list(entries(count, folder))}
    file_of(name, folder).write_text(yaml.safe_dump(content))
    request = FleetRequest(file_of(name, folder), jobs=AT_ONCE)
    began = time.monotonic()
    return run_fleet(request, told=lambda row: print(f"{time.monotonic() - began:.0f} s", row, flush=True))


def file_of(name: str, folder: Path) -> Path:
    """The file of a fleet."""
    return folder / f"{name}.yaml"


def with_losses(count: int, folder: Path) -> tuple[FleetReport, int]:
    """The whole fleet, and how often a process of it was killed."""
    stop, killed = threading.Event(), list[int]()
    killer = threading.Thread(target=kill_some, args=(stop, killed), daemon=True)
    killer.start()
    try:
        return fleet_of("fleet", count, folder), len(killed)
    finally:
        stop.set()
        killer.join()


def trial(count: int, folder: Path) -> Trial:
    """The fleet with its losses; some of its jobs by one without; then the same jobs by a shell loop."""
    report, killed = with_losses(count, folder)
    wrong = [row.name for row in report.jobs if row.status != MEANT[row.name.partition("-")[0]]]
    print(f"{report.seconds:.0f} s, {killed} killed, of another status: {wrong}", flush=True)
    fleet_s = fleet_of("timed", TIMED, folder).seconds
    jobs = load_fleet(file_of("fleet", folder)).jobs
    of_fleet = {job.name: digests(job) for job in jobs}
    os.environ["CONVERTKIT_CACHE"] = str(folder / "store-of-loop")
    loop_s = shell_loop(list(jobs[:TIMED]))
    print(f"{fleet_s:.0f} s by the fleet, {loop_s:.0f} s by the loop", flush=True)
    shell_loop(list(jobs[TIMED:]))
    good = [job for job in jobs if job.name.startswith("good")]
    differing = [job.name for job in good if of_fleet[job.name] != digests(job) or not of_fleet[job.name]]
    return Trial(report, killed, wrong, differing, min(TIMED, count), loop_s, fleet_s)


def page(found: Trial) -> str:
    """The Markdown page."""
    jobs = found.report.jobs
    counts = Counter((row.name.partition("-")[0], row.status) for row in jobs)
    rows = [[kind, status, str(number)] for (kind, status), number in sorted(counts.items())]
    again = sum(row.tries - 1 for row in jobs)
    lost = sum(row.lost for row in jobs)
    return (
        "# A fleet, tried\n\n"
        f"Written by `make fleet` (`benchmarks/fleet.py`), on {cpu_name()}: {len(jobs)} jobs (fixtures\n"
        f"by variants; some made to crash, hang or pass their memory limit), {AT_ONCE} at once on a Ray of\n"
        f"its own, whose processes were killed {found.killed} times while they ran a job.\n\n"
        + table(["kind", "status", "jobs"], rows)
        + f"\n\n* Of another status than meant: {len(found.wrong)} {', '.join(found.wrong)}\n"
        f"* With artifacts other than a single run's: {len(found.differing)} {', '.join(found.differing)}\n"
        f"* Tries beyond the first: {again}, of them {lost} for a loss.\n"
        f"* {found.report.seconds:.0f} s in all, the kills' losses included.\n"
        f"* Overhead, by the first {found.timed} jobs without kills: {found.fleet_s:.0f} s; by\n"
        f"  `xargs -P {AT_ONCE}` {found.loop_s:.0f} s ({found.fleet_s / found.loop_s:.2f} ×), one after the\n"
        "  other on a machine with other work.\n"
    )


def main() -> None:
    """Run the trial and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--page", type=Path, default=PAGE)
    words = parser.parse_args()
    with temporary_folder() as folder:
        found = trial(words.jobs, folder)
    words.page.write_text(page(found), encoding="utf-8")
    print(page(found))


if __name__ == "__main__":
    main()
