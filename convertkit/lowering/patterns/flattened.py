"""A fully connected layer over all axes of a tensor that lies in another order: its weights take that order.

Nothing is transposed at run time then; each sum has the same terms, in another order.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import onnx

from convertkit.lowering.origin import Origin
from convertkit.lowering.patterns.matching import Found, Named
from convertkit.lowering.sizes import is_equal
from convertkit.lowering.value import Value

Apply = Callable[..., Value]

FLAT = Named("flat", [("Flatten", "x"), ("Reshape", "x")])
BY_GEMM = ("Gemm", FLAT, "weights")
BY_MATMUL = ("MatMul", FLAT, "weights")


def connected(apply: Apply, found: Found, origin: Origin[Value]) -> Value | None:
    """`flat(x) · W`, x in an order of its own, as the product of x as it lies and W in that order."""
    x, flat, weights = found["x"], found["flat"], found["weights"]
    sizes = x.shape[1:]
    if not x.is_tensor or not x.is_permuted or x.order[0] != 0 or flat.rank != 2 or weights.rank != 2:
        return None
    if not weights.is_constant or is_equal(flat.shape[0], x.shape[0]) is not True:
        return None
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) != len(sizes) or origin.attribute("transA", 0) or flat.shape[1] != prod(known):
        return None
    is_turned = bool(origin.attribute("transB", 0))
    matrix = weights.logical().data
    rows = (matrix.T if is_turned else matrix).reshape(*known, -1)
    moved = rows.transpose(*[axis - 1 for axis in x.order[1:]], len(known)).reshape(prod(known), -1)
    ordered = Value(np.ascontiguousarray(moved.T if is_turned else moved))
    told = {each.name: onnx.helper.get_attribute_value(each) for each in origin.node.attribute}
    lying = apply("Flatten", [x.renamed(x.order)])
    return apply(origin.node.op_type, [lying, ordered, *origin.values[2:]], **told)
