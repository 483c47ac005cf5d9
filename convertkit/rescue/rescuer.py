"""A rescue: where a hop to INT8 fails its gate or its budget, other artifacts are made and judged alike.

What is kept ships under the name of its own variant; what was asked for stays under `rejected/`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Precision
from convertkit.artifacts.transformation import INTEGERS
from convertkit.config.run_settings import BudgetOptions, GateOptions
from convertkit.errors import GateError
from convertkit.hops.attempt import Made, made_record, with_gain
from convertkit.hops.replay import write_replay
from convertkit.hops.runner import STEM, HopRunner
from convertkit.measurement.latency import Latency
from convertkit.plan import Hop
from convertkit.report.report import HopRecord
from convertkit.report.rescue import CandidateRecord, RescueRecord
from convertkit.rescue.candidates import Candidate, Case, original
from convertkit.rescue.choice import mark_pareto, pick
from convertkit.rescue.search import Clock, Search
from convertkit.rescue.trials import Ranking, Trials, candidate_record, figures
from convertkit.samples.intake import Intake
from convertkit.storage.run_folder import RunFolder
from convertkit.validation.budget import over_budget

RESCUED_STEM = f"{STEM}.rescued"
ONLY_TFLITE = "only a .tflite is searched by the other quantizer, exclusions, int16x8 and float16"


class Watcher(Protocol):
    """Who is told how a search goes on."""

    def searching(self, hop: Hop, reason: str, minutes: float) -> None:
        """What was asked for does not do, and others are tried."""

    def tried(self, candidate: CandidateRecord) -> None:
        """A candidate was made and judged."""


class Tools(msgspec.Struct, frozen=True):
    """What a rescue has others do.

    Attributes:
        measure: latencies on the CPU, interleaved, one for each artifact.
    """

    measure: Callable[[Sequence[Artifact]], list[Latency]]
    rank: Ranking
    watcher: Watcher


class Rescuer:
    """Rescues the hops of one run."""

    def __init__(
        self,
        runner: HopRunner,
        intake: Intake,
        folder: RunFolder,
        gate: GateOptions,
        budget: BudgetOptions,
        tools: Tools,
    ) -> None:
        self._runner = runner
        self._intake = intake
        self._folder = folder
        self._gate = gate
        self._budget = budget
        self._tools = tools

    def fault(self, hop: Hop, record: HopRecord) -> str:
        """Why the hop needs a rescue; empty where it needs none or there is nothing to start from.

        A worker that was killed or passed a limit is no reason: nothing is known of what was asked for.
        """
        if hop.target.precision is not Precision.INT8 or self._runner.artifact_of(hop.source) is None:
            return ""
        if hop.target in self._runner.lost:
            return ""
        if record.status != "passed":
            return record.error or record.status
        made = self._runner.made_for(hop.target)[0]
        is_timed = self._budget.latency_ms is not None
        latency = self._tools.measure([made.artifact])[0] if is_timed else None
        return over_budget(figures(made, latency), self._budget)

    def rescue(self, hop: Hop, record: HopRecord, fault: str) -> tuple[HopRecord, Artifact | None]:
        """Search, and ship what was found.

        Returns:
            The hop's record, and the artifact that ships; None where none passed.
        """
        started = time.monotonic()
        self._tools.watcher.searching(hop, fault, self._budget.minutes)
        trials = Trials(hop, self._runner, self._intake, self._folder, self._gate, self._budget)
        known = self._known(hop, record, fault, trials)

        def attempt(candidate: Candidate) -> CandidateRecord:
            result = trials.attempt(candidate)
            self._tools.watcher.tried(result)
            return result

        case = Case(
            known[0][0],
            spare=self._spare_rows(),
            suspects=lambda: trials.suspects(self._tools.rank),
            worths=trials.worths,
            base_db=known[0][1].sqnr_db,
            floor_db=trials.floor_db,
            attends=keeps_activations(self._runner.made_for(hop.target)),
            prunes=self._budget.latency_ms is None,
        )
        clock = Clock(60 * self._budget.minutes, max(one.seconds for _, one in known))
        search = Search(case, known, attempt, clock)
        stopped_by = search.run()
        rejected = self._runner.withdraw(hop)
        asked = self._runner.made_for(hop.target) or (None,)  # where they stand now
        made = [*asked, *(one for _, one in trials.made[len(asked) :])]
        float32 = trials.float32_or_none()
        timed, float32_latency = self._with_latency([one for _, one in search.tried], made, float32)
        records = mark_pareto(timed)
        kept = pick(records)
        rescue = RescueRecord(
            wanted=str(hop.target),
            budget=self._budget,
            candidates=tuple(records),
            kept=kept,
            stopped_by=stopped_by,
            seconds=time.monotonic() - started,
            float32_bytes=float32.size_bytes if float32 else None,
            float32_latency=float32_latency,
            rejected=self._folder.relative(rejected) if rejected else None,
            notes=tuple(trials.notes) if hop.target.format is Format.TFLITE else (*trials.notes, ONLY_TFLITE),
        )
        chosen = kept or 0
        self._tidy(trials.calibration_file(search.tried[chosen][0]), made[chosen])
        winner = made[chosen]
        if kept is None or winner is None:
            return failed_record(record, fault, rescue), None
        return self._ship(hop, record, rescue, with_gain(winner, [one for one in made if one]))

    def _known(
        self, hop: Hop, record: HopRecord, fault: str, trials: Trials
    ) -> list[tuple[Candidate, CandidateRecord]]:
        """What was asked for, every attempt at it, the kept one first."""
        seconds = {str(attempt.options): attempt.seconds for attempt in record.attempts}
        kind = type(self._runner.options_of(hop))
        asked = self._runner.made_for(hop.target)
        rows = []
        for number, one in enumerate(asked or (None,)):
            plain = one.stored.options if one is not None else record.attempts[-1].options
            options = msgspec.convert(plain, kind)
            candidate = original(hop.target, options, self._intake.split.calibration)
            reason = fault if number == 0 or one is None else trials.fault_of(one)
            spent = seconds.get(str(plain), 0.0)
            rows.append((candidate, candidate_record(candidate, one, reason, spent)))
            trials.made.append((candidate, one))
        return rows

    def _spare_rows(self) -> tuple[int, ...]:
        """Numbers of the samples that neither calibrate nor validate."""
        split = self._intake.split
        used = {*split.calibration, *split.validation}
        return tuple(row for row in range(self._intake.samples.count) if row not in used)

    def _with_latency(
        self, records: list[CandidateRecord], made: Sequence[Made | None], float32: Artifact | None
    ) -> tuple[list[CandidateRecord], Latency | None]:
        """The original and what passed with their latency, judged by the budget; and that of float32."""
        passed = [number for number, record in enumerate(records) if record.is_passed]
        if not passed:
            return records, None  # there is nothing to choose from
        timed = [(number, one) for number in (0, *passed) if (one := made[number]) is not None]
        beside = [float32] if float32 else []
        rows = self._tools.measure([*(one.artifact for _, one in timed), *beside])
        for (number, one), latency in zip(timed, rows[: len(timed)], strict=True):
            reason = records[number].reason or over_budget(figures(one, latency), self._budget)
            records[number] = msgspec.structs.replace(records[number], latency=latency, reason=reason)
        return records, rows[-1] if float32 else None

    def _tidy(self, calibration: Path | None, made: Made | None) -> None:
        """Leave the calibration samples and the replay script of one candidate only."""
        for other in self._folder.repro.glob("calibration-*.npz"):
            if other != calibration:
                other.unlink()
        if made is not None:
            write_replay(made.job, self._folder.path)

    def _ship(
        self, hop: Hop, record: HopRecord, rescue: RescueRecord, made: Made
    ) -> tuple[HopRecord, Artifact | None]:
        """The record of the hop that made what is kept; another artifact that has its name keeps it."""
        target = made.artifact.variant
        taken = self._runner.artifact_of(target)
        is_other = taken is not None and taken.sha256 != made.artifact.sha256
        shipped = msgspec.structs.replace(hop, target=target)
        options = msgspec.convert(made.stored.options, type(self._runner.options_of(hop)))
        before = [msgspec.structs.replace(attempt, kept=False) for attempt in record.attempts]
        last = msgspec.structs.replace(made_record(options, made, made.stored.seconds), kept=True)
        name = target.file_name(RESCUED_STEM) if is_other else ""
        result = self._runner.conclude(shipped, made, (*before, last), name)
        artifact = self._runner.made_for(target)[0].artifact
        return msgspec.structs.replace(result, rescue=rescue), artifact


def keeps_activations(made: Sequence[Made]) -> bool:
    """True where an artifact has only operators with weights as integer ones."""
    return any(each.name == INTEGERS for one in made for each in one.transformations)


def failed_record(record: HopRecord, fault: str, rescue: RescueRecord) -> HopRecord:
    """The record of a hop that no candidate could replace."""
    artifact = record.artifact
    if artifact is not None and rescue.rejected is not None:
        artifact = msgspec.structs.replace(artifact, path=rescue.rejected)
    return msgspec.structs.replace(
        record,
        status="failed",
        error=fault,
        artifact=artifact,
        rescue=rescue,
        exit_code=GateError.exit_code,
    )
