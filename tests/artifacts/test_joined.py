"""Outputs of several calls as one array, or the reason why they are none."""

from __future__ import annotations

import numpy as np
import pytest

from convertkit.artifacts.axes import joined
from convertkit.errors import SamplesError


def test_calls_follow_each_other():
    assert joined("y", [np.zeros((2, 3)), np.ones((1, 3))], [2, 1]).sum() == 3


def test_samples_that_do_not_stay_apart_are_told_from_each_other():
    with pytest.raises(SamplesError, match=r"output 'y' is \[32,4\] and \[8,4\] for one sample") as caught:
        joined("y", [np.zeros((32, 32, 4)), np.zeros((8, 8, 4))], [32, 8])
    assert "--input" in caught.value.hint


def test_sizes_that_depend_on_values() -> None:
    """Boolean masks and nonzero: two calls of as many samples give other sizes."""
    with pytest.raises(SamplesError, match=r"\[125\] and \[120\] for as many samples") as caught:
        joined("kept", [np.zeros((1, 125)), np.zeros((1, 120)), np.zeros((1, 31))], [32, 32, 8])
    assert "k best" in (caught.value.hint or "")
