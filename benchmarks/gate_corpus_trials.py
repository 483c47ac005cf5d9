"""Every way to be wrong tried on an artifact's outputs: which trials the gate catches. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks import gate_corpus_channels, gate_corpus_places, gate_corpus_samples, gate_corpus_values
from benchmarks.gate_corpus_case import Array, Arrays, Case, CaseWay, Role
from benchmarks.gate_corpus_outputs import REAL, STRUCTURE, one_output, real_fault

OUTPUT_WAYS = (
    gate_corpus_values.WAYS | gate_corpus_channels.WAYS | gate_corpus_samples.WAYS | gate_corpus_places.WAYS
)
WAYS: dict[str, CaseWay] = (
    STRUCTURE
    | {name: one_output(way) for name, way in OUTPUT_WAYS.items()}
    | {name: real_fault(name) for name in REAL}
)
LEAST_WRONG_DB = {"float32": -40.0, "int8": -6.0}  # beside what a slice or a sample varies by
LEAST_WRONG_OF_ALL_DB = {"float32": -60.0, "int8": -20.0}  # beside the whole output
LEAST_WRONG_OF_RANGE = {"float32": 0.005, "int8": 0.05}
LOST_SAMPLES = {"float32": 0.0, "int8": 0.25}  # that may be lost, of those that a way changes
WORSE_THAN_ARTIFACT = 4.0  # in power

Judge = Callable[[Case, Arrays], str]
"""Why the gate fails outputs; empty where it passes them."""


@dataclass
class Tally:
    """One way on one artifact.

    Attributes:
        caught: trials that the gate failed.
        harmless: trials that change nothing, or too little to be called wrong.
        passed: where a wrong artifact passed, and by how much it was wrong, decibels.
        reasons: the gate's reason of the first trial caught.
    """

    caught: int = 0
    harmless: int = 0
    passed: list[tuple[str, float]] = field(default_factory=list)
    reason: str = ""


def try_all(case: Case, judge: Judge, ways: dict[str, CaseWay] = WAYS) -> dict[str, Tally]:
    """Every way on one artifact."""
    return {name: try_way(case, way, judge) for name, way in ways.items()}


def try_way(case: Case, way: CaseWay, judge: Judge) -> Tally:
    """All trials of one way."""
    tally = Tally()
    with np.errstate(all="ignore"):
        for where, outputs in way(case):
            wrong_db = how_wrong_db(case, outputs)
            if wrong_db is None:
                tally.harmless += 1
                continue
            reason = judge(case, outputs)
            if reason:
                tally.caught += 1
                tally.reason = tally.reason or reason
            else:
                tally.passed.append((where, wrong_db))
    return tally


def how_wrong_db(case: Case, outputs: Arrays) -> float | None:
    """How wrong the worst output is, decibels; infinite where they cannot be compared, None where none is."""
    if list(outputs) != list(case.source):
        return np.inf
    found = [
        output_wrong_db(case.source[name], case.artifact[name], outputs[name], role, case.precision)
        for name, role in case.roles.items()
    ]
    return max((db for db in found if db is not None), default=None)


def output_wrong_db(source: Array, artifact: Array, wrong: Array, role: Role, precision: str) -> float | None:
    """The error of the worst channel, place or sample against its deviation, decibels; None if harmless.

    The deviation is what differs from the mean over the samples. Harmless is what changes nothing; what stays
    within a share of a fixed range; and what leaves the whole output and every channel, place and sample as
    good as the precision may lawfully be, or within four times the power of the artifact's own error there.
    """
    if wrong.shape != source.shape or wrong.dtype.kind != source.dtype.kind:
        return np.inf
    if (wrong == artifact).all():
        return None
    if not np.isfinite(wrong).all():
        return np.inf
    error = (wrong.astype(np.float64) - source) ** 2
    if role.range != "free" and error.max() < LEAST_WRONG_OF_RANGE[precision] ** 2:
        return None
    own = WORSE_THAN_ARTIFACT * (artifact.astype(np.float64) - source) ** 2
    deviation = (source - source.mean(0, dtype=np.float64)) ** 2
    whole_db = 10 * np.log10(error.mean() / np.mean(source.astype(np.float64) ** 2))
    ratios = [excess(error, own, deviation, axis) for axis in range(source.ndim)]
    changed = (wrong != artifact).reshape(len(source), -1).any(1)
    samples = np.sort(ratios[0][changed])[::-1]
    worst = [samples[int(LOST_SAMPLES[precision] * len(samples))], *(each.max() for each in ratios[1:])]
    worst_db = 10 * np.log10(max(*worst, 1e-300))
    if whole_db <= LEAST_WRONG_OF_ALL_DB[precision] and worst_db <= LEAST_WRONG_DB[precision]:
        return None
    return float(max(whole_db, worst_db))


def excess(error: Array, own: Array, deviation: Array, axis: int) -> Array:
    """Ratio of error to deviation of each slice along an axis; 0 of those no worse than the artifact's.

    A sample is measured by the mean sample's deviation where its own is less.
    """
    others = tuple(each for each in range(error.ndim) if each != axis)
    errors, owns, deviations = (each.sum(others) for each in (error, own, deviation))
    if axis == 0:
        deviations = np.maximum(deviations, deviations.mean())
    return np.where(errors > owns, errors / np.maximum(deviations, 1e-300), 0.0)


def counts(tallies: dict[str, Tally]) -> tuple[int, int, int, int]:
    """Ways that applied, trials caught, trials left out as harmless, trials passed."""
    return (
        sum(bool(tally.caught or tally.passed) for tally in tallies.values()),
        sum(tally.caught for tally in tallies.values()),
        sum(tally.harmless for tally in tallies.values()),
        sum(len(tally.passed) for tally in tallies.values()),
    )


def passing(tallies: dict[str, Tally]) -> Iterator[tuple[str, str, float]]:
    """Way, place and how wrong, of every trial that passed."""
    for name, tally in tallies.items():
        for where, wrong_db in tally.passed:
            yield name, where, wrong_db
