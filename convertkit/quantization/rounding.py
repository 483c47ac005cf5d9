"""Error-compensated rounding: columns are rounded in turn, and those that follow make up for each error.

Source: Frantar et al. 2022, "Optimal Brain Compression" (the update) and "GPTQ" (one order for all rows, the
Cholesky form, lazy blocks). The order is by falling diagonal of the Hessian: what matters most goes first,
while many columns are left to compensate.
"""

from __future__ import annotations

import numpy as np

from convertkit.quantization.grid import Matrix, channel_scales, end_columns, nearest

DAMPING = 0.01  # of the mean of the Hessian's diagonal
BLOCK = 128


def round_compensated(weights: Matrix, hessian: Matrix, largest: int) -> Matrix:
    """Weights on the grid whose layer gives nearly what the given ones give, on the inputs of the Hessian.

    Args:
        weights: [groups, rows, columns].
        hessian: [groups, columns, columns], the sum of x xᵀ over input columns x; a factor does not matter.
        largest: the largest integer of the grid.

    Returns:
        Rounded weights in the units of `weights`. The largest of a row stays as it is, so that the grid can
        be read off them.
    """
    order = np.argsort(-np.diagonal(hessian, axis1=1, axis2=2), axis=1, kind="stable")
    sorted_hessian = np.take_along_axis(
        np.take_along_axis(hessian, order[:, :, None], axis=1), order[:, None, :], axis=2
    )
    sorted_weights = np.take_along_axis(weights, order[:, None, :], axis=2)
    integers = compensate(sorted_weights, error_factors(sorted_hessian), largest)
    back = np.argsort(order, axis=1, kind="stable")
    return np.take_along_axis(integers, back[:, None, :], axis=2) * channel_scales(weights, largest)


def error_factors(hessian: Matrix) -> Matrix:
    """Upper triangular U with Uᵀ U = H⁻¹ for the damped H; row j tells how later columns answer column j.

    Inputs that are always zero have no say: their diagonal is 1.
    """
    damped = hessian.copy()
    diagonal = np.einsum("gii->gi", damped)
    diagonal[diagonal <= 0] = 1.0
    diagonal += DAMPING * diagonal.mean(axis=1, keepdims=True)
    upper = np.linalg.cholesky(damped[:, ::-1, ::-1])[:, ::-1, ::-1]  # H = V Vᵀ with V upper triangular
    return np.linalg.inv(upper)


def compensate(weights: Matrix, factors: Matrix, largest: int) -> Matrix:
    """The integers, column by column; later columns take up what earlier ones could not give.

    Errors reach the rest of their block at once, and the other blocks when theirs is done.
    """
    scales, ends = channel_scales(weights, largest), end_columns(weights)
    work, integers = weights.copy(), np.zeros_like(weights)
    columns = weights.shape[2]
    for start in range(0, columns, BLOCK):
        stop = min(start + BLOCK, columns)
        errors = np.zeros_like(work[:, :, start:stop])
        for column in range(start, stop):
            found = nearest(work[:, :, column, None], scales, largest)[..., 0]
            kept = np.sign(weights[:, :, column]) * largest
            integers[:, :, column] = np.where(ends == column, kept, found)
            error = work[:, :, column] - integers[:, :, column] * scales[..., 0]
            error /= factors[:, column, column, None]
            work[:, :, column:stop] -= error[:, :, None] * factors[:, None, column, column:stop]
            errors[:, :, column - start] = error
        work[:, :, stop:] -= errors @ factors[:, start:stop, stop:]
    return integers
