"""The errors of the lowering, and how a node is named in them: node, operator, PyTorch module path."""

from __future__ import annotations

import onnx

from convertkit.causes import cause_line
from convertkit.errors import StageError
from convertkit.graphs.onnx_graph import module_path


class UnsupportedOperators(StageError):
    """The graph needs operators that the lowering does not have; all of them are listed."""


class NeedsConstant(StageError):
    """An operand that decides the shape of the graph is computed at run time.

    Attributes:
        operand: the ONNX name of it.
    """

    def __init__(self, message: str, operand: str) -> None:
        super().__init__(message)
        self.operand = operand


class UnevenBranches(StageError):
    """The branches of an `If` differ in rank, and only a run tells which is taken."""


class Undecided(Exception):
    """A rule on sizes met a question that only a run can answer."""


def describe(node: onnx.NodeProto) -> str:
    """One phrase for a node: `node 'conv2d' (Conv, from features.0)`."""
    name = node.name or (f"computing {node.output[0]}" if node.output else "unnamed")
    operator = f"{node.domain}::{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
    path = module_path(node)
    return f"node '{name}' ({operator}{f', from {path}' if path else ''})"


def first_line(error: BaseException) -> str:
    """The line of an error's text that names its cause, or its class."""
    return cause_line(str(error)) or type(error).__name__
