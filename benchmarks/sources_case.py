"""What a form of model or data is given as, what has to come of it, and what came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

Build = Callable[[Path], None]
Way = Literal["options", "model", "shell", "python"]


class Hint(msgspec.Struct, frozen=True):
    """What a reader does with the hint of a row.

    Attributes:
        quoted: what is pasted, as it stands in the hint.
        way: behind the row's words, in the place of the model, or into a shell or Python.
        fill: what stands for the reader's own in it → what that is here.
        build: writes what the reader has besides.
        before: Python that has run before.
        then: words of `convertkit` afterwards.
    """

    quoted: str
    way: Way
    fill: dict[str, str] = {}
    build: Build | None = None
    before: str = ""
    then: tuple[str, ...] = ()


class Case(msgspec.Struct, frozen=True):
    """One form of model.

    Attributes:
        given: what it is, as a row of the page says it.
        build: writes its files into an empty folder.
        words: of `convertkit convert`, in that folder.
        code: the exit code that has to come.
        line: words that have to be in what is printed.
        is_whole: it is to come to INT8 in one command.
        hint: what can be pasted of its hint; None: it is words alone.
    """

    name: str
    given: str
    build: Build
    words: tuple[str, ...]
    code: int = 0
    line: str = "PASSED"
    is_whole: bool = False
    hint: Hint | None = None


class Row(msgspec.Struct, frozen=True):
    """What came of a form, of model or data.

    Attributes:
        given: what it is.
        command: how it was given.
        told: the one line that a user reads.
        pasted: what was pasted of the hint, and the exit code that came; empty: nothing.
        seconds: wall time, without what was pasted.
        fault: what is not as it has to be; empty where all is.
    """

    name: str
    given: str
    command: str
    code: int
    told: str
    seconds: float
    pasted: str = ""
    fault: str = ""
