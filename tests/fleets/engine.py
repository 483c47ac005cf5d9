"""An engine that runs nothing: what becomes of each try is told beforehand."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from convertkit.fleets.child import Exit
from convertkit.fleets.job import Job
from convertkit.fleets.scheduler import Ended
from convertkit.recipe import Recipe

PASSED = Exit(0, "", 1.0, 1 << 30)
KILLED = Exit(-9, "", 1.0, 1 << 30)
REFUSED = Exit(6, "no such file", 1.0, 1 << 20)


class ToldEngine:
    """Ends tries in the order in which they came, as `outcome(job, number of its try)` says."""

    def __init__(self, outcome: Callable[[Job, int], Exit | None], width: int = 4) -> None:
        self.width = width
        self.outcome = outcome
        self.tries: Counter[str] = Counter()
        self.asked: list[tuple[str, int]] = []
        self.most = 0
        self._running: deque[Ended] = deque()

    def submit(self, job: Job, memory_bytes: int) -> str:
        """Note it."""
        self.asked.append((job.name, memory_bytes))
        self.tries[job.name] += 1
        ticket = f"{job.name} {self.tries[job.name]}"
        self._running.append(Ended(ticket, self.outcome(job, self.tries[job.name]), "here"))
        self.most = max(self.most, len(self._running))
        return ticket

    def wait(self) -> list[Ended]:
        """The one that came first."""
        return [self._running.popleft()]


def job_of(name: str, folder: str = "nowhere") -> Job:
    """A job of that name, of a model that is not there."""
    return Job(name, f"{name}.onnx", f"{folder}/{name}", Recipe(to=("onnx",)))
