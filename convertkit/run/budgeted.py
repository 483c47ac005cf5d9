"""The artifacts that were asked for, started afresh and held to the budget. Judges no outputs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from convertkit.artifacts.formats import Format, Variant
from convertkit.config.run_settings import BudgetOptions
from convertkit.errors import UsageError
from convertkit.hops.runner import HopRunner
from convertkit.measurement.rounds import Bench
from convertkit.measurement.start import cold_start
from convertkit.recipe import Recipe
from convertkit.registry import parse_variant
from convertkit.report.budgeted import budgeted, figures_of
from convertkit.report.report import HopRecord
from convertkit.run.outcome import Outcome
from convertkit.storage.run_folder import RunFolder
from convertkit.validation.budget import hold

LIGHT = (Format.ONNX, Format.TFLITE)  # runtimes that start at once; the others would add seconds to each run


def check_budget(recipe: Recipe) -> None:
    """Raise UsageError where the budget is one of another number of threads than is measured with."""
    budget, threads = recipe.budget, recipe.bench.threads
    if budget is not None and budget.threads not in (None, threads):
        raise UsageError(
            f"budget.threads is {budget.threads}, and latency is measured with {threads}",
            hint=f"--set bench.threads={budget.threads}",
        )


def with_start(
    outcome: Outcome, targets: Sequence[Variant], budget: BudgetOptions | None, bench: Bench
) -> Outcome:
    """The outcome with what its artifact takes in a fresh process, of those that were asked for."""
    artifact, wanted = outcome.artifact, outcome.record.wanted
    asks = budget is not None and budget.memory_bytes is not None and budgeted(map(str, targets), wanted)
    if artifact is None or wanted not in map(str, targets):
        return outcome
    if not asks and artifact.variant.format not in LIGHT:
        return outcome
    start = cold_start(artifact, bench.sample, bench.options.threads, bench.workers, bench.scratch)
    return msgspec.structs.replace(outcome, record=msgspec.structs.replace(outcome.record, start=start))


def held(
    outcome: Outcome,
    record: HopRecord,
    targets: Sequence[Variant],
    budget: BudgetOptions | None,
    runner: HopRunner,
    folder: RunFolder,
) -> HopRecord:
    """The measured record, held to the budget; what is over it does not ship.

    Args:
        record: the outcome's, with its latencies.
    """
    if budget is None or record.status != "passed" or not budgeted(map(str, targets), record.wanted):
        return record
    verdict = hold(figures_of(record, budget), budget)
    record = msgspec.structs.replace(record, budget=verdict, exit_code=verdict.exit_code)
    if not verdict.over or record.artifact is None:
        return record
    path = runner.withdraw(msgspec.structs.replace(outcome.hop, target=parse_variant(record.target)))
    artifact = record.artifact
    if path is not None:
        artifact = msgspec.structs.replace(artifact, path=folder.relative(path))
    return msgspec.structs.replace(record, status="failed", error=verdict.over[0], artifact=artifact)
