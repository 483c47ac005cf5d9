"""Which artifacts a run ships, and why it does not ship the others. Reads a report alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from convertkit.errors import UsageError, did_you_mean
from convertkit.report.report import HopRecord, Report


def shipped_hops(report: Report, run: Path, only: Sequence[str]) -> tuple[HopRecord, ...]:
    """The hops whose artifacts passed, in order; those of some variants where they are named.

    Raises:
        UsageError: none passed, or a variant is not among them; where a gate failed it, why.
    """
    passed = {hop.target: hop for hop in report.hops if hop.artifact and hop.status == "passed"}
    failed = failed_reasons(report)
    if not passed:
        first = next((f": {target}: {reason}" for target, reason in failed.items()), "")
        raise UsageError(f"no artifact of the run in {run} passed{first}", hint=f"convertkit report '{run}'")
    for variant in only:
        if variant in failed:
            raise UsageError(
                f"the run ships no '{variant}', which did not pass: {failed[variant]}",
                hint=f"convertkit report '{run}'",
            )
        if variant not in passed:
            raise UsageError(f"the run ships no '{variant}'", hint=did_you_mean(variant, passed))
    return tuple(hop for target, hop in passed.items() if not only or target in only)


def failed_reasons(report: Report) -> dict[str, str]:
    """Why each variant that a run was to make does not ship, one line."""
    every = {
        name: hop.error or hop.status
        for hop in report.hops
        for name in (hop.target, hop.wanted)
        if hop.status != "passed"
    }
    passed = {hop.target for hop in report.hops if hop.artifact and hop.status == "passed"}
    return {name: reason for name, reason in every.items() if name not in passed}
