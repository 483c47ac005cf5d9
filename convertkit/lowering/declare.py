"""What an operator declares: its opset range, and how it acts on an input whose axes are permuted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from convertkit.lowering.call import Call

LATEST_OPSET = 28


class Acts(Enum):
    """How an operator acts on a permuted input."""

    ELEMENTWISE = "any order, the same for all inputs; constants are permuted at build time"
    AXIS_WISE = "any order, the same for all data inputs; axis numbers go through the permutation"
    CHANNELS_LAST = "asks for channels-last data and gives channels-last results"
    LOGICAL = "asks for the source's order and gives it"
    FREE = "looks at the orders itself"


@dataclass(frozen=True)
class Operator:
    """How one ONNX operator is lowered.

    Attributes:
        lower: from the call to a tensor, a `Value`, or a list of them (one per output).
        acts: how it treats axis orders.
        since, until: the opsets it is right for.
        data: how many of the first inputs take part in the order; None for all.
        folds: False where the result differs from run to run, or where there is a subgraph.
        sizes: the same rule on vectors of sizes, where it has one.
    """

    lower: Callable[[Call], Any]
    acts: Acts
    since: int = 1
    until: int = LATEST_OPSET
    data: int | None = None
    folds: bool = True
    sizes: Callable[[Call], Any] | None = None


Table = dict[str, Operator | tuple[Operator, ...]]


def elementwise(function: Callable[..., Any], **rest: Any) -> Operator:
    """An operator that is a TensorFlow function of its tensors alone."""
    return Operator(lambda call: function(*call.tensors()), Acts.ELEMENTWISE, **rest)


def elementwise_call(lower: Callable[[Call], Any], **rest: Any) -> Operator:
    """An elementwise operator that reads attributes."""
    return Operator(lower, Acts.ELEMENTWISE, **rest)


def axis_wise(lower: Callable[[Call], Any], data: int | None = 1, **rest: Any) -> Operator:
    """An operator along axes that its attributes or further inputs name."""
    return Operator(lower, Acts.AXIS_WISE, data=data, **rest)


def channel_last(lower: Callable[[Call], Any], data: int | None = 1, **rest: Any) -> Operator:
    """An operator whose TensorFlow form wants the channels as the last axis."""
    return Operator(lower, Acts.CHANNELS_LAST, data=data, **rest)


def logical(lower: Callable[[Call], Any], **rest: Any) -> Operator:
    """An operator that is only right in the source's order."""
    return Operator(lower, Acts.LOGICAL, **rest)


def free(lower: Callable[[Call], Any], **rest: Any) -> Operator:
    """An operator that looks at the orders of its inputs itself."""
    return Operator(lower, Acts.FREE, **rest)


def until(opset: int, operator: Operator) -> Operator:
    """The operator as it was up to and including `opset`."""
    return replace(operator, until=opset)


def since(opset: int, operator: Operator) -> Operator:
    """The operator as it is from `opset` on."""
    return replace(operator, since=opset)
