"""Candidates with single operators left float: the worst, or what gains most for its bytes. Runs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from convertkit.rescue.candidates import LITERT, Candidate, Case, Proposals, Worth, changed

LEAST_GAIN = 0.005  # of the error: less is noise


def exclusions(case: Case) -> Proposals:
    """The worst operators stay float: one group, two, four, …; once that passes, as few as still pass."""
    if not hasattr(case.base.options, "exclude"):
        return
    suspects = case.suspects()
    worst = f" (worst: {suspects[0].module})" if suspects and suspects[0].module else ""
    yield from fewest(case, excluded_names([each.outputs for each in suspects]), "exclusion", worst)


def mixed(case: Case) -> Proposals:
    """What gains most for its bytes stays float: as many as it should take, then as few as pass."""
    if not hasattr(case.base.options, "exclude"):
        return
    worths = by_need(case.worths(case.base, case.suspects()))
    groups = excluded_names([each.outputs for each in worths])
    yield from fewest(case, groups, "mixed", " by gain per byte", expected(case, worths))


def by_need(worths: Sequence[Worth]) -> list[Worth]:
    """Those that gain, the highest gain for each byte first."""
    gaining = [each for each in worths if each.gain >= LEAST_GAIN]
    return sorted(gaining, key=lambda each: -each.gain / max(each.size_bytes, 1))


def expected(case: Case, worths: Sequence[Worth]) -> int:
    """How many will do if their gains add up; one at least."""
    if case.base_db is None:
        return 1
    wanted, left = 10 ** ((case.base_db - case.floor_db) / 10), 1.0
    for count, worth in enumerate(worths, 1):
        left -= worth.gain
        if left <= wanted:
            return count
    return max(1, len(worths))


def fewest(case: Case, groups: Sequence[tuple[str, ...]], family: str, how: str, first: int = 1) -> Proposals:
    """The first groups, then twice as many until that passes; then as few as still pass.

    Args:
        groups: operators to leave float, each larger than the one before.
    """
    failing, count = 0, min(first, len(groups)) or 1
    while count <= len(groups):
        outcome = yield excluding(case, groups[count - 1], family, how)
        if outcome.is_passed and case.prunes:
            break
        failing, count = count, count + 1 if count == len(groups) else min(2 * count, len(groups))
    passing = count
    while passing <= len(groups) and passing - failing > 1:
        middle = (failing + passing) // 2
        outcome = yield excluding(case, groups[middle - 1], family, how)
        failing, passing = (failing, middle) if outcome.is_passed else (middle, passing)


def excluded_names(outputs: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Operators to exclude for the first group, the first two, …; each set larger than the one before."""
    names: dict[str, None] = {}
    groups: list[tuple[str, ...]] = []
    for each in outputs:
        before = len(names)
        names |= dict.fromkeys(each)
        if len(names) > before:
            groups.append(tuple(names))
    return groups


def excluding(case: Case, names: Sequence[str], family: str, how: str) -> Candidate:
    """The base by LiteRT's quantizer with some operators left float, their weights stored in float16."""
    asked: tuple[str, ...] = getattr(case.base.options, "exclude", ())
    patterns = (*asked, *(f"^{re.escape(name)}$" for name in names))
    change = f"excluding {len(names)} operator{'' if len(names) == 1 else 's'}{how}"
    fields = {"quantizer": LITERT, "exclude": patterns, "excluded_weights": "float16"}
    return changed(case, family, change, **fields)[0]
