"""The end of a graph: where parts of different units are put into one tensor, and what follows there.

A tensor of eight bits has one scale. Of boxes in pixels and scores below one the scores round to zero in it,
so what joins them has to stay float, and all that follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from convertkit.artifacts.signature import Array

MOST_APART = 16.0  # a part of a sixteenth of the range has four of the eight bits left
JOINS = frozenset(
    ["CONCATENATION", "PACK", "SELECT_V2", "DYNAMIC_UPDATE_SLICE", "Concat", "Where", "ScatterND"]
)
SCALINGS = frozenset(["MUL", "DIV", "Mul", "Div"])
ROOTS = frozenset(["RSQRT", "SQRT", "Sqrt"])
WEIGHTED = frozenset(
    [
        "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "CONV_3D_TRANSPOSE", "FULLY_CONNECTED",
        "BATCH_MATMUL", "SVDF", "RNN", "LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN",
        "BIDIRECTIONAL_SEQUENCE_LSTM", "WHILE", "IF", "CALL_ONCE", "Conv", "ConvTranspose", "Gemm", "MatMul",
        "LSTM", "GRU", "RNN", "Loop", "If", "Scan", "Einsum", "Attention",
    ]
)  # fmt: skip


class Step(NamedTuple):
    """One use of an operator, by the names of its tensors."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Head(NamedTuple):
    """Operators at the end of a graph whose values are of several units.

    Attributes:
        steps: their numbers, in the order of execution.
        first: the first tensor of several units.
        ratio: of the widest range of one of its parts to the narrowest.
    """

    steps: tuple[int, ...]
    first: str
    ratio: float

    def describe(self) -> str:
        """`5 operators from 'cat' on stay float: a part there has a range 640 times as wide as another`."""
        count = f"{len(self.steps)} operator{'' if len(self.steps) == 1 else 's'}"
        return (
            f"{count} from '{self.first}' on stay float: "
            f"a part there has a range {self.ratio:.0f} times as wide as another"
        )


def mixed_head(
    steps: Sequence[Step], spans: Mapping[str, float], constants: Mapping[str, Array]
) -> Head | None:
    """The operators that have to stay float so that every part keeps its own scale; None where none has.

    Args:
        steps: of the main graph, in the order of execution.
        spans: width of the range of each float tensor, zero within it; what is not known may be missing.
        constants: float values of the constants.
    """
    tail = weightless_tail(steps)
    ratios = ratios_of(steps, spans, constants)
    starts = [number for number in tail if ratios[number] > MOST_APART]
    if not starts:
        return None
    mixed = {name for number in starts for name in steps[number].outputs}
    kept = set(starts)
    for number in tail:
        if mixed & set(steps[number].inputs):
            mixed |= set(steps[number].outputs)
            kept.add(number)
    return Head(tuple(sorted(kept)), steps[starts[0]].outputs[0], ratios[starts[0]])


def weightless_tail(steps: Sequence[Step]) -> list[int]:
    """Numbers of the operators that no weighted one follows, in the order of execution."""
    before_weights: set[str] = set()
    tail = []
    for number in reversed(range(len(steps))):
        step = steps[number]
        if step.kind in WEIGHTED or before_weights & set(step.outputs):
            before_weights |= set(step.inputs)
        else:
            tail.append(number)
    return tail[::-1]


def is_join(step: Step) -> bool:
    """True where an operator puts several values into one."""
    return step.kind in JOINS


def ratios_of(
    steps: Sequence[Step], spans: Mapping[str, float], constants: Mapping[str, Array]
) -> dict[int, float]:
    """By its number, how many times as wide one part of an operator of the tail is as another.

    The scale of a normalization makes no units, however small some of its numbers are.
    """
    makers = {name: step for step in steps for name in step.outputs}
    return {
        number: 1.0 if scales_normalized(steps[number], makers) else ratio_of(steps[number], spans, constants)
        for number in weightless_tail(steps)
    }


def scales_normalized(step: Step, makers: Mapping[str, Step]) -> bool:
    """True for a product with what was divided by a deviation, the root of a mean of squares."""
    divided = [makers[name] for name in step.inputs if name in makers]
    roots = [makers[name].kind for each in divided for name in each.inputs if name in makers]
    is_divided = any(each.kind in SCALINGS for each in divided)
    return step.kind in SCALINGS and is_divided and any(kind in ROOTS for kind in roots)


def ratio_of(step: Step, spans: Mapping[str, float], constants: Mapping[str, Array]) -> float:
    """How many times as wide the range of one part is as that of another, in what an operator gives."""
    if is_join(step):
        widths = [spans[name] for name in step.inputs if spans.get(name, 0.0) > 0]
        return max(widths) / min(widths) if len(widths) > 1 else 1.0
    if step.kind in SCALINGS:
        return max((spread(constants[name]) for name in step.inputs if name in constants), default=1.0)
    return 1.0


def spread(values: Array) -> float:
    """Largest of the absolute values over the smallest, zeros aside; 1 where all are zero."""
    sizes = np.abs(values[values != 0]).astype(np.float64)
    return float(sizes.max() / sizes.min()) if sizes.size else 1.0


def span(values: Array) -> float:
    """Width of the range of values, zero within it."""
    return float(max(values.max(initial=0), 0) - min(values.min(initial=0), 0))
