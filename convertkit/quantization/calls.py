"""Which calibration samples serve for a refinement, and how many of its calls fit into memory. NumPy only."""

from __future__ import annotations

import numpy as np

from convertkit.artifacts.signature import Arrays

MOST_BYTES = 2 << 30
FEWEST_CALLS = 8


def spaced(samples: Arrays, most: int) -> Arrays:
    """At most so many samples, evenly spaced: files are often sorted."""
    count = len(next(iter(samples.values())))
    if count <= most:
        return samples
    rows = np.linspace(0, count - 1, most).round().astype(int)
    return {name: values[rows] for name, values in samples.items()}


def fitting(one: int, count: int) -> int:
    """How many of the calls fit into memory, by the bytes that the values of one take."""
    return count if one * count <= MOST_BYTES else max(min(count, FEWEST_CALLS), MOST_BYTES // one)
