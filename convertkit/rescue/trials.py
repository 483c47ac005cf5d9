"""The candidates of a rescue, made as every hop is made and judged by what was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.tensors import write_npz
from convertkit.config.attempts import StageOptions
from convertkit.config.run_settings import BudgetOptions, GateOptions
from convertkit.environment.extras import install_extra, missing_extras
from convertkit.errors import ConvertkitError, MissingDependencyError, is_worker_lost
from convertkit.hops.attempt import Made
from convertkit.hops.runner import HopRunner
from convertkit.measurement.latency import Latency
from convertkit.plan import Hop
from convertkit.report.rescue import CandidateRecord
from convertkit.rescue.candidates import LITERT, Candidate, Suspect, Worth
from convertkit.samples.intake import Intake
from convertkit.storage.run_folder import RunFolder
from convertkit.validation.budget import Figures, over_budget
from convertkit.validation.tolerance import Tolerance, demanded, stricter, tolerance_for
from convertkit.workers.jobs import SensitivityJob

MOST_MEASURED = 24  # operators, the worst ones
TINY = 1e-30
Ranking = Callable[[Artifact, Artifact], Sequence[Suspect]]
"""What to exclude, worst first: of a quantized artifact beside a float32 one."""


class Trials:
    """Makes and judges candidates for one hop.

    Attributes:
        made: what was made so far, what was asked for first.
        notes: what could not be done, and why.
    """

    def __init__(
        self,
        hop: Hop,
        runner: HopRunner,
        intake: Intake,
        folder: RunFolder,
        gate: GateOptions,
        budget: BudgetOptions,
    ) -> None:
        self._hop = hop
        self._runner = runner
        self._intake = intake
        self._folder = folder
        self._gate = gate
        self._budget = budget
        self._float32: Artifact | None = None
        self._suspects: Sequence[Suspect] | None = None
        self.made: list[tuple[Candidate, Made | None]] = []
        self.notes: list[str] = []

    def attempt(self, candidate: Candidate) -> CandidateRecord:
        """Make a candidate and judge it; whatever goes wrong is in the record."""
        started = time.perf_counter()
        made: Made | None = None
        try:
            check_installed(candidate.options)
            made = self._runner.attempt(
                msgspec.structs.replace(self._hop, target=candidate.target),
                candidate.options,
                calibration=self.calibration_file(candidate),
                tolerance=self._demand(candidate.target),
            )
            reason = self.fault_of(made)
        except ConvertkitError as error:
            reason = error.message
            if is_worker_lost(error):
                self.notes.append(f"not known of {candidate.change}: {reason}")
        self.made.append((candidate, made))
        return candidate_record(candidate, made, reason, time.perf_counter() - started)

    def calibration_file(self, candidate: Candidate) -> Path | None:
        """The candidate's calibration samples, where a replay finds them; None for those of the split."""
        rows = candidate.calibration
        if rows == self._intake.split.calibration:
            return None
        file = self._folder.repro / f"calibration-{len(rows)}.npz"
        if not file.exists():
            write_npz(file, self._intake.samples.take(rows))
        return file

    @property
    def floor_db(self) -> float:
        """The SQNR that is asked of the hop's target."""
        return self._demand(self._hop.target).min_sqnr_db

    def _demand(self, target: Variant) -> Tolerance:
        """What was asked of the hop's target, and what every artifact of the candidate's precision meets."""
        asked = demanded(tolerance_for(self._hop.target.precision, self._gate), self._budget)
        own = tolerance_for(target.precision, self._gate)
        return asked if target == self._hop.target else stricter(asked, own)

    def fault_of(self, made: Made) -> str:
        """What the gate says, then what it does not look at: accuracy where SQNR decides, and the budget."""
        if made.judgement.reason:
            return made.judgement.reason
        accuracy = made.judgement.accuracy
        allowed = self._demand(made.artifact.variant).max_accuracy_drop
        if accuracy is not None and accuracy.drop > allowed:
            return f"accuracy drops by {accuracy.drop:.4f}, more than {allowed:g}"
        return over_budget(figures(made), self._budget)

    def suspects(self, rank: Ranking) -> Sequence[Suspect]:
        """What to exclude, worst first; found once. Nothing where that cannot be done, which a note says."""
        if self._suspects is None:
            self._suspects = self._ranked(rank)
        return self._suspects

    def worths(self, base: Candidate, suspects: Sequence[Suspect]) -> Sequence[Worth]:
        """What it gains to leave each of the worst suspects float; nothing where that cannot be measured."""
        made = next((one for candidate, one in self.made if one and candidate.is_same(base)), None)
        groups = tuple(each.outputs for each in suspects[:MOST_MEASURED])
        if made is None or not groups:
            return ()
        try:
            found = self._runner.sensitivities(self._hop, SensitivityJob(made.job, groups))
        except ConvertkitError as error:
            self.notes.append(f"what each operator is worth could not be measured: {error.message}")
            return ()
        base_error, base_bytes = max(found.base.error, TINY), found.base.size_bytes
        return [
            Worth(group, 1 - each.error / base_error, each.size_bytes - base_bytes)
            for group, each in zip(groups, found.groups, strict=True)
        ]

    def _ranked(self, rank: Ranking) -> Sequence[Suspect]:
        """The suspects in the most exact artifact so far."""
        quantized = most_exact([one for _, one in self.made], self._hop.target)
        if self._hop.target.format is not Format.TFLITE:
            return ()
        if quantized is None:
            self.notes.append("no operator was excluded: there is no INT8 artifact to see which is the worst")
            return ()
        options = self._runner.options_of(self._hop)
        try:
            check_installed(msgspec.structs.replace(options, quantizer=LITERT))  # type: ignore[type-var]
            float32 = self.float32()
            return rank(quantized, float32) if float32 is not None else ()
        except ConvertkitError as error:
            self.notes.append(f"no operator was excluded: {error.message}")
            return ()

    def float32(self) -> Artifact | None:
        """The same model in the same format in float32, made for the purpose where no hop did.

        Raises:
            ConvertkitError: it cannot be made.
        """
        variant = Variant(self._hop.target.format)
        known = self._runner.artifact_of(variant) or self._float32
        if known is None and variant.format is Format.TFLITE:
            hop = msgspec.structs.replace(self._hop, target=variant)
            asked = self._runner.options_of(hop)
            plain = asked.attempts(precision=variant.precision, has_dynamic_axes=True)[0]
            known = self._float32 = self._runner.attempt(hop, plain).artifact
        return known

    def float32_or_none(self) -> Artifact | None:
        """The same; None where it cannot be made."""
        try:
            return self.float32()
        except ConvertkitError:
            return None


def most_exact(made: Sequence[Made | None], target: Variant) -> Artifact | None:
    """The variant's artifact with the highest SQNR; by the quantizer that can exclude where there is one."""
    known = [one for one in made if one is not None and one.artifact.variant == target]
    own = [one for one in known if one.stored.options.get("quantizer") == LITERT] or known
    best = max(own, key=lambda one: float("-inf") if one.sqnr_db is None else one.sqnr_db, default=None)
    return None if best is None else best.artifact


def check_installed(options: StageOptions) -> None:
    """Raise MissingDependencyError where the options need an extra that is not there."""
    for row in missing_extras([options]):
        raise MissingDependencyError(f"{row.name} is not installed", hint=install_extra(row))


def figures(made: Made, latency: Latency | None = None) -> Figures:
    """What a budget is held against."""
    judgement = made.judgement
    return Figures(made.artifact.size_bytes, made.sqnr_db, judgement.accuracy, latency)


def candidate_record(candidate: Candidate, made: Made | None, reason: str, seconds: float) -> CandidateRecord:
    """What the report says of a candidate."""
    record = CandidateRecord(
        family=candidate.family,
        change=candidate.change,
        target=str(candidate.target),
        converter=candidate.options.converter,
        options=msgspec.to_builtins(candidate.options),
        calibration=len(candidate.calibration),
        reason=reason,
        seconds=seconds,
    )
    if made is None:
        return record
    accuracy = made.judgement.accuracy
    return msgspec.structs.replace(
        record,
        converter=made.stored.converter,
        size_bytes=made.artifact.size_bytes,
        sha256=made.artifact.sha256,
        sqnr_db=made.sqnr_db,
        accuracy_drop=accuracy.drop if accuracy else None,
    )
