"""Rounding with compensation: on the grid, its ends kept, better than nearest where inputs correlate."""

import numpy as np
import pytest

from convertkit.quantization.grid import channel_scales, nearest
from convertkit.quantization.rounding import DAMPING, round_compensated


def layer(groups=1, rows=12, columns=40, seed=0):
    """Weights, and the Hessian of inputs that are correlated."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(groups, columns, columns // 2 + 1))
    inputs = (
        random.normal(size=(groups, columns, 400)) * 0.3
        + mixing @ random.normal(size=(groups, columns // 2 + 1, 400))
        + 0.5
    )
    return random.normal(size=(groups, rows, columns)), inputs @ inputs.transpose(0, 2, 1)


def to_nearest(weights, largest=127):
    scales = channel_scales(weights, largest)
    return nearest(weights, scales, largest) * scales


def error(rounded, weights, hessian):
    return np.einsum("grc,gcd,grd->gr", rounded - weights, hessian, rounded - weights)


def one_by_one(weights, hessian, largest):
    """Optimal brain compression as its paper has it: after each column the inverse is updated explicitly."""
    hessian = hessian + DAMPING * np.diag(hessian).mean() * np.eye(len(hessian))
    inverse, scales = np.linalg.inv(hessian), channel_scales(weights, largest)
    ends, work = np.abs(weights).argmax(1), weights.copy()
    left = list(np.argsort(-np.diag(hessian), kind="stable"))
    while left:
        column = left.pop(0)
        found = nearest(work[:, [column]], scales, largest)[:, 0]
        found = np.where(ends == column, np.sign(weights[:, column]) * largest, found) * scales[:, 0]
        errors = (work[:, column] - found) / inverse[column, column]
        work[:, left] -= errors[:, None] * inverse[column, left]
        work[:, column] = found
        inverse -= np.outer(inverse[:, column], inverse[column]) / inverse[column, column]
    return work


def test_agrees_with_the_form_that_inverts_at_every_step():
    weights, hessian = layer(rows=6, columns=150)  # more than a block
    np.testing.assert_allclose(
        round_compensated(weights, hessian, 127)[0], one_by_one(weights[0], hessian[0], 127), rtol=1e-9
    )


@pytest.mark.parametrize("largest", [127, 64])
@pytest.mark.parametrize("columns", [1, 9, 40, 200])
def test_every_weight_is_on_the_grid_that_is_read_off_the_result(columns, largest):
    weights, hessian = layer(columns=columns)
    rounded = round_compensated(weights, hessian, largest)
    steps = rounded / channel_scales(rounded, largest)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-9)
    np.testing.assert_allclose(np.abs(rounded).max(2), np.abs(weights).max(2), rtol=1e-12)
    assert np.abs(np.rint(steps)).max() == largest


def test_the_output_is_closer_than_by_nearest_for_every_layer():
    for seed in range(8):
        weights, hessian = layer(seed=seed)
        better = error(round_compensated(weights, hessian, 127), weights, hessian).sum()
        assert better < 0.5 * error(to_nearest(weights), weights, hessian).sum()


def test_inputs_that_know_nothing_of_each_other_leave_nearest():
    weights, _ = layer()
    hessian = np.eye(40)[None] * np.linspace(1, 2, 40)
    np.testing.assert_allclose(round_compensated(weights, hessian, 127), to_nearest(weights), atol=1e-12)


def test_groups_are_rounded_each_by_its_own():
    weights, hessian = layer(groups=5, rows=1, columns=9)
    together = round_compensated(weights, hessian, 127)
    for group in range(5):
        alone = round_compensated(weights[[group]], hessian[[group]], 127)
        np.testing.assert_allclose(together[[group]], alone, rtol=1e-12)


def test_a_row_of_zeros_stays_and_inputs_that_are_always_zero_do_no_harm():
    weights, hessian = layer()
    weights[0, 3] = 0
    hessian[0, 7] = hessian[0, :, 7] = 0
    rounded = round_compensated(weights, hessian, 127)
    assert not rounded[0, 3].any()
    np.testing.assert_allclose(rounded[0, :, 7], to_nearest(weights)[0, :, 7], atol=1e-12)


def test_inputs_that_are_all_zero_leave_nearest():
    weights, hessian = layer()
    np.testing.assert_allclose(
        round_compensated(weights, np.zeros_like(hessian), 127), to_nearest(weights), atol=1e-12
    )
