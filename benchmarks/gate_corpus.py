"""The gate tried on artifacts that are wrong, and on artifacts that are right; writes docs/gate-corpus.md.

`python -m benchmarks.gate_corpus --kept` converts nothing, and judges what is kept by the gate as it is now.
`python -m benchmarks.gate_corpus [GROUP/NAME …]` converts what is not kept in build/gate-corpus yet, and what
is named anew; then judges all that is kept. Exits with 1 where what is wrong passes, or what is right fails.
What was held back is told, and decides nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.gate_corpus_case import CaseWay, Role
from benchmarks.gate_corpus_held_page import held_back_section
from benchmarks.gate_corpus_make import CORPUS, FINISHED, HELD_BACK, ROOT
from benchmarks.gate_corpus_page import PAGE, page
from benchmarks.gate_corpus_right import Right, right_models
from benchmarks.gate_corpus_trials import counts, passing
from benchmarks.gate_corpus_verdicts import (
    Hop,
    RightRow,
    WrongRow,
    false_alarms,
    hops_of,
    judged_again,
    right_rows,
    wrong_row,
)

PRECISIONS = ("float32", "int8")
KEPT = "--kept"
LIMIT_S = 1800


def made(group: str, name: str, chosen: list[str]) -> bool:
    """Convert a model in a process of its own, unless that was done before; True if its answers are there."""
    done_file = CORPUS / group / name / FINISHED
    is_due = f"{group}/{name}" in chosen or not done_file.exists()
    if is_due and KEPT not in chosen:
        print(f"{datetime.now(UTC):%H:%M:%S} {group}/{name}", flush=True)
        command = [sys.executable, "-m", "benchmarks.gate_corpus_make", group, name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        if done.returncode:
            print("  " + (done.stderr.strip().splitlines() or ["?"])[-1][:400], flush=True)
    return done_file.exists()


def wrong_rows(chosen: list[str]) -> Iterator[WrongRow]:
    """Every small model in both precisions, made wrong in every way."""
    from benchmarks.gate_corpus_models import MODELS

    for name, small in MODELS.items():
        yield from small_rows("wrong", name, small.roles, chosen, {})


def held_back_rows(chosen: list[str]) -> Iterator[WrongRow]:
    """The same of models and ways that no tolerance was chosen by."""
    from benchmarks.gate_corpus_held_back import MODELS
    from benchmarks.gate_corpus_held_ways import WAYS

    for name, small in MODELS.items():
        yield from small_rows(HELD_BACK, name, small.roles, chosen, WAYS)


def small_rows(
    group: str, name: str, roles: tuple[Role, ...], chosen: list[str], more: dict[str, CaseWay]
) -> Iterator[WrongRow]:
    """One model in both precisions."""
    if not made(group, name, chosen):
        raise SystemExit(f"{group}/{name}: nothing was made")
    for precision in PRECISIONS:
        row = wrong_row(CORPUS / group / name / f"tflite-{precision}.npz", roles, more)
        ways, caught, harmless, passed = counts(row.tallies)
        print(f"{name} {precision}: {ways} ways, {caught} caught, {harmless} harmless, {passed} passed")
        for way, where, wrong_db in passing(row.tallies):
            print(f"  PASSED {way}, {where} ({wrong_db:.1f} dB)", flush=True)
        yield row


def held_back_right(chosen: list[str]) -> list[RightRow]:
    """Models of the zoo in INT8 that no tolerance was chosen by; what they should be nobody said."""
    from benchmarks.gate_corpus_held_back import RIGHT

    rows = []
    for name in RIGHT:
        if made(HELD_BACK, name, chosen):
            rows += right_rows(CORPUS / HELD_BACK / name)
    for row in rows:
        print(f"{HELD_BACK}/{row.model} {row.variant}: {row.reason or 'passed'}", flush=True)
    return rows


def judged(right: Right) -> tuple[list[RightRow], list[Hop], list[Hop]]:
    """A model's artifacts, what the product said of its hops, and the false alarms."""
    folder = CORPUS / right.group / right.name
    rows = list(right_rows(folder))
    hops = [judged_again(hop, rows) for hop in hops_of(folder)]
    alarms = false_alarms(hops, right.must_pass)
    print(f"{right.group}/{right.name}: {len(rows)} artifacts, {len(alarms)} false alarms")
    for alarm in alarms:
        print(f"  FALSE ALARM {alarm.variant}: {alarm.error}", flush=True)
    return rows, hops, alarms


def main(chosen: list[str]) -> int:
    wrong, held_back = list(wrong_rows(chosen)), list(held_back_rows(chosen))
    held_back_artifacts = held_back_right(chosen)
    right: dict[str, list[RightRow]] = {}
    hops: list[Hop] = []
    alarms: list[Hop] = []
    missing: list[str] = []
    for each in right_models():
        if not made(each.group, each.name, chosen):
            print(f"{each.group}/{each.name}: nothing is kept")
            missing.append(f"{each.group}/{each.name}")
            continue
        rows, found, false = judged(each)
        right.setdefault(each.group, []).extend(rows)
        hops += found
        alarms += false
    text = page(wrong, right, hops, alarms, missing) + held_back_section(held_back, held_back_artifacts)
    PAGE.write_text(text, encoding="utf-8")
    passed = sum(counts(row.tallies)[3] for row in wrong) + sum(bool(row.right) for row in wrong)
    caught = sum(counts(row.tallies)[1] for row in wrong)
    print(f"{caught} wrong trials caught, {passed} passed; {len(alarms)} false alarms in {len(hops)} hops")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 1 if passed or alarms or missing else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
