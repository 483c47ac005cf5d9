"""A run judged again: what became of each of its artifacts. Judges nothing."""

from __future__ import annotations

import msgspec

from convertkit.errors import GateError, NotMeasuredError
from convertkit.report.report import Status
from convertkit.validation.accuracy import Accuracy
from convertkit.validation.gate import Comparison


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact, judged again.

    Attributes:
        was: its status in the run.
        reason: why it fails now, one line; empty where it passes.
        undecided: a line for each limit of the budget that could not be decided, and one where the run
            failed the artifact by more samples than it kept.
        path: relative to the run's folder; empty where nothing was made.
    """

    variant: str
    path: str
    was: Status
    reason: str
    vs_source: Comparison | None = None
    vs_previous: Comparison | None = None
    accuracy: Accuracy | None = None
    notes: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()


class Gated(msgspec.Struct, frozen=True):
    """A run, judged again.

    Attributes:
        samples: how many were judged, the first ones of those that validated.
        of: how many validated.
    """

    samples: int
    of: int
    rows: tuple[Row, ...]

    @property
    def exit_code(self) -> int:
        """7 where an artifact fails, 8 where one is undecided."""
        if any(row.reason for row in self.rows):
            return GateError.exit_code
        return NotMeasuredError.exit_code if any(row.undecided for row in self.rows) else 0
