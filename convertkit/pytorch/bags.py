"""`nn.EmbeddingBag` by operators that every format has; the exporter writes a loop over the bags.

Runs in a worker. Each function gives what `aten.embedding_bag` does: the bags [bags, width], and three
tensors that nothing reads.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.symbolic_shapes import statically_known_true
from torch.nn import functional

aten = torch.ops.aten
SUM, MEAN, LARGEST = range(3)
BAGS = (
    aten.embedding_bag.padding_idx,
    aten._embedding_bag.default,
    aten._embedding_bag_forward_only.default,
)
DEFAULTS = (False, SUM, False, None, False, None)  # of the arguments after the first three


def bags(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = SUM,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = -1,
) -> Any:
    """Bags of any sizes: a matrix [bags, n] of which bag holds which of the indices, times their rows.

    Args:
        indices: [n], bag after bag.
        offsets: [bags], where each starts; its own end too with `include_last_offset`.
    """
    del scale_grad_by_freq, sparse
    starts = offsets[:-1] if include_last_offset else offsets
    places = torch.arange(indices.shape[0], device=indices.device)
    bag_of_each = (starts.unsqueeze(1) <= places).sum(0) - 1
    is_held = bag_of_each == torch.arange(starts.shape[0], device=indices.device).unsqueeze(1)
    if padding_idx is not None and padding_idx >= 0:
        is_held = is_held & (indices != padding_idx)
    rows = weighted(functional.embedding(indices, weight), per_sample_weights)
    if mode == LARGEST:
        return with_unread(largest(rows.unsqueeze(0), is_held))
    shares = is_held.to(rows.dtype)
    return with_unread(shares @ rows / counted(shares) if mode == MEAN else shares @ rows)


def equal_bags(
    weight: Tensor, indices: Tensor, mode: int, per_sample_weights: Tensor | None, padding_idx: int | None
) -> Any:
    """Bags of one size, the rows of `indices` [bags, n]."""
    rows = weighted(functional.embedding(indices, weight), per_sample_weights)
    if padding_idx is None or padding_idx < 0:
        return with_unread(rows.amax(1) if mode == LARGEST else rows.mean(1) if mode == MEAN else rows.sum(1))
    is_held = indices != padding_idx
    if mode == LARGEST:
        return with_unread(largest(rows, is_held))
    shares = is_held.to(rows.dtype)
    total = (rows * shares.unsqueeze(-1)).sum(1)
    return with_unread(total / counted(shares) if mode == MEAN else total)


def weighted(rows: Tensor, weights: Tensor | None) -> Tensor:
    """The rows, each times its weight where there are weights."""
    return rows if weights is None else rows * weights.unsqueeze(-1)


def counted(shares: Tensor) -> Tensor:
    """How many each bag holds [bags, 1], of an empty one 1: it gives zeros."""
    return shares.sum(1, keepdim=True).clamp(min=1)


def largest(rows: Tensor, is_held: Tensor) -> Tensor:
    """The largest of each bag's rows, zeros of an empty bag.

    Args:
        rows: [bags or 1, n, width].
        is_held: [bags, n].
    """
    least = torch.finfo(rows.dtype).min
    found = torch.where(is_held.unsqueeze(-1), rows, least).amax(1)
    return torch.where(is_held.any(1, keepdim=True), found, 0.0)


def with_unread(found: Tensor) -> tuple[Tensor, ...]:
    """What the operator gives besides; nothing reads it."""
    return found, *(torch.zeros(0, dtype=torch.int64, device=found.device) for _ in range(3))


def mark_equal_bags(program: torch.export.ExportedProgram) -> None:
    """Call `equal_bags` where PyTorch flattened a matrix of indices, whose rows are the bags; in place."""
    for node in program.graph.nodes:
        if node.target not in BAGS:
            continue
        arguments: tuple[Any, ...] = node.args
        (weight, flat, offsets), rest = arguments[:3], arguments[3:]
        _, mode, _, weights, _, padding = rest + DEFAULTS[len(rest) :]
        matrix, matrix_of_weights = flattened(flat), flattened(weights)
        if matrix is None or (weights is None) != (matrix_of_weights is None):
            continue
        if is_each_row(offsets, matrix):
            node.target = equal_bags
            node.args = (weight, matrix, mode, matrix_of_weights, padding)


def flattened(flat: Any) -> fx.Node | None:
    """The matrix that a node gives as a vector; None where it is something else."""
    if not isinstance(flat, fx.Node) or flat.target is not aten.reshape.default or flat.args[1] != [-1]:
        return None
    matrix = flat.args[0]
    return matrix if isinstance(matrix, fx.Node) and matrix.meta["val"].dim() == 2 else None


def is_each_row(offsets: Any, matrix: fx.Node) -> bool:
    """True for the places at which the rows of the matrix start in it."""
    if (
        not isinstance(offsets, fx.Node)
        or offsets.target is not aten.arange.start_step
        or offsets.args[0] != 0
    ):
        return False
    _, end, step = (each.meta["val"] if isinstance(each, fx.Node) else each for each in offsets.args)
    values = matrix.meta["val"]
    return statically_known_true(step == values.shape[1]) and statically_known_true(end == values.numel())
