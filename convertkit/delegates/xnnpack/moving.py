"""Operators of XNNPACK that move, cut, join, pad or pool."""

from __future__ import annotations

from collections.abc import Mapping

from convertkit.delegates.graph import Operator
from convertkit.delegates.xnnpack.tensors import (
    BYTES,
    QUANTIZED,
    Check,
    Fixed,
    activation,
    all_typed,
    count,
    first,
    shaped,
    static,
    typed,
)


def pooling(*types: str) -> Check:
    """A window that is no smaller than its step."""

    def check(operator: Operator, unpacked: Fixed) -> str:
        options = operator.options
        steps, windows = ((options[f"{name}_h"], options[f"{name}_w"]) for name in ("stride", "filter"))
        far = "steps beyond the window" if steps[0] > windows[0] or steps[1] > windows[1] else ""
        return first(all_typed(operator, types), far, activation(operator))

    return check


def concatenation(operator: Operator, unpacked: Fixed) -> str:
    """Two to five parts."""
    found = first(count(operator, (2, 5)), all_typed(operator, QUANTIZED))
    made = operator.outputs[0]
    if found or made.type != "uint8":
        return found
    same = {(part.scales, part.zero_points) for part in (*operator.given, made)}
    return "" if len(same) == 1 else "parts of several scales"


def reduction(operator: Operator, unpacked: Fixed) -> str:
    """Along constant axes of int32."""
    axes = operator.given[1]
    found = first(count(operator, (2, 2)), all_typed(operator, QUANTIZED, slice(1)))
    return found or first("" if axes.type == "int32" else axes.type, static(axes, what="axes"))


def padding(operator: Operator, unpacked: Fixed) -> str:
    """Constant and of zeros."""
    found = first(
        count(operator, (2, 2)),
        all_typed(operator, QUANTIZED, slice(1)),
        shaped(operator.given[0], 1),
        static(operator.given[1], what="sizes"),
    )
    if found:
        return found
    if operator.given[1].type != "int32":
        return f"sizes of {operator.given[1].type}"
    return "negative padding" if min(operator.given[1].values or (0,)) < 0 else ""


def reshape(operator: Operator, unpacked: Fixed) -> str:
    """To a constant shape, at the same scale."""
    given, made = operator.given[0], operator.outputs[0]
    found = first(all_typed(operator, QUANTIZED, slice(1)), shaped(given), shaped(made))
    if (
        not found
        and made.type in BYTES
        and (given.scales, given.zero_points) != (made.scales, made.zero_points)
    ):
        found = "another scale"
    if found or len(operator.inputs) < 2:
        return found
    shape = operator.given[1]
    return first(static(shape, what="shape"), "" if shape.type == "int32" else f"shape of {shape.type}")


def resize(operator: Operator, unpacked: Fixed) -> str:
    """Of four axes, to a constant size."""
    found = first(
        all_typed(operator, QUANTIZED, slice(1)),
        shaped(operator.given[0], 4, 4),
        static(operator.given[1], what="sizes"),
    )
    return found or ("" if operator.given[1].type == "int32" else operator.given[1].type)


def slicing(operator: Operator, unpacked: Fixed) -> str:
    """From constant places, of constant sizes."""
    found = first(
        *(static(tensor, what="places") for tensor in operator.given[1:3]),
        all_typed(operator, QUANTIZED, slice(1)),
    )
    return found or ("to the end" if min(operator.given[2].values or (1,)) <= 0 else "")


def strided(operator: Operator, unpacked: Fixed) -> str:
    """Constant places, a step of one, no axis new or removed."""
    options = operator.options
    for name, word in (("ellipsis", "an ellipsis"), ("new_axis", "a new axis"), ("shrink_axis", "an index")):
        if options[f"{name}_mask"]:
            return f"{word} in the slice"
    given, begins, ends, steps = operator.given
    found = first(
        *(static(tensor, what="places") for tensor in (steps, begins, ends)),
        *("" if tensor.type == "int32" else tensor.type for tensor in (steps, begins, ends)),
        all_typed(operator, QUANTIZED, slice(1)),
        "" if begins.shape == ends.shape == steps.shape == (given.rank,) else "fewer places than axes",
    )
    if found:
        return found
    if any(step != 1 for step in steps.values or ()):
        return "steps"
    return strided_bounds(given.shape, begins.values or (), ends.values or (), options)


def strided_bounds(
    shape: tuple[int, ...], begins: tuple[int, ...], ends: tuple[int, ...], options: Mapping[str, float]
) -> str:
    """Nothing of the slice lies beyond the tensor, as the file has its shape."""
    for axis, size in enumerate(shape):
        begin = 0 if int(options["begin_mask"]) >> axis & 1 else begins[axis]
        end = 0 if int(options["end_mask"]) >> axis & 1 else ends[axis]
        start = begin + size if begin < 0 else begin
        if (end + size if end <= 0 else end) > size or start > size:
            return "a slice beyond its input"
    return ""


def block(operator: Operator, unpacked: Fixed) -> str:
    """Blocks larger than one that fit."""
    size = operator.options["block_size"]
    found = all_typed(operator, QUANTIZED) or ("" if size > 1 else "blocks of 1")
    if found or operator.kind == "DEPTH_TO_SPACE":
        return found
    return "sizes that blocks do not divide" if any(n % size for n in operator.given[0].shape[1:3]) else ""


def split(operator: Operator, unpacked: Fixed) -> str:
    """Two to four even parts along a constant axis."""
    found = first(count(operator, (2, 2), (2, 4)), static(operator.given[0], what="axis"))
    return found or all_typed(operator, QUANTIZED, slice(1, None))


def transpose(operator: Operator, unpacked: Fixed) -> str:
    """By a constant order."""
    return first(typed(operator.given[0], QUANTIZED), static(operator.given[1], what="order"))
