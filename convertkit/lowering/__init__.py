"""ONNX → TensorFlow, every value with its axis order and shape. Only in a worker; imports no torch.

A missing operator goes into its family in `operators/`.

Imports point downward only, in a line from left to right; `tests/lowering/test_layers.py` reads this:

    module: a tf.Module with `serving_default`, and a SavedModel on disk
    checks, layout: what is refused before any work; which axis order each input has
    scope, results: the nodes of a graph one after another; what their operators gave, as values
    registry: every operator by its name; alone in importing operators
    operators: one family a file
    patterns: what exporters broke up, put together again
    geometry: what families share
    repeats: values repeated along axes, and what they were before
    orders, declare, call: what an operator declares, and the node that it is handed
    functions, branches, nodes: what ONNX says of operators and graphs
    ranks, half: operands of too many axes with fewer, of half precision in float32
    value, origin, transposes, shapes, sizes: a tensor or constant, its axis order and shape, what made it
    element_types, narrow, wide, weights, activations, faults: types, constants, functions, errors
"""

from __future__ import annotations

from pathlib import Path

import onnx

from convertkit.lowering.checks import checked
from convertkit.lowering.faults import NeedsConstant, UnsupportedOperators
from convertkit.lowering.layout import Layout
from convertkit.lowering.module import Lowered, build, write_savedmodel

__all__ = ["Layout", "Lowered", "NeedsConstant", "UnsupportedOperators", "lower", "write_savedmodel"]


def lower(model: onnx.ModelProto, *, layout: Layout = "auto", base_dir: Path | None = None) -> Lowered:
    """Lower an ONNX model to a TensorFlow module.

    Args:
        model: as loaded; it is not changed.
        layout: `auto` gives an input channels-last order where it feeds a convolution, a pool or a resize;
            `source` keeps the source's order everywhere outside; `channels-last` permutes every image input
            and leaves outputs that are channels-last as they are.
        base_dir: where external data lies, if it was not loaded with the model.

    Returns:
        The module with `serving_default`, and its signature.

    Raises:
        ModelFileError: the graph is broken or of an unknown opset.
        UnsupportedOperators: operators are missing; all of them are named.
        StageError: a node cannot be lowered; one line names it.
    """
    return build(checked(model), layout, base_dir, {})
