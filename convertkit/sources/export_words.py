"""What torch.export says of a model that it does not take, in plain words. Imports no framework."""

from __future__ import annotations

import re
from pathlib import PurePath

from convertkit.errors import first_line

BRANCH = re.compile(r"data-dependent|dynamic control flow", re.IGNORECASE)
FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in \w+\n\s*(?P<code>[^\n]+)')
BRANCH_HINT = "write torch.where or torch.cond in its place, or save the model as scripted TorchScript"
LONGEST = 300


def plain_words(error: BaseException) -> str:
    """An exporter's innermost cause, one line; control flow is told by its line of code."""
    while error.__cause__ is not None:
        error = error.__cause__
    if not BRANCH.search(str(error)):
        return f"{type(error).__name__}: {first_line(error)}"[:LONGEST]
    frames = list(FRAME.finditer(str(error)))
    where = ""
    if frames:
        last = frames[-1]
        where = f": `{last['code'].strip()}` ({PurePath(last['file']).name} line {last['line']})"
    return f"its control flow depends on the values of a tensor{where}"[:LONGEST]
