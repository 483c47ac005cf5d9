"""Whether a graph attends: a softmax of what it computed weighs values that it computed too."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from convertkit.graphs.heads import WEIGHTED, Step

SOFTMAXES = ("SOFTMAX", "Softmax")
PRODUCTS = ("BATCH_MATMUL", "MatMul")


def has_attention(steps: Sequence[Step], constants: Collection[str]) -> bool:
    """True where a softmax comes to a product of two computed values with nothing weighted between.

    Args:
        steps: of the main graph, in the order of execution.
        constants: names of the values that are no operator's.
    """
    shares: set[str] = set()
    for step in steps:
        is_read = bool(shares & set(step.inputs))
        if step.kind in PRODUCTS and is_read and not any(name in constants for name in step.inputs):
            return True
        if step.kind in SOFTMAXES or (is_read and step.kind not in WEIGHTED):
            shares |= set(step.outputs)
    return False
