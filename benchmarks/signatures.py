"""The corpus of signatures: every model from every kind of source, in float32 and INT8.

`python -m benchmarks.signatures [NAME …]` prints what became of each; all of them write docs/signatures.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.signatures_models import BY_NAME, CASES
from benchmarks.signatures_page import write_page
from benchmarks.signatures_try import Row, try_case
from convertkit.config.run_settings import LimitOptions
from convertkit.workers.pool import Workers


def main(names: list[str]) -> int:
    """Try the models; exit code 1 where one is wrong, or ends without a line that says what to do."""
    cases = [BY_NAME[name.partition("/")[0]] for name in names] or CASES
    only = {name.partition("/")[0]: name.partition("/")[2] for name in names}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="signatures-") as name:
        scratch = Path(name)
        with Workers(scratch, LimitOptions(job_seconds=300.0), 1) as workers:
            for case in cases:
                for kind in case.kinds:
                    if only.get(case.name) in (None, "", kind):
                        made = try_case(case, kind, workers, scratch / case.name / kind)
                        rows += made
                        for row in made:
                            print(shown(row), flush=True)
    counts = Counter(row.outcome for row in rows)
    print(" · ".join(f"{outcome} {count}" for outcome, count in counts.most_common()))
    if not names:
        write_page(rows)
    return int(any(counts[outcome] for outcome in ("wrong", "traceback", "dead end")))


def shown(row: Row) -> str:
    """A row as a line."""
    return f"{row.name:16} {row.kind:12} {row.precision:8} {row.outcome:12} {row.detail}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
