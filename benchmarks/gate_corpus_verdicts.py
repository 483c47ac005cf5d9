"""What is found of the corpus: a row for every artifact made wrong, and for every right one. NumPy only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.gate_corpus_case import Arrays, Case, CaseWay
from benchmarks.gate_corpus_gate import Margin, compared, grounds_of, margin
from benchmarks.gate_corpus_record import read_case
from benchmarks.gate_corpus_trials import WAYS, Tally, try_all
from convertkit.artifacts.formats import Precision
from convertkit.validation.gate import FAILED, PASSED, Comparison
from convertkit.validation.grounds import Grounds

FINISHED = "hops.json"


@dataclass(frozen=True)
class WrongRow:
    """One artifact, made wrong in every way.

    Attributes:
        right: why the gate fails the artifact as it is; empty where it passes it.
    """

    model: str
    precision: str
    right: str
    tallies: dict[str, Tally]


@dataclass(frozen=True)
class RightRow:
    """One artifact that a run judged.

    Attributes:
        reason: why the product failed it; empty where it passed.
        is_second: another converter's, made because the first one's failed or was to be compared.
        margin: how far it is from each tolerance; None where it could not be compared.
        harm: what is left of the answers, of the worst output; empty where nothing could be compared.
    """

    model: str
    variant: str
    reason: str
    is_second: bool
    margin: Margin | None
    harm: str = ""


@dataclass(frozen=True)
class Hop:
    """What the product says of one hop."""

    model: str
    variant: str
    status: str
    error: str


def wrong_row(file: Path, roles: tuple[Any, ...], more: dict[str, CaseWay] | None = None) -> WrongRow:
    """Try every way, and more, on a case that was kept."""
    case, _ = read_case(file, roles)
    grounds = grounds_of(case)
    right = compared(case, case.artifact, grounds=grounds).reason
    return WrongRow(
        case.model, case.precision, right, try_all(case, partial(reason_for, grounds), WAYS | (more or {}))
    )


def reason_for(grounds: Grounds, case: Case, outputs: Arrays) -> str:
    """Why the gate fails outputs, without labels; empty where it passes them."""
    return compared(case, outputs, grounds=grounds).reason


def right_rows(folder: Path) -> Iterator[RightRow]:
    """Every artifact of a model, in the order of its variants' names."""
    for file in sorted(folder.glob("*.npz")):
        case, said = read_case(file)
        by_labels = Precision(case.precision).is_integer
        comparison = compared(case, case.artifact, by_labels=by_labels)
        found = margin(comparison) if comparison.outputs else None
        is_second = ".second" in file.name
        reason = said or comparison.reason
        yield RightRow(case.model, case.variant, reason, is_second, found, harm(comparison))


def harm(comparison: Comparison) -> str:
    """`cosine 0.42; the same largest entry in 12 % of the rows`, each of the output that has least."""
    rows = [row for row in comparison.outputs if row.agreement is None]
    cosines = [row.cosine for row in rows if row.cosine is not None]
    tops = [row.top1_agreement for row in rows if row.top1_agreement is not None]
    parts = [f"cosine {min(cosines):.3f}"] if cosines else []
    parts += [f"the same largest entry in {min(tops):.0%} of the rows"] if tops else []
    return "; ".join(parts)


def hops_of(folder: Path) -> Iterator[Hop]:
    """What the product said of each hop of a model."""
    report = json.loads((folder / FINISHED).read_text(encoding="utf-8"))
    for hop in report["hops"]:
        yield Hop(folder.name, hop["target"], hop["status"], hop["error"])


def judged_again(hop: Hop, rows: list[RightRow]) -> Hop:
    """The hop, failed where the gate as it is now fails what was kept of every attempt."""
    reasons = [row.reason for row in rows if row.variant == hop.variant]
    if hop.status != PASSED or not reasons or not all(reasons):
        return hop
    return replace(hop, status=FAILED, error=reasons[0])


def false_alarms(hops: list[Hop], must_pass: tuple[str, ...]) -> list[Hop]:
    """Hops that had to pass and did not."""
    return [hop for hop in hops if hop.variant in must_pass and hop.status != PASSED]
