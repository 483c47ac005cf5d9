"""The search of a rescue: families in order, each candidate tried, until none is left or the time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from convertkit.report.rescue import CandidateRecord, StoppedBy
from convertkit.rescue.candidates import Candidate, Case, Family, Outcome
from convertkit.rescue.families import FAMILIES

WORTHWHILE_DB = 1.0


class Clock:
    """How much of the time is left, by the longest candidate so far."""

    def __init__(self, seconds: float, longest: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._deadline = now() + seconds
        self._longest = longest

    def allows(self, count: int) -> bool:
        """True where so many more candidates will likely be done in time."""
        return self.left >= count * self._longest

    @property
    def left(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self._deadline - self._now()

    def took(self, seconds: float) -> None:
        """A candidate took so long."""
        self._longest = max(self._longest, seconds)


class Search:
    """Tries candidates one after another, and remembers what became of each.

    Attributes:
        tried: in the order of trying, what was known before first.
    """

    def __init__(
        self,
        case: Case,
        known: Sequence[tuple[Candidate, CandidateRecord]],
        attempt: Callable[[Candidate], CandidateRecord],
        clock: Clock,
        families: Sequence[Family] = FAMILIES,
    ) -> None:
        """Prepare.

        Args:
            known: what was made already; the case's base first.
        """
        self._case = case
        self._best = known[0][1]
        self._attempt = attempt
        self._clock = clock
        self._families = families
        self.tried = list(known)

    def run(self) -> StoppedBy:
        """Search, and say why it ended."""
        stopped: StoppedBy = "exhausted"
        self._build_on(self.tried)
        for place, family in enumerate(self._families):
            if family.is_costly and self._case.prunes and self._has_cheap():
                return "found"
            reserve = sum(later.reserve for later in self._families[place + 1 :])
            before = len(self.tried)
            if not self._try_family(family, reserve):
                stopped = "time"
            if not family.is_costly:
                self._build_on(self.tried[before:])
        return stopped

    def _has_cheap(self) -> bool:
        """True where a family that costs nothing has one that passed."""
        costly = {family.name for family in self._families if family.is_costly}
        return any(record.is_passed and record.family not in costly for _, record in self.tried)

    def _try_family(self, family: Family, reserve: int) -> bool:
        """All candidates of a family; False where the time was up before."""
        proposals = family.propose(self._case)
        outcome: Outcome | None = None
        while self._clock.allows(1 + reserve):
            try:
                candidate = next(proposals) if outcome is None else proposals.send(outcome)
            except StopIteration:
                return True
            outcome = self._known(candidate)
            if outcome is None:
                record = self._attempt(candidate)
                self._clock.took(record.seconds)
                self.tried.append((candidate, record))
                outcome = Outcome(record.is_passed, record.sqnr_db)
        return False

    def _known(self, candidate: Candidate) -> Outcome | None:
        """What became of the same candidate before."""
        for other, record in self.tried:
            if other.is_same(candidate):
                return Outcome(record.is_passed, record.sqnr_db)
        return None

    def _build_on(self, tried: Sequence[tuple[Candidate, CandidateRecord]]) -> None:
        """Make a family's best the base of the next ones, where it is clearly better and of the same kind."""
        for candidate, record in tried:
            if candidate.target != self._case.base.target or record.sqnr_db is None:
                continue
            if self._best.sqnr_db is None or record.sqnr_db >= self._best.sqnr_db + WORTHWHILE_DB:
                self._best = record
                self._case = msgspec.structs.replace(
                    self._case,
                    base=candidate,
                    base_db=record.sqnr_db,
                    spare=tuple(row for row in self._case.spare if row not in candidate.calibration),
                )
