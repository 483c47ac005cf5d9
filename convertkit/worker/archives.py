"""Archives of arrays, unpacked. Runs in a worker."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from convertkit.artifacts.digest import hash_path
from convertkit.errors import SamplesError
from convertkit.worker.perform import perform
from convertkit.workers import answers
from convertkit.workers.sample_files import InflateJob, Seen

BLOCK_BYTES = 1 << 20


@perform.register
def inflate(job: InflateJob) -> answers.Answer:
    """Copy every member as it is, its checksum verified; no more than its header says is ever unpacked.

    Raises:
        SamplesError: the archive is another than when it was counted.
    """
    path = Path(job.path)
    if hash_path(path)[0] != job.sha256:
        raise SamplesError(f"{path.name} was changed while it was read", hint="run it again")
    with zipfile.ZipFile(path) as packed, zipfile.ZipFile(job.out, "w") as plain:
        for member in packed.infolist():
            name = zipfile.ZipInfo(member.filename)
            with packed.open(member) as source, plain.open(name, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, BLOCK_BYTES)
    return Seen()
