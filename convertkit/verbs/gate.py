"""A run's saved outputs judged again by other tolerances. Must not run a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from convertkit.artifacts.signature import Arrays
from convertkit.config.run_settings import BudgetOptions
from convertkit.errors import UsageError
from convertkit.recipe import Recipe
from convertkit.registry import parse_variant
from convertkit.report.budgeted import budgeted, figures_of
from convertkit.report.gated import Gated, Row
from convertkit.report.report import HopRecord, load_report
from convertkit.storage.run_folder import OUTPUTS
from convertkit.validation.accuracy import Accuracy
from convertkit.validation.budget import BudgetVerdict, hold
from convertkit.validation.kept import Kept, read_kept
from convertkit.validation.outcome import judge_outputs, missed_requirement
from convertkit.validation.tolerance import check_effect, demand
from convertkit.words import merge

SECTIONS = ("gate.", "budget.")
FEWER = "the run failed it by all {0.of} samples, and kept the outputs of {0.samples}"
NOT_CHECKED = "other sizes of its free axes were not checked, since the run's own gate failed before"


def gate_run(run: Path, settings: Sequence[str] = ()) -> Gated:
    """Judge every artifact of a run by the outputs that it kept.

    Args:
        run: a run's folder, or its `report.json`.
        settings: `KEY=VALUE` in place of what the run was told, of `gate` and `budget` alone.

    Raises:
        UsageError: no run, no outputs, or a key that does not judge.
    """
    report = load_report(run)
    kept = read_kept((run if run.is_dir() else run.parent) / OUTPUTS)
    recipe = asked(kept, settings)
    previous = kept.index.source
    targets = report.targets or tuple(hop.wanted for hop in report.hops)  # a report may lack them
    rows = []
    for hop in report.hops:
        before = kept.outputs.get(hop.source, kept.outputs[previous])
        is_budgeted = budgeted(targets, hop.wanted)
        rows.append(judged(hop, kept, recipe, before, is_budgeted=is_budgeted))
    return Gated(kept.index.samples, kept.index.of, tuple(rows))


def asked(kept: Kept, settings: Sequence[str]) -> Recipe:
    """What the run was told of its gate, with the settings in its place."""
    for setting in settings:
        if not setting.strip().startswith(SECTIONS):
            raise UsageError(
                f"--set {setting}: gate takes keys of gate and budget", hint="gate.int8.min_sqnr_db=30"
            )
    told = Recipe(gate=kept.index.gate, budget=kept.index.budget)
    recipe = merge(told, {"settings": settings})
    check_effect(recipe.gate)
    if recipe.gate.masks != kept.index.gate.masks:
        raise UsageError(
            "other masks need the inputs, which a run does not keep",
            hint="ask convertkit validate RUN, with the same --set",
        )
    return recipe


def held(hop: HopRecord, accuracy: Accuracy | None, budget: BudgetOptions | None) -> BudgetVerdict:
    """What becomes of a budget, by the sizes, latencies and memory that the run measured."""
    if budget is None:
        return BudgetVerdict()
    return hold(msgspec.structs.replace(figures_of(hop, budget), accuracy=accuracy), budget)


def judged(hop: HopRecord, kept: Kept, recipe: Recipe, previous: Arrays, *, is_budgeted: bool) -> Row:
    """A hop's artifact by its kept outputs; what the run found beyond them stays as it was."""
    row = Row(
        variant=hop.target,
        path=hop.artifact.path if hop.artifact else "",
        was=hop.status,
        reason=hop.error or "" if hop.status != "passed" else "",
    )
    outputs = kept.outputs.get(hop.target)
    if outputs is None or hop.artifact is None:
        return row
    precision = parse_variant(hop.target).precision
    tolerance = demand(precision, recipe.gate, recipe.budget)
    found = judge_outputs(
        outputs, kept.source_outputs, previous, tolerance, precision, kept.labels, kept.grounds
    )
    reason = found.reason or missed_requirement(
        hop.dynamic_axes, hop.field_runtime, hop.delegation, recipe.gate
    )
    verdict = held(hop, found.accuracy, recipe.budget) if is_budgeted else BudgetVerdict()
    reason = reason or next(iter(verdict.over), "")
    is_mended = not reason and was_by_outputs(hop)
    few = [FEWER.format(kept.index)] if is_mended and kept.index.samples < kept.index.of else []
    return msgspec.structs.replace(
        row,
        reason=reason or beyond(hop),
        undecided=(*verdict.undecided, *few),
        vs_source=found.vs_source,
        vs_previous=found.vs_previous,
        accuracy=found.accuracy,
        notes=(NOT_CHECKED,) if is_mended else (),
    )


def was_by_outputs(hop: HopRecord) -> bool:
    """True where the run's gate failed the artifact by its outputs at the samples' own sizes."""
    return any(one is not None and not one.is_passed for one in (hop.vs_source, hop.vs_previous))


def beyond(hop: HopRecord) -> str:
    """Why the run failed an artifact whose outputs it let through: a size, or what was required then."""
    if hop.status == "passed" or was_by_outputs(hop) or (hop.budget and hop.budget.over):
        return ""
    return "" if is_requirement(hop) else hop.error or hop.status


def is_requirement(hop: HopRecord) -> bool:
    """True where the run failed it for what `gate.require_…` or `gate.delegate` asks for: asked anew here."""
    if hop.delegation is not None and hop.delegation.is_fault(hop.error):
        return True
    lost = any(not axis.kept for axis in hop.dynamic_axes) and "was lost" in (hop.error or "")
    field = hop.field_runtime
    return lost or (
        field is not None and bool(hop.error) and (hop.error or "").startswith(f"{field.runtime}: ")
    )
