"""What the GPU delegate asks of inputs and outputs. What is wrong is a word or two; else nothing."""

from __future__ import annotations

from collections.abc import Callable

from convertkit.delegates.graph import Operator, Tensor

FLOATS = frozenset(["float32", "float16"])
SIGN_BIT, TANH = 5, 4

Check = Callable[[Operator], str]


def running(operator: Operator) -> list[Tensor]:
    """The inputs that only a run knows."""
    return [tensor for tensor in operator.given if not tensor.is_constant]


def taken(operator: Operator) -> str:
    """Nothing is asked."""
    return ""


def expects(inputs: int, constants: int | None = None, outputs: int = 1) -> Check:
    """So many inputs that only a run knows, so many constants where it is said, and so many outputs."""

    def check(operator: Operator) -> str:
        found = len(running(operator))
        if found != inputs:
            return f"{found} inputs of a run, not {inputs}"
        fixed = len(operator.given) - found
        if constants is not None and fixed != constants:
            return f"{fixed} constants, not {constants}"
        return "" if len(operator.outputs) == outputs else f"{len(operator.outputs)} outputs"

    return check


def both(*checks: Check) -> Check:
    """What the first of some checks that finds something says."""
    return lambda operator: next(filter(None, (check(operator) for check in checks)), "")


def activation(operator: Operator) -> str:
    """Every fused activation but the sign bit."""
    return "fused SIGN_BIT" if operator.options.get("activation") == SIGN_BIT else ""


def elementwise(operator: Operator) -> str:
    """Two operands, of which one may be a constant."""
    count, fixed = len(running(operator)), len(operator.given) - len(running(operator))
    if (count, fixed) not in ((2, 0), (1, 1)):
        return f"{count} inputs of a run and {fixed} constants"
    return activation(operator)


def broadcast(operator: Operator) -> str:
    """Two operands whose sizes, from the last axis on, are equal or one."""
    if len(operator.inputs) != 2:
        return f"{len(operator.inputs)} inputs"
    one, other = (tensor.shape for tensor in operator.given)
    if min(len(one), len(other)) < 2 or len(one) == len(other):
        return ""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return "" if all(1 in pair or pair[0] == pair[1] for pair in pairs) else "shapes that do not broadcast"


def multiplication(operator: Operator) -> str:
    """One operand that is not smaller than the other along any axis, or a broadcast."""
    if len(operator.inputs) != 2:
        return f"{len(operator.inputs)} inputs"
    one, other = (tensor.shape for tensor in operator.given)
    if len(one) != len(other):
        return broadcast(operator) or activation(operator)
    is_crossed = any(a < b for a, b in zip(one, other, strict=True)) and any(
        a > b for a, b in zip(one, other, strict=True)
    )
    return "an outer product" if is_crossed else activation(operator)


def matmul(operator: Operator) -> str:
    """Two operands."""
    return "" if len(operator.inputs) == 2 else f"{len(operator.inputs)} inputs"


def cast(operator: Operator) -> str:
    """Between float32 and int32, and of booleans."""
    given, made = operator.given[0].type, operator.outputs[0].type
    numbers = {"float32", "int32"}
    fits = (
        (given == "bool" and made in FLOATS)
        or (given in FLOATS and made == "bool")
        or {given, made} <= numbers
    )
    return expects(1)(operator) or ("" if fits else f"{given} to {made}")


def gather(operator: Operator) -> str:
    """Along one axis, by a list of int32."""
    found = elementwise(operator)
    if found:
        return found
    values, indices = operator.given
    if values.type == "int32":
        return "int32"
    if indices.rank != 1:
        return f"indices of {indices.rank} axes"
    return "" if indices.type == "int32" else f"indices of {indices.type}"


def select(operator: Operator) -> str:
    """Floats, of the output's shape or single numbers."""
    if len(operator.inputs) != 3:
        return f"{len(operator.inputs)} inputs"
    condition, *values = operator.given
    if condition.type not in FLOATS | {"bool"} or any(value.type not in FLOATS for value in values):
        return next(tensor.type for tensor in (*values, condition) if tensor.type not in FLOATS)
    for value in values:
        if value.shape not in ((), operator.outputs[0].shape) and (value.rank > 1 or value.shape[0] > 1):
            return "values that are broadcast"
        if value.is_constant and value.rank == 2:
            return "constant values of 2 axes"
    return ""


def one_hot(operator: Operator) -> str:
    """Of int32 along the last axis, with constant float numbers."""
    indices, _, *values = operator.given
    if indices.type != "int32" or any(value.type != "float32" for value in values):
        return "types"
    if not all(value.is_constant and value.rank <= 1 for value in values):
        return "values that a run computes"
    sizes = indices.shape[1 if indices.rank > 3 else 0 : -1]
    return "" if all(size == 1 for size in sizes) else "several indices a sample"


def cumsum(operator: Operator) -> str:
    """Floats along a constant axis."""
    values, axis = operator.given
    return "" if values.type in FLOATS and axis.is_constant and axis.type == "int32" else values.type


def dequantize(operator: Operator) -> str:
    """Not of int16."""
    return "int16" if operator.given[0].type == "int16" else ""


def softmax(operator: Operator) -> str:
    """Without a factor."""
    return "" if operator.options["beta"] == 1 else f"beta {operator.options['beta']:g}"
