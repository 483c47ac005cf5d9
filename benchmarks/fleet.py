"""A fleet of 120 jobs on a Ray whose processes are killed; some jobs crash, hang or take too much memory.

`python -m benchmarks.fleet` compares the artifacts with those of single runs, and with `--timed` the time of
some jobs, by a fleet that nothing is killed in, with that of a loop. It writes docs/fleet-trial.md.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import psutil
import yaml

from benchmarks.claims_table import table
from convertkit import load_report
from convertkit.environment.devices import cpu_name
from convertkit.errors import UsageError
from convertkit.fleets.ending import LOST_TRIES
from convertkit.fleets.fleet import FleetRequest, run_fleet
from convertkit.fleets.fleet_file import load_fleet
from convertkit.fleets.job import Job
from convertkit.report.fleet import FLEET_FILE, FleetReport, JobRecord
from convertkit.storage.temporary import temporary_folder

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "fleet-trial.md"
FIXTURES = ("digits", "mlp", "transformer", "two_inputs")
TARGETS = ("onnx", "tflite:float32", "tflite:int8", "tflite:int8-dynamic", "onnx:int8", "savedmodel")
JOBS = 120
TIMED = 24  # of them, for the overhead
AT_ONCE = 2
KILL_EVERY = (1.0, 3.0)  # medians of what a job takes here: a job that is lost five times is given up
SHORTEST_S = 20.0
BAD = {
    "crash": "import os\ndef build():\n    os.kill(os.getpid(), 11)\n",
    "hang": "import time\ndef build():\n    time.sleep(3600)\n",
    "memory": "def build():\n    held = bytearray(4 << 30)\n    held[::4096] = b'x' * (1 << 20)\n",
}
MEANT = {"crash": "error", "hang": "error", "memory": "error", "good": "passed"}


class Trial(msgspec.Struct, frozen=True):
    """What became of the fleet.

    Attributes:
        killed: how often a process of Ray was killed while it ran a job.
        wrong: jobs whose status is neither what was meant nor that of a single run.
        compared: how many jobs were done once more by themselves.
        differing: those of them whose artifacts are others.
        times: seconds of some jobs without kills, by a fleet and by a loop; None: not timed.
    """

    report: FleetReport
    killed: int
    wrong: list[str]
    compared: int
    differing: list[str]
    times: tuple[float, float] | None


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


def kill_some(stop: threading.Event, killed: list[int], seconds: list[float]) -> None:
    """Now and then SIGKILL a process of Ray that runs a job.

    Args:
        seconds: what each job took that is done; grows meanwhile.
    """
    dice = random.Random(0)
    while not stop.wait(max(SHORTEST_S, dice.uniform(*KILL_EVERY) * statistics.median(seconds or [0.0]))):
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


def command_of(job: Job, folder: str) -> list[str]:
    """The command line of a job, into a folder of its own."""
    words = [folder if word == job.folder else word for word in job.words()]
    return [sys.executable, "-m", "convertkit", *words]


def loop(jobs: list[Job], folder: Path, minutes: float = math.inf) -> tuple[list[Job], float]:
    """The same commands, as many at once, with a store of their own: those that were done, and the seconds.

    Args:
        folder: of the store, and of a folder for each job.
        minutes: no job is begun after that.
    """
    os.environ["CONVERTKIT_CACHE"] = str(folder / "store")
    started, done = time.monotonic(), list[Job]()

    def run(job: Job) -> None:
        if status_of(folder / job.name):
            done.append(job)  # by an earlier call
        elif time.monotonic() - started < 60 * minutes:
            subprocess.run(command_of(job, str(folder / job.name)), check=False, capture_output=True)
            done.append(job)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, jobs))
    return done, time.monotonic() - started


def digests(run: str | Path) -> list[str]:
    """SHA-256 of every artifact of a run; empty where there is no report."""
    try:
        return [hop.artifact.sha256 if hop.artifact else "" for hop in load_report(run).hops]
    except UsageError:
        return []


def status_of(run: Path) -> str:
    """The status of a run; empty where there is no report."""
    try:
        return load_report(run).status
    except UsageError:
        return ""


def fleet_of(name: str, count: int, folder: Path, seconds: list[float]) -> FleetReport:
    """A fleet of the first jobs, with a store of its own; what each took is added."""

    def told(row: JobRecord) -> None:
        seconds.append(row.seconds)
        print(f"{time.monotonic() - began:.0f} s: {row.name} {row.status} {row.message}", flush=True)

    os.environ["CONVERTKIT_CACHE"] = str(folder / f"store-of-{name}")
    content = {"out": str(folder / name), "models": list(entries(count, folder))}
    file_of(name, folder).write_text(yaml.safe_dump(content))
    request = FleetRequest(file_of(name, folder), jobs=AT_ONCE)
    began = time.monotonic()
    return run_fleet(request, told=told)


def file_of(name: str, folder: Path) -> Path:
    """The file of a fleet."""
    return folder / f"{name}.yaml"


def with_losses(count: int, folder: Path) -> tuple[FleetReport, int]:
    """The whole fleet, and how often a process of it was killed; as it was, where that was done already."""
    told, report = folder / "killed.json", folder / "fleet" / FLEET_FILE
    if told.is_file():
        return msgspec.json.decode(report.read_bytes(), type=FleetReport), json.loads(told.read_text())
    stop, killed, seconds = threading.Event(), list[int](), list[float]()
    killer = threading.Thread(target=kill_some, args=(stop, killed, seconds), daemon=True)
    killer.start()
    try:
        found = fleet_of("fleet", count, folder, seconds)
    finally:
        stop.set()
        killer.join()
    told.write_text(json.dumps(len(killed)))
    return found, len(killed)


def trial(count: int, folder: Path, minutes: float, *, is_timed: bool) -> Trial:
    """The fleet with its losses; its jobs one by one; some of them by a fleet that nothing is killed in."""
    report, killed = with_losses(count, folder)
    wrong = [row.name for row in report.jobs if row.status != MEANT[row.name.partition("-")[0]]]
    print(f"{report.seconds:.0f} s, {killed} killed, of another status: {wrong}", flush=True)
    jobs = load_fleet(file_of("fleet", folder)).jobs
    times: tuple[float, float] | None = None
    if is_timed:
        fleet_s = fleet_of("timed", TIMED, folder, []).seconds
        times = fleet_s, loop(list(jobs[:TIMED]), folder / "loop")[1]
    status = {row.name: row.status for row in report.jobs}
    good = [job for job in jobs if job.name.startswith("good")]
    random.Random(0).shuffle(good)  # where the time does not suffice for all, those that it does are a sample
    good.sort(key=lambda job: status[job.name] != "failed")
    compared, _ = loop(good, folder / "singles", minutes)
    alike = {job.name for job in compared if status_of(folder / "singles" / job.name) == status[job.name]}
    wrong = [name for name in wrong if name not in alike]
    differing = [
        job.name
        for job in compared
        if job.name not in wrong and digests(job.folder) != digests(folder / "singles" / job.name)
    ]
    return Trial(report, killed, wrong, len(compared), differing, times)


def page(found: Trial) -> str:
    """The Markdown page."""
    jobs = found.report.jobs
    counts = Counter((row.name.partition("-")[0], row.status) for row in jobs)
    rows = [[kind, status, str(number)] for (kind, status), number in sorted(counts.items())]
    again = sum(row.tries - 1 for row in jobs)
    lost = sum(row.lost for row in jobs)
    given_up = sum(row.lost >= LOST_TRIES and row.name in found.wrong for row in jobs)
    return (
        "# A fleet, tried\n\n"
        f"Written by `make fleet` (`benchmarks/fleet.py`), on {cpu_name()}: {len(jobs)} jobs (fixtures\n"
        f"by variants; some made to crash, hang or pass their memory limit), {AT_ONCE} at once on a Ray of\n"
        f"its own, whose processes were killed {found.killed} times while they ran a job.\n\n"
        + table(["kind", "status", "jobs"], rows)
        + "\n\n* Of another status than meant, or than by themselves: "
        + told_wrong(found.wrong, given_up)
        + f"* Done once more by themselves: {found.compared} of those that are meant to pass; with other\n"
        f"  artifacts then: {', '.join(found.differing) or 'none'}.\n"
        f"* Tries beyond the first: {again}. Tries that were lost with their process: {lost}.\n"
        f"* {found.report.seconds:.0f} s in all, the kills' losses included.\n"
        f"* {told_times(found.times)}\n"
    )


def told_wrong(wrong: list[str], given_up: int) -> str:
    """The jobs that did not end as they should have."""
    if not wrong:
        return "none.\n"
    return (
        f"{len(wrong)} {', '.join(wrong)};\n"
        f"  of these {given_up} were lost {LOST_TRIES} times, when a job is given up (`--resume` does it).\n"
    )


def told_times(times: tuple[float, float] | None) -> str:
    """What the fleet costs over a loop."""
    if times is None:
        return "The overhead over a loop was not measured in this run: it needs a quiet machine (`--timed`)."
    fleet_s, loop_s = times
    return (
        f"Overhead, by the first {TIMED} jobs without kills: {fleet_s:.0f} s by the fleet, {loop_s:.0f} s\n"
        f"  by a loop with as many at once ({fleet_s / loop_s:.2f} ×), one after the other."
    )


def main() -> None:
    """Run the trial and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--work", type=Path, help="a folder to keep all in, and to go on from")
    parser.add_argument("--minutes", type=float, default=math.inf, help="for the jobs by themselves")
    parser.add_argument("--timed", action="store_true", help="measure the overhead, on a quiet machine")
    words = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = words.work or stack.enter_context(temporary_folder())
        folder.mkdir(parents=True, exist_ok=True)
        found = trial(words.jobs, folder.resolve(), words.minutes, is_timed=words.timed)
    words.page.write_text(page(found), encoding="utf-8")
    print(page(found))


if __name__ == "__main__":
    main()
