"""What was tried and what came of it, as a line and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

HEAD = """# Faults

`make faults` tries files from strangers, damage, full disks and killed runs, and prints what came of them;
it ends with 1 where one came out otherwise than it has to. `make test` tries a tenth of the first five.
Workers killed in the middle of a hop have a run of their own, `make kill-test`. How convertkit answers is in
[security](security.md) and [exit codes](exit-codes.md). `read` is a file in which reading finds nothing
wrong: it goes to a worker.

"""


class Part(msgspec.Struct, frozen=True):
    """One kind of fault.

    Attributes:
        name: what was tried.
        tried: how often.
        outcomes: what came of it, and how often.
        wrong: one line for each that came out otherwise than it has to.
    """

    name: str
    tried: int
    outcomes: dict[str, int]
    wrong: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The outcomes, the most frequent first."""
        return ", ".join(
            f"{count} {name}" for name, count in sorted(self.outcomes.items(), key=lambda o: -o[1])
        )

    @property
    def line(self) -> str:
        """`hostile files: 80 tried, 80 refused (exit 6), 0 wrong`."""
        return f"{self.name}: {self.tried} tried, {self.told}, {len(self.wrong)} wrong"


def page(parts: Sequence[Part], share: int) -> str:
    """The page of a run."""
    size = "the nightly size" if share == 1 else f"one in {share} of the nightly size"
    lines = ["| tried | how often | what came of it | wrong |", "|---|---|---|---|"]
    lines += [f"| {part.name} | {part.tried:,} | {part.told} | {len(part.wrong)} |" for part in parts]
    return f"{HEAD}{datetime.now(UTC):%Y-%m-%d}, {size}:\n\n" + "\n".join(lines) + "\n"
