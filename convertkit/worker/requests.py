"""What a job asks of its stage. Runs in a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from convertkit.registry import stage_row
from convertkit.stages import Request
from convertkit.workers.jobs import ConvertJob


def request_of(job: ConvertJob) -> Request[Any]:
    """The request, its options decoded by the stage's own class."""
    return Request(
        source=job.source,
        target=job.target,
        options=msgspec.convert(job.options, stage_row(job.stage).options),
        out=Path(job.out),
        scratch=Path(job.scratch),
        examples=Path(job.examples),
        calibration=Path(job.calibration) if job.calibration else None,
        shared=Path(job.shared) if job.shared else None,
    )
