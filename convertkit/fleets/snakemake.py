"""The jobs of a fleet as a Snakemake workflow, for sites that have an executor of it: Slurm, Kubernetes."""

from __future__ import annotations

import json
import shlex

from convertkit.fleets.fleet_file import Fleet
from convertkit.fleets.job import RECORDS
from convertkit.fleets.memory import Memory

TEXT = """\
# Written by `convertkit fleet {origin} --emit snakemake`. Run it from the same folder:
#   snakemake --snakefile Snakefile --cores all --keep-going

MEMORY_MB = {memory}

rule table:
    input: expand({record!r}, name=MEMORY_MB)
    shell: {table!r}

rule job:
    output: {record!r}
    wildcard_constraints: name="|".join(map(re.escape, MEMORY_MB))
    threads: 1
    resources: mem_mb=lambda wildcards: MEMORY_MB[wildcards.name]
    retries: 1
    shell: {job!r}
"""


def workflow(fleet: Fleet) -> str:
    """The Snakefile: a rule for any job, with what memory it needs, and one for the table of all.

    A job whose gate fails, or that is refused, has ended well as far as the workflow goes: the last rule ends
    with the exit code of the worst.
    """
    memory = Memory()
    needed = {job.name: memory.needed(job) >> 20 for job in fleet.jobs}
    origin = shlex.quote(fleet.origin)
    return "import re\n\n" + TEXT.format(
        origin=fleet.origin,
        memory=json.dumps(needed, indent=4, ensure_ascii=False),
        record=f"{fleet.folder}/{RECORDS}/{{name}}.json",
        table=f"convertkit fleet {origin} --resume",
        job=f"convertkit fleet {origin} --only {{wildcards.name:q}}",
    )
