"""Operators that PyTorch's exporter to ONNX lacks, or writes wrongly, by those that it has. Runs in a worker.

Each is a function of PyTorch's own operators, with the arguments of the one that it takes the place of. What
cannot be written for its arguments gives NotImplemented, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from convertkit.pytorch.bags import BAGS, bags, mark_equal_bags
from convertkit.pytorch.load import Module
from convertkit.pytorch.watch import Call, Run, watch

aten = torch.ops.aten
FEW = 25  # rows: above, PyTorch itself computes distances by products


def adaptive_max(x: Tensor, size: list[int]) -> Any:
    """Each place the largest of its own slice; the indices are not written."""
    for axis, count in zip(range(-len(size), 0), size, strict=True):
        length = x.shape[axis]
        if not isinstance(length, int):
            return NotImplemented
        slices = [(place * length // count, -(-(place + 1) * length // count)) for place in range(count)]
        parts = [x.narrow(axis, low, high - low).amax(axis, keepdim=True) for low, high in slices]
        x = torch.cat(parts, axis)
    return x, torch.zeros_like(x, dtype=torch.int64)


def distances(x: Tensor, y: Tensor, p: float = 2.0, compute_mode: int | None = None) -> Any:
    """Of every row of one to every row of the other."""
    many = any(not isinstance(n, int) or n > FEW for n in (x.shape[-2], y.shape[-2]))
    if p == 2 and (compute_mode == 1 or (compute_mode != 2 and many)):
        squares = x.square().sum(-1, keepdim=True) + y.square().sum(-1).unsqueeze(-2)
        return (squares - 2 * x @ y.transpose(-1, -2)).clamp(min=0).sqrt()
    return torch.linalg.vector_norm(x.unsqueeze(-2) - y.unsqueeze(-3), p, -1)


def running(combine: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Any]:
    """What each element makes of all before it, in steps that double."""

    def decomposed(x: Tensor, dim: int, dtype: torch.dtype | None = None) -> Any:
        size = x.shape[dim]
        if not isinstance(size, int) or not x.dim():
            return NotImplemented
        x, step = x if dtype is None else x.to(dtype), 1
        while step < size:
            later = combine(x.narrow(dim, step, size - step), x.narrow(dim, 0, size - step))
            x, step = torch.cat([x.narrow(dim, 0, step), later], dim), step * 2
        return x

    return decomposed


def kth(x: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element, and its place."""
    values, places = torch.topk(x, k, dim, largest=False)
    pair = values.narrow(dim, k - 1, 1), places.narrow(dim, k - 1, 1)
    return pair if keepdim else tuple(each.squeeze(dim) for each in pair)


def hypotenuse(x: Tensor, y: Tensor) -> Tensor:
    """The length of a vector of two."""
    return (x.square() + y.square()).sqrt()


def pooled(
    x: Tensor,
    kernel_size: list[int],
    stride: list[int] | None = None,
    padding: int | list[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """An average by a divisor of one's own: the one by the size of the window, scaled."""
    if divisor_override is None or ceil_mode:
        return NotImplemented
    del count_include_pad  # the divisor is told
    means = torch.nn.functional.avg_pool2d(x, kernel_size, stride or kernel_size, padding)
    return means * (kernel_size[0] * kernel_size[-1] / divisor_override)


def leaky(x: Tensor, lower: float = 0.125, upper: float = 1 / 3, training: bool = False, *rest: Any) -> Any:
    """RReLU as it is in eval mode: its slope in the middle."""
    del rest
    return NotImplemented if training else torch.nn.functional.leaky_relu(x, (lower + upper) / 2)


TABLE: dict[Any, Callable[..., Any]] = {
    aten.adaptive_max_pool1d.default: adaptive_max,
    aten.adaptive_max_pool2d.default: adaptive_max,
    aten.adaptive_max_pool3d.default: adaptive_max,
    aten.cdist.default: distances,
    aten._cdist_forward.default: distances,
    aten.cumprod.default: running(torch.mul),
    aten.kthvalue.default: kth,
    aten.hypot.default: hypotenuse,
    aten.avg_pool2d.default: pooled,
    aten.rrelu.default: leaky,
    **dict.fromkeys(BAGS, bags),
}


NAMES = {operator.overloadpacket.__name__ for operator in TABLE}
FIRST_ALONE = frozenset(operator for operator, function in TABLE.items() if function in (adaptive_max, bags))


def without_gaps(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """The program without the operators of the table; itself where it has none of them."""
    targets = {node.target for node in program.graph.nodes} & set(TABLE)
    table = {target: TABLE[target] for target in targets if target not in all_read(program)}
    if not table.keys().isdisjoint(BAGS):
        mark_equal_bags(program)
    return program.run_decompositions(table) if table else program


def all_read(program: torch.export.ExportedProgram) -> set[Any]:
    """Pools and bags of which something reads more than the values: only these are written by others."""
    return {
        node.target
        for node in program.graph.nodes
        if node.target in FIRST_ALONE and any(user.args[1] and user.users for user in node.users)
    }


def has_gaps(model: Module, inputs: Sequence[Tensor]) -> bool:
    """True where a model that is no exported program runs an operator of the table."""
    found: set[str] = set()

    def note(call: Call, run: Run) -> Any:
        if call.operator != "avg_pool2d" or call.arguments.get("divisor_override"):
            found.add(call.operator)
        return run()

    try:
        watch(model, inputs, note)
    except Exception:  # what cannot be watched is exported as it is
        return False
    return bool(found & NAMES)
