"""Every operator that can be lowered: the families' tables, joined. No other module imports `operators`."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

import onnx

from convertkit.lowering.declare import Operator
from convertkit.lowering.operators import (
    activation,
    bits,
    constant,
    control_flow,
    convolution,
    einsum,
    elementary,
    elementwise,
    index,
    matmul,
    microsoft,
    microsoft_attention,
    microsoft_quantize,
    normalization,
    pooling,
    quantize,
    rearrange,
    recurrent,
    reduce,
    reshape,
    resize,
    sampling,
    select,
    shape,
    signal,
    transposed_convolution,
)

FAMILIES = (
    activation,
    bits,
    constant,
    control_flow,
    convolution,
    einsum,
    elementary,
    elementwise,
    index,
    matmul,
    normalization,
    pooling,
    quantize,
    rearrange,
    recurrent,
    reduce,
    reshape,
    resize,
    sampling,
    select,
    shape,
    signal,
    transposed_convolution,
)


MICROSOFT = (microsoft, microsoft_attention, microsoft_quantize)


def joined(families: Iterable[ModuleType]) -> dict[str, tuple[Operator, ...]]:
    """Name → its forms by opset.

    Raises:
        ValueError: two families have the same operator.
    """
    table: dict[str, tuple[Operator, ...]] = {}
    for family in families:
        for name, entry in family.OPERATORS.items():
            if name in table:
                raise ValueError(f"operator {name} is registered twice")
            table[name] = entry if isinstance(entry, tuple) else (entry,)
    return table


OPERATORS = joined(FAMILIES)
DOMAINS = {"": OPERATORS, "ai.onnx": OPERATORS, "com.microsoft": joined(MICROSOFT)}


def find(node: onnx.NodeProto, opset: int) -> Operator | None:
    """The form of a node's operator that is right for the opset of its domain, None where there is none."""
    forms = DOMAINS.get(node.domain, {}).get(node.op_type, ())
    return next((form for form in forms if form.since <= opset <= form.until), None)
