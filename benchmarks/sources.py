"""`make sources`: every form of model and of data given as its row says; the tables of docs/sources.md."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from benchmarks.sources_case import Row
from benchmarks.sources_cases import CASES
from benchmarks.sources_data import CASES as DATA
from benchmarks.sources_data import try_data
from benchmarks.sources_files import ROOT
from benchmarks.sources_page import write_page
from benchmarks.sources_try import try_case

KEPT = ROOT / "build" / "sources"
Form = TypeVar("Form")


def tried(forms: Iterable[Form], attempt: Callable[[Form], Row], *, resume: bool) -> dict[str, Row]:
    """What came of each form, kept as it comes; those that a run before came to are not tried again."""
    file = KEPT / f"{attempt.__name__}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    known: dict[str, Row] = {}
    if resume and file.is_file():
        known = msgspec.json.decode(file.read_bytes(), type=dict[str, Row])
    for form in forms:
        if form.name in known and not known[form.name].fault:
            continue
        row = known[form.name] = attempt(form)
        print(f"{row.name:<20} {row.seconds:5.1f} s  {row.fault or row.told}", flush=True)
        file.write_bytes(msgspec.json.encode(known))
    return known


def main() -> int:
    """Try every form and write the page; exit code 1 where one is not as its row says.

    With `--resume`, what a run that was stopped came to is kept. `models` or `data` are tried alone, and then
    no page is written.
    """
    resume = "--resume" in sys.argv
    wanted = [word for word in ("models", "data") if word in sys.argv] or ["models", "data"]
    models, data = {}, {}
    if "models" in wanted:
        in_order = sorted(CASES, key=lambda case: (case.code == 0, not case.is_whole))
        models = tried(in_order, try_case, resume=resume)
    if "data" in wanted:
        data = tried(DATA, try_data, resume=resume)
    if len(wanted) == 2:
        write_page([models[case.name] for case in CASES], [data[case.name] for case in DATA])
    return int(any(row.fault for row in (*models.values(), *data.values())))


if __name__ == "__main__":
    sys.exit(main())
