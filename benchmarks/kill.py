"""Workers killed in the middle of a hop: the same artifact ships all the same, or the hop fails.

Every hop of some routes is run once in peace, then once for each moment of its duration, with the worker that
is at work killed there, and once more with its successor killed too. Prints two lines a hop; exits 1 where an
artifact differs from the one made in peace.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from convertkit.errors import WorkerError
from convertkit.hops.runner import HopRunner
from convertkit.plan import Hop
from convertkit.recipe import decode_recipe
from convertkit.report.report import HopRecord
from convertkit.run.pipeline import take_all_in
from convertkit.run.prepare import RunRequest, prepare
from convertkit.storage.run_folder import RunFolder
from convertkit.validation.validator import Validator
from convertkit.workers.pool import Workers
from convertkit.workers.process import Worker

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "fixtures" / "mlp" / "model.pt2"
SAMPLES = ROOT / "fixtures" / "mlp" / "samples.npz"
TARGETS = ("tflite:int8", "onnx:int8", "torch:int8")
MOMENTS = 20
SAME, FAILED, OTHER = "the same artifact", "exit 5, no artifact", "ANOTHER OUTCOME"


class Killer:
    """Kills the worker that is at work.

    Attributes:
        hits: the kinds of job that a worker was killed in, `start` for one that still imported; in order. One
            whose answer was out already is none.
    """

    def __init__(self) -> None:
        self.hits: list[str] = []
        self._killed: set[int] = set()
        self._changed = threading.Condition()
        self._at_work: tuple[int, str] | None = None

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """See which worker is asked what, inside the block."""
        ask = Worker.ask

        def seen(worker: Worker, job: Any, *arguments: Any) -> Any:
            name = type(job).__name__ if worker.is_ready else "start"
            self._note((worker._process.pid, name))
            try:
                return ask(worker, job, *arguments)
            except WorkerError:
                if worker._process.pid in self._killed:
                    self.hits.append(name)
                raise
            finally:
                self._note(None)

        Worker.ask = seen  # type: ignore[method-assign]
        try:
            yield
        finally:
            Worker.ask = ask  # type: ignore[method-assign]

    def _note(self, at_work: tuple[int, str] | None) -> None:
        with self._changed:
            self._at_work = at_work
            self._changed.notify_all()

    def kill(self, after: float, times: int, is_over: threading.Event) -> None:
        """Kill the worker at work then, or the next one to be; further times each its successor, at once."""
        time.sleep(after)
        while len(self.hits) < times and not is_over.is_set():
            with self._changed:
                at_work = self._at_work
                if at_work is None or at_work[0] in self._killed:
                    self._changed.wait(0.01)
                    continue
            self._killed.add(at_work[0])
            with contextlib.suppress(ProcessLookupError):
                os.kill(at_work[0], signal.SIGKILL)


class Result(msgspec.Struct, frozen=True):
    """What became of one hop whose worker was killed.

    Attributes:
        hits: the kinds of job that were killed; empty where the hop was over before.
    """

    outcome: str
    hits: tuple[str, ...]
    record: HopRecord


def run_killed(runner: HopRunner, hop: Hop, peaceful: HopRecord, after: float, times: int = 1) -> Result:
    """The hop once more, workers killed from so many seconds after its start on."""
    killer, is_over = Killer(), threading.Event()
    with killer.watching():
        thread = threading.Thread(target=killer.kill, args=(after, times, is_over), daemon=True)
        thread.start()
        record = runner.run(hop)
        is_over.set()
        thread.join()
    return Result(outcome(record, peaceful), tuple(killer.hits), record)


def outcome(record: HopRecord, peaceful: HopRecord) -> str:
    """Whether it is what was made in peace, or an error without an artifact."""
    if record.artifact is None:
        return FAILED if (record.status, record.exit_code) == ("error", 5) else OTHER
    same = msgspec.structs.replace(record.artifact, path="") == msgspec.structs.replace(
        peaceful.artifact, path=""
    )
    keeps = (record.status, record.converter, record.fallback_for)
    return SAME if same and keeps == (peaceful.status, peaceful.converter, peaceful.fallback_for) else OTHER


@contextlib.contextmanager
def prepared(folder: Path, targets: tuple[str, ...]) -> Iterator[tuple[HopRunner, list[Hop]]]:
    """A runner of the model's hops, nothing stored."""
    asked = {"to": list(targets), "samples": str(SAMPLES), "sampling": {"calibration": 16}}
    recipe = decode_recipe(asked, "kill")
    ready = prepare(RunRequest(MODEL, recipe))
    limits, threads = recipe.limits, recipe.bench.threads
    with (
        RunFolder(folder) as run,
        Workers(run.logs, limits, threads, (run.scratch, run.repro)) as workers,
    ):
        intake = take_all_in(ready, workers, run)
        validator = Validator(workers, intake, run.scratch, recipe.gate, recipe.bench.threads)
        yield HopRunner(run, workers, intake, validator, recipe, None), ready.hops


def in_peace(runner: HopRunner, hop: Hop) -> tuple[HopRecord, float]:
    """The hop's record, and how long it takes with its workers up."""
    runner.run(hop)
    started = time.perf_counter()
    return runner.run(hop), time.perf_counter() - started


def main() -> int:
    """Every hop, its worker killed once and twice; 1 where another artifact came out."""
    moments = int(sys.argv[1]) if len(sys.argv) > 1 else MOMENTS
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, prepared(Path(folder), TARGETS) as (runner, hops):
        for hop in hops:
            peaceful, seconds = in_peace(runner, hop)
            for times, count in ((1, moments), (2, max(1, moments // 4))):
                results = kill_at(runner, hop, peaceful, seconds, (times, count))
                wrong += sum(result.outcome == OTHER for result in results)
                told = tally([result.outcome for result in results])
                jobs = tally([" ".join(result.hits) for result in results])
                print(f"{hop}, {seconds:.2f} s, killed {times}×: {told} (in {jobs})", flush=True)
    return 1 if wrong else 0


def kill_at(
    runner: HopRunner, hop: Hop, peaceful: HopRecord, seconds: float, counts: tuple[int, int]
) -> list[Result]:
    """So many moments, spread over the hop; one that comes after its end is tried again, earlier.

    Args:
        counts: kills at each moment, and moments.
    """
    times, moments = counts
    results: list[Result] = []
    while len(results) < moments:
        result = run_killed(runner, hop, peaceful, (len(results) + 0.5) / moments * seconds, times)
        if result.hits:
            results.append(result)
        else:
            seconds *= 0.9
    return results


def tally(words: list[str]) -> str:
    """`7 × ConvertJob, 13 × InferJob`."""
    return ", ".join(f"{count} × {word}" for word, count in Counter(words).most_common())


if __name__ == "__main__":
    sys.exit(main())
