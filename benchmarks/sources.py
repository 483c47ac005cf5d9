"""`make sources`: every form of model given to `convert` as its row says; the table of docs/sources.md."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.sources_cases import CASES, Case
from benchmarks.sources_files import ROOT

PAGE = ROOT / "docs" / "sources.md"
BEGIN, END = "<!-- made by make sources -->", "<!-- end -->"
QUICK = ("--set", "bench.rounds=2", "--set", "bench.warmup_s=0.01", "-o", "run")
WRONG = ("Traceback (most recent call last)", "no such file")


class Row(msgspec.Struct, frozen=True):
    """What came of a form: seconds of wall time, and what is wrong with it; empty where it is as expected."""

    case: Case
    printed: str
    seconds: float
    fault: str


def try_case(case: Case) -> Row:
    """Build a form in a folder of its own, and give it to the command line there."""
    with tempfile.TemporaryDirectory(prefix="convertkit-") as name:
        folder = Path(name)
        case.build(folder)
        command = [sys.executable, "-m", "convertkit", "convert", *case.words, *QUICK]
        started = time.perf_counter()
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=folder, check=False, env=environment()
        )
        seconds = time.perf_counter() - started
    printed = f"{done.stdout}\n{done.stderr}"
    return Row(case, printed, seconds, fault_of(case, done.returncode, printed))


def environment() -> dict[str, str]:
    """The environment of this process, convertkit of this tree in its path."""
    import os

    return os.environ | {"PYTHONPATH": str(ROOT)}


def fault_of(case: Case, code: int, printed: str) -> str:
    """What is not as the case expects; empty where all is."""
    flat = " ".join(printed.split())
    if code != case.code:
        return f"exit code {code}, not {case.code}"
    if " ".join(case.line.split()) not in flat:
        return f"nothing says '{case.line}'"
    return next((f"says '{words}'" for words in WRONG if words in printed), "")


def told(row: Row) -> str:
    """The one line that a user reads: the verdict, or the error and its hint."""
    lines = [line.strip() for line in row.printed.splitlines() if line.strip()]
    if row.case.code:
        kept = [line for line in lines if line.startswith(("convertkit: ", "hint: "))]
        return " — ".join(kept).replace("convertkit: ", "")
    note = next((line for line in lines if line.startswith("note: ") and row.case.line in line), "")
    return note.removeprefix("note: ") or "passed"


def page_of(rows: list[Row]) -> str:
    """The table, one row a form."""
    lines = [
        "| given | `convertkit convert …` | exit code | what it says | seconds |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        words = " ".join(word if re.fullmatch(r"[\w./:-]+", word) else f"'{word}'" for word in row.case.words)
        cells = (row.case.given, f"`{words}`", str(row.case.code), told(row), f"{row.seconds:.0f}")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    whole = sum(row.case.code == 0 for row in rows)
    return f"{len(rows)} forms: {whole} convert, {len(rows) - whole} are answered by a line.\n\n" + "\n".join(
        lines
    )


def write_page(rows: list[Row]) -> None:
    """Put the table between its marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{page_of(rows)}\n{END}{after}", encoding="utf-8")


def main() -> int:
    """Try every form and write the page; exit code 1 where one is not as its row says."""
    found: dict[str, Row] = {}
    for case in sorted(CASES, key=lambda case: (case.code == 0, not case.is_whole)):
        row = found[case.name] = try_case(case)
        print(f"{case.name:<20} {row.seconds:5.1f} s  {row.fault or 'as expected'}", flush=True)
        write_page([found[each.name] for each in CASES if each.name in found])
    return int(any(row.fault for row in found.values()))


if __name__ == "__main__":
    sys.exit(main())
