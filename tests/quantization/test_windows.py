"""Columns are what a kernel covers of an input: strides, dilations, groups, zeros around it and cuts."""

import numpy as np

from convertkit.quantization.windows import Window, window_columns

RANDOM = np.random.default_rng(0)


def test_a_window_reads_what_a_convolution_does():
    given = RANDOM.normal(size=(2, 4, 6, 5)).astype(np.float32)
    window = Window(2, (3, 2), (2, 1), (1, 2), (1, 0), (-1, 2))
    found = window_columns(window, given, 1 << 20, RANDOM)
    assert found.shape == (2, 2 * 2 * 5, 2 * 3 * 2)
    padded = np.pad(given[:, :, :5], [(0, 0), (0, 0), (1, 0), (0, 2)])
    for place in range(5):
        wanted = padded[1, 2:, 2:5, place : place + 3 : 2].reshape(-1)
        np.testing.assert_array_equal(found[1, 2 * 5 + 5 + place], wanted)
