"""What torch.export says of a model that it does not take, in plain words. Imports no framework."""

from __future__ import annotations

import re
from pathlib import PurePath

from convertkit.causes import first_line

BRANCH = re.compile(r"data-dependent|dynamic control flow", re.IGNORECASE)
FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in \w+\n\s*(?P<code>[^\n]+)')
BRANCH_HINT = "write torch.where or torch.cond in its place, or save the model as scripted TorchScript"
LACKS = re.compile(r"No ONNX function found for <OpOverload\(op='(?P<name>[\w.]+)'")
LACKS_HINT = "write it with other operators, or do that step outside of the model"
LONGEST = 300


def plain_words(error: BaseException) -> str:
    """An exporter's innermost cause, one line; control flow is told by its line of code."""
    error = innermost(error)
    lacking = LACKS.search(str(error))
    if lacking:
        return f"ONNX has no operator for {lacking['name']}"
    if not BRANCH.search(str(error)):
        return f"{type(error).__name__}: {first_line(error)}"[:LONGEST]
    frames = list(FRAME.finditer(str(error)))
    where = ""
    if frames:
        last = frames[-1]
        where = f": `{last['code'].strip()}` ({PurePath(last['file']).name} line {last['line']})"
    return f"its control flow depends on the values of a tensor{where}"[:LONGEST]


def advice(error: BaseException) -> str:
    """What to do about an exporter's error; empty where nothing is known."""
    return LACKS_HINT if LACKS.search(str(innermost(error))) else ""


def innermost(error: BaseException) -> BaseException:
    """The first cause of an error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
