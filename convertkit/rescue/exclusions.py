"""Candidates with single operators left float, the worst first, as few as pass. Runs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from convertkit.rescue.candidates import LITERT, Candidate, Case, Proposals, Suspect, changed


def exclusions(case: Case) -> Proposals:
    """The worst operators stay float: one group, two, four, …; once that passes, as few as still pass."""
    if not hasattr(case.base.options, "exclude"):
        return
    suspects = case.suspects()
    groups, worst = excluded_names(suspects), suspects[0].module if suspects else ""
    failing, count = 0, 1
    while count <= len(groups):
        outcome = yield excluding(case, groups[count - 1], worst)
        if outcome.is_passed and case.prunes:
            break
        failing, count = count, count + 1 if count == len(groups) else min(2 * count, len(groups))
    passing = count
    while passing <= len(groups) and passing - failing > 1:
        middle = (failing + passing) // 2
        outcome = yield excluding(case, groups[middle - 1], worst)
        failing, passing = (failing, middle) if outcome.is_passed else (middle, passing)


def excluded_names(suspects: Sequence[Suspect]) -> list[tuple[str, ...]]:
    """Operators to exclude for the worst suspect, the two worst, …; each set larger than the one before."""
    names: dict[str, None] = {}
    groups: list[tuple[str, ...]] = []
    for suspect in suspects:
        before = len(names)
        names |= dict.fromkeys(suspect.outputs)
        if len(names) > before:
            groups.append(tuple(names))
    return groups


def excluding(case: Case, names: Sequence[str], worst: str = "") -> Candidate:
    """The base by LiteRT's quantizer with some operators left float, their weights stored in float16."""
    asked: tuple[str, ...] = getattr(case.base.options, "exclude", ())
    patterns = (*asked, *(f"^{re.escape(name)}$" for name in names))
    change = f"excluding {len(names)} operator{'' if len(names) == 1 else 's'}"
    change += f" (worst: {worst})" if worst else ""
    fields = {"quantizer": LITERT, "exclude": patterns, "excluded_weights": "float16"}
    return changed(case, "exclusion", change, **fields)[0]
