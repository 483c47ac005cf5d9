"""What was tried and what came of it, as a line and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

HEAD = """# Faults

`make faults` tries files from strangers, damage, full disks and killed runs, and prints what came of them;
it ends with 1 where one came out otherwise than it has to. `make test` tries a tenth of the first six.
Workers killed in the middle of a hop have a run of their own, `make kill-test`. How convertkit answers is in
[security](security.md) and [exit codes](exit-codes.md). `read` is a file in which reading finds nothing
wrong: it goes to a worker of a framework. The parts may be run apart (`--only`); each row says when it was.

"""


class Part(msgspec.Struct, frozen=True):
    """One kind of fault.

    Attributes:
        name: what was tried.
        tried: how often.
        outcomes: what came of it, and how often.
        wrong: one line for each that came out otherwise than it has to.
        share: one in so many of the nightly size.
        day: when.
    """

    name: str
    tried: int
    outcomes: dict[str, int]
    wrong: tuple[str, ...] = ()
    share: int = 1
    day: str = ""

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


def keep(folder: Path, number: int, part: Part, share: int) -> None:
    """Keep what came of a part, in place of what came of it before."""
    folder.mkdir(parents=True, exist_ok=True)
    dated = msgspec.structs.replace(part, share=share, day=f"{datetime.now(UTC):%Y-%m-%d}")
    (folder / f"{number:02d}.json").write_bytes(msgspec.json.encode(dated))


def kept(folder: Path) -> list[Part]:
    """What came of every part when it was last run, in their order."""
    return [msgspec.json.decode(file.read_bytes(), type=Part) for file in sorted(folder.glob("*.json"))]


def page(parts: Sequence[Part]) -> str:
    """The page of these parts."""
    lines = ["| tried | how often | what came of it | wrong | size, day |", "|---|---|---|---|---|"]
    for part in parts:
        size = "nightly" if part.share == 1 else f"1 / {part.share}"
        cells = (part.name, f"{part.tried:,}", part.told, len(part.wrong), f"{size}, {part.day}")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return HEAD + "\n".join(lines) + "\n"
