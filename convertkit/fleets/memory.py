"""How much memory a job will need: by the size of its model, and what was measured of those before."""

from __future__ import annotations

from pathlib import Path

from convertkit.fleets.job import Job

BASE_BYTES = 3 << 30  # the workers of all frameworks, before a model is loaded
COPIES = 12  # of the weights, in all workers together
MARGIN = 1.1


class Memory:
    """What jobs need: measured of the same model, else estimated with the largest base that was seen."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._peaks: dict[str, int] = {}
        self._base = 0
        self._floors: dict[str, int] = {}

    def needed(self, job: Job) -> int:
        """Bytes to keep free for the job."""
        known = self._peaks.get(job.model)
        estimate = (
            known if known is not None else (self._base or BASE_BYTES) + COPIES * weight_bytes(job.model)
        )
        return max(int(MARGIN * estimate), self._floors.get(job.name, 0))

    def measured(self, job: Job, peak_bytes: int) -> None:
        """What a run of it took."""
        self._peaks[job.model] = max(peak_bytes, self._peaks.get(job.model, 0))
        self._base = max(self._base, peak_bytes - COPIES * weight_bytes(job.model))

    def too_little(self, job: Job) -> None:
        """It crashed, maybe for want of memory: keep twice as much free for its next try."""
        self._floors[job.name] = 2 * self.needed(job)


def weight_bytes(model: str) -> int:
    """Bytes of a model file, or of all files of a folder; 0 where there is none."""
    path = Path(model)
    try:
        files = path.rglob("*") if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files if file.is_file())
    except OSError:
        return 0
