"""What the GPU delegate asks of windows, weights, axes and sizes."""

from __future__ import annotations

from convertkit.delegates.gpu.inputs import TANH, activation, expects, running
from convertkit.delegates.graph import Operator

REFLECT = 0


def convolution(operator: Operator) -> str:
    """The filter may be computed, the bias not besides."""
    if len(running(operator)) > 2:
        return "3 inputs of a run"
    return activation(operator)


def depthwise(operator: Operator) -> str:
    """As a convolution, of one channel or with one filter a channel."""
    multiplier = operator.options["depth_multiplier"]
    tensors = (*operator.given[:2], operator.outputs[0])
    if any(tensor.rank != 4 for tensor in tensors):
        return "not of 4 axes"
    channels, given = tensors[0].shape[3], tensors[2].shape[3]
    if given != channels * multiplier or tensors[1].shape[3] != given:
        return "channels that do not match"
    return "several filters a channel" if multiplier != 1 and channels != 1 else convolution(operator)


def dense(operator: Operator) -> str:
    """Plain weights, an input that is no constant, and not weights and bias both computed."""
    options = operator.options
    if options["weights_format"]:
        return "packed weights"
    if len(running(operator)) > 2:
        return "3 inputs of a run"
    if operator.given[0].is_constant:
        return "a constant input"
    is_flattened = options["keep_num_dims"] and operator.given[0].rank != operator.outputs[0].rank
    return "keep_num_dims with other axes" if is_flattened else activation(operator)


def reduction(operator: Operator) -> str:
    """Along constant axes of int32."""
    if not operator.given[1].is_constant:
        return "axes that a run computes"
    return "" if operator.given[1].type == "int32" else f"axes of {operator.given[1].type}"


def padding(operator: Operator) -> str:
    """Of three or four axes; mirrored ones reflect."""
    if operator.options.get("mode", REFLECT) != REFLECT:
        return "SYMMETRIC padding"
    found = expects(1)(operator)
    rows = operator.given[1].shape
    return found or ("" if len(rows) == 2 and rows[0] in (3, 4) and rows[1] == 2 else f"{rows[0]} axes")


def three_or_four(operator: Operator) -> str:
    """A tensor of three or four axes."""
    return "" if operator.given[0].rank in (3, 4) else f"{operator.given[0].rank} axes"


def strided(operator: Operator) -> str:
    """Of three or four axes, none of them new, removed or left open."""
    for name, word in (("ellipsis", "an ellipsis"), ("new_axis", "a new axis"), ("shrink_axis", "an index")):
        if operator.options[f"{name}_mask"]:
            return f"{word} in the slice"
    return three_or_four(operator)


def block(operator: Operator) -> str:
    """Blocks larger than one."""
    return expects(1)(operator) or ("" if operator.options["block_size"] > 1 else "blocks of 1")


def lstm(operator: Operator) -> str:
    """The basic kernel with TANH and without clips, or the full one of 20 or 24 inputs."""
    options = operator.options
    if options["kernel_type"]:
        clips = options["cell_clip"] or options["proj_clip"]
        return expects(3, 2, 4)(operator) or ("clips" if clips else "")
    if len(operator.inputs) not in (20, 24):
        return f"{len(operator.inputs)} inputs"
    return "" if options["activation"] == TANH else "another activation"
