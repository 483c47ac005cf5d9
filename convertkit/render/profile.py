"""A profile in words and rows: which operators take the time, and whose work they do."""

from __future__ import annotations

from convertkit.measurement.profile import OperatorShare, Profile
from convertkit.render.numbers import DASH, format_ms, format_share, format_significant

OPERATOR_HEADINGS = ("Share", "ms", "Runs", "Operator", "Module", "Node")


def profile_heading(profile: Profile) -> str:
    """`profiled: 20 calls, 0.43 ms of each in 41 operators; trace: profiles/model.onnx.json`."""
    if profile.skipped is not None:
        return f"not profiled: {profile.skipped}"
    calls = f"{profile.calls} call{'' if profile.calls == 1 else 's'}"
    spent = f"{format_ms(profile.operators_ms)} ms of each in {profile.operators} operators"
    return f"profiled: {calls}, {spent}; trace: {profile.trace}"


def operator_rows(profile: Profile) -> list[list[str]]:
    """One row an operator, the longest first."""
    return [operator_row(one) for one in profile.top]


def operator_row(one: OperatorShare) -> list[str]:
    """Share, time and runs in a call, type, module and node."""
    return [
        format_share(one.share),
        format_ms(one.ms),
        format_significant(one.runs),
        one.operator,
        one.module or DASH,
        one.name or DASH,
    ]
