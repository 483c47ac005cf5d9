"""Replay scripts: run one job of a run again, alone."""

from __future__ import annotations

from pathlib import Path

import msgspec

from convertkit.environment.interpreters import interpreter
from convertkit.registry import environment_row, stage_row
from convertkit.workers.jobs import ConvertJob, Order
from convertkit.workers.process import WORKER_FILE

TEMPLATE = """#!/bin/sh
# Runs {stage} once more, with the same inputs and options; prints the worker's answers as JSON.
# Another interpreter: PYTHON=/path/to/python {name}
cd "$(dirname "$0")/.." || exit 1
rm -rf repro/replayed && mkdir -p repro/replayed/scratch || exit 1
"${{PYTHON:-{python}}}" "{worker}" 3 {preload} 3>&1 >/dev/null <<'ORDER'
{order}
ORDER
"""


def write_replay(job: ConvertJob, folder: Path) -> Path:
    """Write `repro/<stage>[.<precision>].sh` for a job whose files stand below the run's folder."""
    row = stage_row(job.stage)
    environment = environment_row(row.environment)
    name = f"{row.name}.{job.target.precision}.sh"
    moved = msgspec.structs.replace(
        job,
        out=f"repro/replayed/{job.target.file_name('model')}",
        scratch="repro/replayed/scratch",
        shared=None,
    )
    order = msgspec.json.encode(Order(moved, "/dev/stderr")).decode()
    script = folder / "repro" / name
    script.write_text(
        TEMPLATE.format(
            stage=row.name,
            name=name,
            python=interpreter(environment),
            worker=WORKER_FILE,
            preload=" ".join(environment.preload),
            order=order.replace(f"{folder}/", ""),
        )
    )
    script.chmod(0o755)
    return script
