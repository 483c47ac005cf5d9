"""What became of each hop, and the search in place of those that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Variant
from convertkit.attribution.blamer import Blamer
from convertkit.hops.attempt import refused_record
from convertkit.hops.runner import HopRunner
from convertkit.measurement.latency import Latency
from convertkit.measurement.rounds import Bench
from convertkit.plan import Hop
from convertkit.recipe import Recipe
from convertkit.registry import parse_variant
from convertkit.report.report import HopRecord
from convertkit.rescue.rescuer import Rescuer, Tools
from convertkit.rescue.suspects import rank_suspects
from convertkit.run.progress import Progress
from convertkit.samples.intake import Intake
from convertkit.storage.run_folder import RunFolder
from convertkit.workers.pool import Workers

RANKED_SAMPLES = 4  # of the calibration split: a rank is no figure, and every tensor of every sample is read


class Outcome(msgspec.Struct, frozen=True):
    """A hop, its record, and the artifact that ships for it; None where none does."""

    hop: Hop
    record: HopRecord
    artifact: Artifact | None

    def timed(self, latencies: dict[str, tuple[Latency, ...]]) -> HopRecord:
        """The record with its artifact's latencies, by the path of the artifact."""
        latency = latencies[self.artifact.path] if self.artifact is not None else ()
        return msgspec.structs.replace(self.record, latency=latency)


def run_hops(
    runner: HopRunner,
    hops: list[Hop],
    progress: Progress,
    refusal: str,
    records: list[HopRecord],
    expect: Callable[[Hop], None],
) -> list[Outcome]:
    """Every hop in turn, announced before and after; each failed where there is a reason to refuse all.

    Args:
        records: takes each hop's as it is finished.
        expect: told of each hop that will be run, before it is.
    """
    for hop in hops:
        progress.started(hop)
        if not refusal:
            expect(hop)
        records.append(refused_record(hop, refusal) if refusal else runner.run(hop))
        progress.finished(hop, records[-1])
    return [
        Outcome(hop, record, runner.artifact_of(hop.target))
        for hop, record in zip(hops, records, strict=True)
    ]


def rescue_hops(rescuer: Rescuer | None, outcomes: list[Outcome], progress: Progress) -> list[Outcome]:
    """What a rescue made in the place of every hop that failed; without one, all as it was."""
    return [rescued(rescuer, each, progress) if rescuer is not None else each for each in outcomes]


def rescued(rescuer: Rescuer, outcome: Outcome, progress: Progress) -> Outcome:
    """The outcome of a hop, or of the search that it makes necessary."""
    fault = rescuer.fault(outcome.hop, outcome.record)
    if not fault:
        return outcome
    record, artifact = rescuer.rescue(outcome.hop, outcome.record, fault)
    progress.finished(msgspec.structs.replace(outcome.hop, target=parse_variant(record.target)), record)
    return Outcome(outcome.hop, record, artifact)


def rescuer_of(
    recipe: Recipe,
    intake: Intake,
    runner: HopRunner,
    bench: Bench,
    workers: Workers,
    folder: RunFolder,
    progress: Progress,
) -> Rescuer | None:
    """What searches in place of hops that fail; None where nothing was asked to be rescued."""
    if recipe.budget is None or runner.calibration is None:
        return None
    onnx = runner.artifact_of(Variant(Format.ONNX))
    artifacts = {each.variant: each for each in (intake.artifact, onnx) if each is not None}
    masks = recipe.gate.masks
    blamer = Blamer(artifacts, runner.calibration, workers, folder.scratch, RANKED_SAMPLES, masks)
    tools = Tools(bench.on_cpu, partial(rank_suspects, blamer), progress)
    return Rescuer(runner, intake, folder, recipe.gate, recipe.budget, tools)


def unique(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Each artifact once: a rescue may ship what was asked for in its own right."""
    return list({artifact.path: artifact for artifact in artifacts}.values())
