"""Which of the artifacts that a run ships a kit takes. Reads a report alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convertkit.artifacts.formats import Format, Precision
from convertkit.bundles.vectors import variant_of
from convertkit.errors import UsageError, did_you_mean
from convertkit.report.report import Report

SEE = "convertkit report RUN says more"
PREFERRED = (Precision.INT8, Precision.INT16X8, Precision.INT8_DYNAMIC, Precision.FLOAT16, Precision.FLOAT32)


def passed(report: Report) -> list[str]:
    """The variants that a run ships."""
    return [hop.target for hop in report.hops if hop.artifact and hop.status == "passed"]


def chosen_variant(
    variants: Sequence[str],
    formats: Sequence[Format],
    only: str | None,
    failed: Mapping[str, str] = {},
    source: str = "",
) -> str:
    """The variant that a kit takes.

    Args:
        failed: variants that the run was to make and does not ship, and why.
        source: the format of the run's source, which is none of what it ships.

    Raises:
        UsageError: there is none of the formats, or not the one that was named; where a gate failed it, why.
    """
    usable = [each for each in variants if variant_of(each).format in formats]
    lost = {each: reason for each, reason in failed.items() if variant_of(each).format in formats}
    if only is not None:
        if only in lost:
            raise UsageError(f"the run ships no '{only}', which did not pass: {lost[only]}", hint=SEE)
        if only not in usable:
            raise UsageError(f"the kit cannot take '{only}'", hint=did_you_mean(only, usable))
        return only
    if not usable and lost:
        each, reason = next(iter(lost.items()))
        raise UsageError(f"the kit needs {each}, which did not pass: {reason}", hint=SEE)
    if not usable:
        named = " or ".join(formats)
        made = [each for each in formats if each != source]
        to = made[0] if made else f"{source}:int8"
        raise UsageError(f"the run ships no {named}, and the kit needs one", hint=f"convert --to {to}")
    return min(usable, key=lambda each: rank(each, formats))


def rank(variant: str, formats: Sequence[Format]) -> tuple[int, int]:
    """The place of a variant among those that a kit may take."""
    found = variant_of(variant)
    order = PREFERRED if found.format is Format.TFLITE else PREFERRED[::-1]
    return list(formats).index(found.format), order.index(found.precision)
