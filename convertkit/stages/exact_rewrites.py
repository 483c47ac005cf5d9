"""onnxscript's rules that remove `x + 0` and `x * 1`, held to exactly 0 and 1. Runs in a worker.

They take every constant within 1e-8 of 0 for 0: `log(x + 1e-10)` lost its epsilon in the export, gave -Inf.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


def make_exact() -> None:
    """Set the tolerance of the rules' constants to 0; does nothing where onnxscript has no such rules."""
    with contextlib.suppress(ImportError, AttributeError):  # their modules are private
        for constant in constants():
            constant._rel_tol = constant._abs_tol = 0.0


def constants() -> Iterator[Any]:
    """The constants in the patterns of the rules."""
    from onnxscript.rewriter import _pattern_ir
    from onnxscript.rewriter.rules.common import _no_op

    for rule in _no_op.rules:
        for node in rule._target_pattern:
            yield from (each for each in node.inputs if isinstance(each, _pattern_ir.Constant))
