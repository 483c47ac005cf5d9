"""How a run goes on, told to whoever watches it."""

from __future__ import annotations

from pathlib import Path

from convertkit.calibration.finding import Finding
from convertkit.plan import Hop
from convertkit.report.report import HopRecord, Report
from convertkit.report.rescue import CandidateRecord


class Progress:
    """Who is told how the run goes on; as it stands, one who says nothing of it."""

    def planned(self, hops: list[Hop]) -> None:
        """These hops will run."""

    def waiting(self, holder: str) -> None:
        """Another process holds what this one needs: the folder of the run, or a hop that both want made."""

    def busy(self, text: str) -> None:
        """Something takes its time: an import, or a job that goes on."""

    def found(self, finding: Finding) -> None:
        """The calibration samples are not as they should be, and the run goes on."""

    def started(self, hop: Hop) -> None:
        """This hop is being worked on."""

    def finished(self, hop: Hop, record: HopRecord) -> None:
        """This hop is done, well or not; latency is not known yet."""

    def searching(self, hop: Hop, reason: str, minutes: float) -> None:
        """The hop failed its gate or its budget, and another artifact is searched for."""

    def tried(self, candidate: CandidateRecord) -> None:
        """A candidate was made and judged."""

    def measuring(self) -> None:
        """All hops are done; latencies are being measured."""

    def reported(self, report: Report, folder: Path) -> None:
        """The run is over, and the report is written."""
