"""Two runs beside each other: what of an artifact's size, speed, accuracy or signature has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from convertkit.artifacts.signature import TensorSpec
from convertkit.measurement.latency import Versus, compare
from convertkit.report.report import ArtifactSignature, HopRecord, Report

CPU = "cpu"
Figure = Literal["status", "size", "compressed", "latency", "sqnr", "accuracy", "signature", "converter"]


class Allowed(msgspec.Struct, frozen=True):
    """How much worse the second run may be before that is a regression.

    Attributes:
        size: a fraction of the first one's bytes.
        latency: a fraction of the first one's p50; the whole interval has to lie beyond it.
        sqnr_db: decibels of the lowest SQNR of any output.
        accuracy: a fraction (0.005 is half a point).
    """

    size: float = 0.02
    latency: float = 0.1
    sqnr_db: float = 3.0
    accuracy: float = 0.005


class Change(msgspec.Struct, frozen=True):
    """One figure of one artifact in both runs.

    Attributes:
        variant: of the artifact.
        before, after: bytes, milliseconds, decibels, a fraction, or a word; null where a run has none.
        is_regression: worse by more than is allowed; of a signature, any change at all.
        ci95: interval of after / before, of latency.
        detail: in which way a signature changed.
    """

    variant: str
    figure: Figure
    before: float | int | str | None
    after: float | int | str | None
    is_regression: bool
    ci95: tuple[float, float] | None = None
    detail: str = ""


class Difference(msgspec.Struct, frozen=True):
    """All changes from one run to another.

    Attributes:
        changes: by artifact, in the order of the first run's hops.
        environment: package or fact of the machine → before and after; what differs only.
        notes: what forbids to compare some of the figures.
    """

    changes: tuple[Change, ...]
    environment: dict[str, tuple[str, str]]
    notes: tuple[str, ...] = ()

    @property
    def regressions(self) -> tuple[Change, ...]:
        """The changes that are worse than is allowed."""
        return tuple(change for change in self.changes if change.is_regression)


class Run(msgspec.Struct, frozen=True):
    """A report and the signatures of its artifacts, by variant."""

    report: Report
    signatures: dict[str, ArtifactSignature]


def differ(before: Run, after: Run, allowed: Allowed) -> Difference:
    """What has changed from one run to another, hop by hop."""
    one, other = before.report, after.report
    hops = {hop.wanted: hop for hop in other.hops}
    is_timed = one.environment.cpu == other.environment.cpu
    changes = [
        change
        for hop in one.hops
        for change in hop_changes(hop, hops.get(hop.wanted), before, after, allowed, is_timed=is_timed)
    ]
    return Difference(tuple(changes), environment_changes(one, other), notes(one, other))


def hop_changes(
    hop: HopRecord, other: HopRecord | None, before: Run, after: Run, allowed: Allowed, *, is_timed: bool
) -> Iterator[Change]:
    """The figures of one artifact; latency only where both were taken on the same kind of machine."""
    variant = hop.wanted
    status = other.status if other else None
    yield Change(variant, "status", hop.status, status, hop.status == "passed" and status != "passed")
    if other is None:
        return
    if hop.converter != other.converter:
        yield Change(variant, "converter", hop.converter, other.converter, False)
    yield from size_change(variant, hop, other, allowed)
    if is_timed:
        yield from latency_change(variant, hop, other, allowed)
    yield from error_changes(variant, hop, other, allowed)
    yield from signature_change(
        variant, before.signatures.get(hop.target), after.signatures.get(other.target)
    )


def size_change(variant: str, hop: HopRecord, other: HopRecord, allowed: Allowed) -> Iterator[Change]:
    """Bytes of the artifact, and as a download has it."""
    if hop.artifact and other.artifact:
        before, after = hop.artifact.size_bytes, other.artifact.size_bytes
        yield Change(variant, "size", before, after, after > before * (1 + allowed.size))
        packed = hop.artifact.compressed_bytes, other.artifact.compressed_bytes
        if packed[0] is not None and packed[1] is not None:
            is_larger = packed[1] > packed[0] * (1 + allowed.size)
            yield Change(variant, "compressed", packed[0], packed[1], is_larger)


def latency_change(variant: str, hop: HopRecord, other: HopRecord, allowed: Allowed) -> Iterator[Change]:
    """p50 on the CPU; the rounds of two runs have nothing in common, so their own intervals count."""
    versus = latency_versus(hop, other)
    if versus is None:
        return
    before, after = (next(row for row in one.latency if row.device == CPU).p50_ms for one in (hop, other))
    yield Change(variant, "latency", before, after, versus.ci95[0] > 1 + allowed.latency, versus.ci95)


def latency_versus(hop: HopRecord, other: HopRecord) -> Versus | None:
    """The second run's latency beside the first one's."""
    rows = [next((row for row in one.latency if row.device == CPU), None) for one in (other, hop)]
    alone = [row and msgspec.structs.replace(row, rounds_ms=()) for row in rows]
    return compare(alone[0], alone[1], hop.target)


def error_changes(variant: str, hop: HopRecord, other: HopRecord, allowed: Allowed) -> Iterator[Change]:
    """The lowest SQNR of any output against the source, and accuracy."""
    figures = [one.vs_source.lowest_sqnr_db if one.vs_source else None for one in (hop, other)]
    if figures[0] is not None and figures[1] is not None:
        lost = figures[0] - figures[1]
        yield Change(variant, "sqnr", figures[0], figures[1], lost > allowed.sqnr_db)
    if hop.accuracy and other.accuracy:
        before, after = hop.accuracy.value, other.accuracy.value
        yield Change(variant, "accuracy", before, after, before - after > allowed.accuracy)


def signature_change(
    variant: str, before: ArtifactSignature | None, after: ArtifactSignature | None
) -> Iterator[Change]:
    """Names, order, types, shapes, axis orders: what fitted the one breaks by any change of these."""
    if before is None or after is None:
        return
    found = [*tensor_changes(before.inputs, after.inputs), *tensor_changes(before.outputs, after.outputs)]
    if found:
        words = [
            ", ".join(one.describe() for one in (*each.inputs, *each.outputs)) for each in (before, after)
        ]
        yield Change(variant, "signature", words[0], words[1], True, detail="; ".join(found))


def tensor_changes(before: tuple[TensorSpec, ...], after: tuple[TensorSpec, ...]) -> Iterator[str]:
    """`image: axis order [0, 2, 3, 1], was none`, for each thing that an application depends on."""
    names = [spec.name for spec in before], [spec.name for spec in after]
    if names[0] != names[1]:
        yield f"{', '.join(names[1])} in place of {', '.join(names[0])}"
        return
    for one, other in zip(before, after, strict=True):
        for field in ("dtype", "shape", "axis_order", "key"):
            was, now = getattr(one, field), getattr(other, field)
            if was != now:
                yield f"{one.name}: {field.replace('_', ' ')} {now}, was {was}"
        if (one.scale is None) != (other.scale is None):
            yield f"{one.name}: {'real' if other.scale is None else 'quantized'} values, and was not"
        if one.pixels != other.pixels:
            yield f"{one.name}: another normalisation inside"


def environment_changes(one: Report, other: Report) -> dict[str, tuple[str, str]]:
    """Versions and facts of the machine that differ; an absent package is `none`."""
    before, after = ({**facts(each), **each.environment.packages} for each in (one, other))
    return {
        name: (before.get(name, "none"), after.get(name, "none"))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }


def facts(report: Report) -> dict[str, str]:
    """What else of the environment may decide."""
    place = report.environment
    return {"convertkit": report.convertkit, "python": place.python, "cpu": place.cpu}


def notes(one: Report, other: Report) -> tuple[str, ...]:
    """What the figures of both runs do not share."""
    found = []
    if one.source.sha256 != other.source.sha256:
        found.append("the sources are different files")
    if one.samples.sha256 != other.samples.sha256:
        found.append("the samples are different: SQNR and accuracy are of different data")
    if one.environment.cpu != other.environment.cpu:
        found.append("the machines are different: latency is not compared")
    return tuple(found)
