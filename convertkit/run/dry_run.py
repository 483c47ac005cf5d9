"""What a run would do and what it needs, without doing it: no worker starts and no folder is made."""

from __future__ import annotations

import msgspec

from convertkit.environment.extras import usable_attempts
from convertkit.environment.state import look_at
from convertkit.registry import environment_row, runtime_row
from convertkit.run.prepare import Prepared, RunRequest, modules_of, prepare
from convertkit.samples.apart import split


class PlannedHop(msgspec.Struct, frozen=True):
    """One hop.

    Attributes:
        converters: in the order in which they are tried.
        environments: where it is made, and where the artifact is run to compare it.
        calibrates: whether it takes calibration samples.
    """

    source: str
    target: str
    stage: str
    converters: tuple[str, ...]
    packages: tuple[str, ...]
    environments: tuple[str, ...]
    calibrates: bool


class Missing(msgspec.Struct, frozen=True):
    """An environment that cannot run here, why, and the exact line that mends it."""

    environment: str
    problem: str
    fix: str


class DryRun(msgspec.Struct, frozen=True):
    """What `convertkit convert --dry-run` prints.

    Attributes:
        samples: how many there are, how many calibrate and how many validate; None where the model has to be
            opened to know.
    """

    model: str
    kind: str
    hops: tuple[PlannedHop, ...]
    samples: tuple[int, int, int] | None
    notes: tuple[str, ...]
    missing: tuple[Missing, ...]


def dry_run(request: RunRequest) -> DryRun:
    """The plan of a run, with everything checked that a run checks before it starts.

    Raises:
        ConvertkitError: something is wrong with what was given.
    """
    prepared = prepare(request)
    states = map(look_at, map(environment_row, modules_of(prepared.file.format, prepared.hops)))
    hops, notes = planned(prepared)
    return DryRun(
        prepared.file.path,
        str(prepared.file.kind),
        hops,
        sizes(prepared),
        notes,
        tuple(Missing(state.name, state.problem, state.fix) for state in states if state.problem),
    )


def planned(prepared: Prepared) -> tuple[tuple[PlannedHop, ...], tuple[str, ...]]:
    """The hops in order, and lines about extras that some attempts would need."""
    found: list[PlannedHop] = []
    notes: list[str] = []
    for hop in prepared.hops:
        attempts, more = usable_attempts(hop, getattr(prepared.recipe.stages, hop.stage.name))
        notes += more
        environments = dict.fromkeys((hop.stage.environment, runtime_row(hop.target.format).environment))
        found.append(
            PlannedHop(
                str(hop.source),
                str(hop.target),
                hop.stage.name,
                tuple(dict.fromkeys(attempt.converter for attempt in attempts)),
                hop.stage.packages,
                tuple(environments),
                hop.target.precision.needs_calibration,
            )
        )
    return tuple(found), tuple(dict.fromkeys(notes))


def sizes(prepared: Prepared) -> tuple[int, int, int] | None:
    """How many samples there are, and how they would be split."""
    samples = prepared.early[0]
    if samples is None:
        return None
    rows = split(samples, prepared.recipe.sampling, needs_calibration=prepared.needs_calibration)
    return samples.count, len(rows.calibration), len(rows.validation)
