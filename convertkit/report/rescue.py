"""The record of a rescue in the report: every candidate that was tried, and the one that was kept."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from convertkit.config.run_settings import BudgetOptions
from convertkit.measurement.latency import Latency

ORIGINAL = "original"

StoppedBy = Literal["exhausted", "found", "time"]


class CandidateRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate, made and judged as every artifact is.

    Attributes:
        family: what kind of change it is; `original` for what was asked for.
        change: the change in words.
        target: the variant that it is.
        calibration: how many samples calibrated.
        reason: why it does not pass, one line; empty where it does.
        size_bytes: None where nothing was made.
        sqnr_db: lowest of any float output; None where nothing could be compared.
        accuracy_drop: None without labels.
        seconds: wall time of making and judging it.
        latency: on the CPU, of the original and of what passed, interleaved; None of the rest.
        is_pareto: no other is better in one of size, error and latency and no worse in the others.
    """

    family: str
    change: str
    target: str
    converter: str
    options: dict[str, Any]
    calibration: int
    reason: str
    seconds: float
    size_bytes: int | None = None
    sha256: str = ""
    sqnr_db: float | None = None
    accuracy_drop: float | None = None
    latency: Latency | None = None
    is_pareto: bool = False

    @property
    def is_passed(self) -> bool:
        """True where it passed its gate and fits the budget."""
        return not self.reason


class RescueRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was done about a hop that failed its gate or its budget.

    Attributes:
        wanted: the variant that was asked for.
        candidates: in the order of trying; what was asked for first (`original`, once for each quantizer).
        kept: index of the candidate that ships; None where none passed.
        stopped_by: why no more were tried: there were none, one was found that the others cannot better, or
            the time was up.
        seconds: wall time of the whole search.
        float32_bytes: size of the same model in the same format in float32; None where it is not known.
        float32_latency: on the CPU, measured with the candidates'; None where none of them passed.
        rejected: where what was asked for lies, relative to the run's folder; None where nothing was made.
        notes: what the search could not do, and why.
    """

    wanted: str
    budget: BudgetOptions
    candidates: tuple[CandidateRecord, ...]
    kept: int | None
    stopped_by: StoppedBy
    seconds: float
    float32_bytes: int | None = None
    float32_latency: Latency | None = None
    rejected: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def winner(self) -> CandidateRecord | None:
        """The candidate that ships."""
        return None if self.kept is None else self.candidates[self.kept]
