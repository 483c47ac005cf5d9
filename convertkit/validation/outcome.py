"""The verdict on an artifact's outputs: beside the source's, beside the previous artifact's. Runs nothing."""

from __future__ import annotations

from convertkit.artifacts.formats import Precision
from convertkit.artifacts.signature import Array, Arrays
from convertkit.config.run_settings import GateOptions
from convertkit.delegates.forecast import Delegation
from convertkit.validation.accuracy import measure_accuracy
from convertkit.validation.gate import judge
from convertkit.validation.grounds import Grounds
from convertkit.validation.judgement import DynamicAxis, FieldCheck, Judgement
from convertkit.validation.tolerance import Tolerance


def judge_outputs(
    outputs: Arrays,
    source: Arrays,
    previous: Arrays,
    tolerance: Tolerance,
    precision: Precision,
    labels: Array | None,
    grounds: Grounds,
) -> Judgement:
    """What the gate says of an artifact's outputs.

    Args:
        source, previous: the source's and the previous artifact's outputs on the same samples.
    """
    accuracy = measure_accuracy(source, outputs, labels)
    deciding = accuracy if precision.is_integer else None
    vs_source = judge(source, outputs, tolerance, accuracy=deciding, grounds=grounds)
    vs_previous = judge(previous, outputs, tolerance, accuracy=deciding, grounds=grounds)
    reason = vs_source.reason or prefixed("against the previous artifact: ", vs_previous.reason)
    return Judgement(reason, outputs, vs_source, vs_previous, accuracy)


def missed_requirement(
    axes: tuple[DynamicAxis, ...],
    field: FieldCheck | None,
    delegation: Delegation | None,
    options: GateOptions,
) -> str:
    """What the options ask for beyond agreement, and the artifact does not give; empty where nothing."""
    lost = [axis.name for axis in axes if not axis.kept]
    if lost and options.require_dynamic_axes:
        return f"the dynamic axis '{lost[0]}' was lost"
    if field is not None and field.status != "passed" and options.require_field_runtime:
        return f"{field.runtime}: {field.status}, {field.reason}"
    faults = (delegation.fault(name) for name in options.delegate) if delegation is not None else ()
    return next(filter(None, faults), "")


def prefixed(prefix: str, reason: str) -> str:
    """The reason with a prefix; empty stays empty."""
    return prefix + reason if reason else ""
