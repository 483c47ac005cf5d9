"""The model card of a bundle: what it is, its measured figures, its limits, its licence; as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from convertkit.artifacts.signature import TensorSpec
from convertkit.render.markdown_table import escape, table
from convertkit.render.numbers import (
    DASH,
    format_bytes,
    format_interval_ms,
    format_ms,
    format_percent,
    format_points,
    format_sqnr_db,
)
from convertkit.render.summary import latency_on, min_sqnr_db
from convertkit.report.report import HopRecord, Report
from convertkit.report.shipping import LABELS_FILE, PREPROCESSING_FILE, Preprocessing, read_labels

HEADINGS = (
    "Artifact", "Variant", "Size", "Lowest SQNR, dB", "Accuracy, %", "Drop, points", "p50, ms",
    "95 % interval, ms",
)  # fmt: skip
SIDES = ("", "Name", "Type", "Shape")
UNSTATED = "not stated (`convertkit bundle --license` states it)"


def card_text(name: str, license: str, report: Report, hops: Sequence[HopRecord], home: Path) -> str:
    """The card.

    Args:
        hops: those whose artifacts are in the bundle.
        home: the folder that holds the labels and the preprocessing, where there are some.
    """
    return "\n".join([
        f"# {escape(name)}", "",
        *what(report), "",
        f"License: {escape(license) if license else UNSTATED}.", "",
        "## Inputs and outputs", "",
        *table(SIDES, [*rows("input", report.source.inputs), *rows("output", report.source.outputs)]), "",
        *preparation(home), "",
        "## Measured", "",
        *table(HEADINGS, [figures(hop) for hop in hops]), "",
        *grounds(report), "",
        "## Limits", "",
        *(f"* {line}" for line in limits(report)), "",
    ])  # fmt: skip


def what(report: Report) -> Iterator[str]:
    """What was converted, by what."""
    source = report.source
    yield (
        f"Converted by convertkit {report.convertkit} from `{Path(source.path).name}` ({source.kind}, "
        f"{format_bytes(source.size_bytes)}, SHA-256 `{source.sha256}`); every artifact was compared with it."
    )


def rows(side: str, specs: Sequence[TensorSpec]) -> list[tuple[str, ...]]:
    """Inputs or outputs of the source."""
    return [(side, spec.name, spec.dtype, f"[{', '.join(map(str, spec.shape))}]") for spec in specs]


def preparation(home: Path) -> Iterator[str]:
    """How inputs are made, and what the outputs' classes are called."""
    file = home / PREPROCESSING_FILE
    if file.is_file():
        images = msgspec.json.decode(file.read_bytes(), type=Preprocessing)
        size = f"shorter side to {images.resize}, " if images.resize else ""
        fitted = f"{size}crop {images.crop}, {images.interpolation}"
        yield f"Images: {images.color}, {fitted}; {normalisation(images)}."
    else:
        yield "Inputs are arrays as the model takes them: no preprocessing was told to the run."
    if (home / LABELS_FILE).is_file():
        labels = read_labels(home / LABELS_FILE)
        yield f"{len(labels)} labels, in `{LABELS_FILE}`."


def normalisation(images: Preprocessing) -> str:
    """What is done with the values, and by whom."""
    told, inside = images, images.folded
    if inside is None:
        return f"values to 0..1, then (value - {list(told.mean)}) / {list(told.std)}"
    return (
        f"the artifacts take values of 0 to {inside.white:g}, channels last, and do "
        f"({inside.scaled} - {list(inside.mean)}) / {list(inside.std)} themselves"
    )


def figures(hop: HopRecord) -> tuple[str, ...]:
    """What was measured of one artifact."""
    assert hop.artifact is not None
    cpu, accuracy = latency_on(hop.latency, "cpu"), hop.accuracy
    return (
        hop.artifact.path,
        hop.target,
        format_bytes(hop.artifact.size_bytes),
        format_sqnr_db(min_sqnr_db(hop.vs_source)),
        format_percent(accuracy.value) if accuracy else DASH,
        format_points(accuracy.drop) if accuracy else DASH,
        format_ms(cpu.p50_ms) if cpu else DASH,
        format_interval_ms(cpu.p50_ci95_ms) if cpu else DASH,
    )


def grounds(report: Report) -> Iterator[str]:
    """What the figures rest on."""
    samples, machine = report.samples, f"{report.environment.cpu}, {report.environment.platform}"
    yield (
        f"By {samples.validation} samples ({samples.origin}) that calibrated nothing; {samples.calibration} "
        f"others calibrated. Latency at batch 1 on {escape(machine)}."
    )


def limits(report: Report) -> Iterator[str]:
    """What the reader may not conclude."""
    yield "The figures are of these samples and this machine; they say nothing of other data or devices."
    yield "It was checked that the artifacts do what the source does, not that this is right."
    for hop in report.hops:
        if hop.status != "passed":
            yield f"{hop.target} was asked for and did not pass: {escape(hop.error or hop.status)}"
    for note in report.notes:
        yield escape(note)
