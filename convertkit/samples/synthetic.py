"""Seeded synthetic samples, where none are given. For float gates only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from convertkit.artifacts.signature import Arrays, TensorSpec
from convertkit.samples.samples import Samples

SYNTHETIC_COUNT = 32
DEFAULT_AXIS_SIZE = 32


def synthesize(inputs: tuple[TensorSpec, ...], seed: int, limits: Mapping[str, int] | None = None) -> Samples:
    """Seeded synthetic samples: normal floats, integers and booleans of 0 and 1. For float gates only.

    Args:
        limits: input → what its integers stay below, where the model tells: the rows of an embedding.
    """
    limits = limits or {}
    random = np.random.default_rng(seed)
    arrays: Arrays = {}
    for spec in inputs:
        shape = spec.logical_shape
        is_batch = bool(shape) and isinstance(shape[0], str)
        rest = [
            dim if isinstance(dim, int) else DEFAULT_AXIS_SIZE for dim in (shape[1:] if is_batch else shape)
        ]
        size = (SYNTHETIC_COUNT, *rest)
        if np.dtype(spec.logical_dtype).kind == "f":
            arrays[spec.name] = random.standard_normal(size).astype(spec.logical_dtype)
        else:
            highest = min(limits.get(spec.name, 2), largest_of(spec.dtype) + 1)
            arrays[spec.name] = random.integers(0, highest, size).astype(spec.dtype)
    digest = hashlib.sha256(b"".join(values.tobytes() for values in arrays.values())).hexdigest()
    return Samples("synthetic", digest, arrays)


def largest_of(dtype: str) -> int:
    """The largest value of an integer type, or of booleans."""
    return 1 if dtype == "bool" else int(np.iinfo(dtype).max)
