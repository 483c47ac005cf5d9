"""`make real-files`: pretrained files out of wheels, each as its user would give it; docs/real-files.md."""

from __future__ import annotations

import sys

import msgspec

from benchmarks.real_files_case import KEPT, Row
from benchmarks.real_files_models import CASES
from benchmarks.real_files_page import write_page
from benchmarks.real_files_try import try_case


def main() -> int:
    """Try every file, or those that are named, and write the page once all have been.

    Exit code 1 where one ended in a traceback, or an artifact passed that is not its source.
    """
    record = KEPT / "rows.json"
    known = msgspec.json.decode(record.read_bytes(), type=dict[str, Row]) if record.is_file() else {}
    wanted = sys.argv[1:]
    for case in CASES:
        if wanted and case.name not in wanted:
            continue
        row = known[case.name] = try_case(case)
        print(
            f"{row.name:<20} {row.code} {row.outcome:<11} {row.seconds:5.0f} s  {row.detail}  {row.own_db}",
            flush=True,
        )
        record.write_bytes(msgspec.json.encode(known))
    if all(case.name in known for case in CASES):
        write_page([known[case.name] for case in CASES])
    return int(any(row.outcome in ("traceback", "wrong") for row in known.values()))


if __name__ == "__main__":
    sys.exit(main())
