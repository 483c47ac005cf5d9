"""The section of docs/gate-corpus.md on what was held back."""

from __future__ import annotations

from benchmarks.gate_corpus_page import passed_lines, wrong_table
from benchmarks.gate_corpus_verdicts import RightRow, WrongRow
from convertkit.render.markdown import table

HEADING = """
## Held back

Written down before the gate was tried on it: four models, {ways} more ways to be wrong beside the others, and
{count} INT8 artifacts of zoo models that are not above. What passed at first changed one number: of 6,012
trials on the first three models 101 passed, all on the INT8 `tagger`, one sample another's where the others
are 16 to 20 dB better. A sample is far worse than the others from 10 dB on since then, not 20. `levels` came
after that: its INT8 has an offset of 240 steps and varies by two to three, of which two may be lost.
"""


def held_back_section(wrong: list[WrongRow], right: list[RightRow]) -> str:
    """The counts, what passed, and the verdicts on artifacts that nobody made wrong."""
    from benchmarks.gate_corpus_held_ways import WAYS

    right = [row for row in right if row.variant.endswith(":int8")]
    lines = [HEADING.format(ways=len(WAYS), count=len(right)), *wrong_table(wrong)]
    failed = [row for row in wrong if row.right]
    lines += ["", *(f"* {row.model}, {row.precision}, as it was made, fails: {row.right}" for row in failed)]
    lines += [*passed_lines(wrong), ""]
    cells = [
        [
            row.model,
            f"{row.variant}{', the other quantizer' if row.is_second else ''}",
            figure(row),
            row.reason or "passed",
        ]
        for row in right
    ]
    lines += table(("Zoo model", "Artifact", "Whole, dB above the tolerance", "Verdict"), cells)
    return "\n".join(lines).rstrip() + "\n"


def figure(row: RightRow) -> str:
    """Decibels of the whole above the tolerance."""
    return "–" if row.margin is None or row.margin.whole is None else f"{row.margin.whole:.1f}"
