"""Seeded synthetic samples, where none are given. For float gates only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from convertkit.artifacts.axes import BATCH_WORDS, batch_word
from convertkit.artifacts.signature import Arrays, TensorSpec
from convertkit.samples.readings import batch_candidates, without, words_beside
from convertkit.samples.samples import Samples

SYNTHETIC_NOTE = "no samples were given: the float gates used seeded synthetic inputs"
SYNTHETIC_COUNT = 32
DEFAULT_AXIS_SIZE = 32
MASK = "attention_mask"  # of zeros, it would leave nothing to attend to


def synthesize(inputs: tuple[TensorSpec, ...], seed: int, limits: Mapping[str, int] | None = None) -> Samples:
    """Seeded synthetic samples: normal floats, integers and booleans of 0 and 1, masks of 1.

    Args:
        limits: input → what its integers stay below, where the model tells: the rows of an embedding.
    """
    limits = limits or {}
    random = np.random.default_rng(seed)
    arrays: Arrays = {}
    axes = stacked_axes(inputs)
    for spec in inputs:
        batch = axes[spec.name]
        entry = spec.logical_shape if batch is None else without(spec.logical_shape, batch)
        size = (SYNTHETIC_COUNT, *(dim if isinstance(dim, int) else DEFAULT_AXIS_SIZE for dim in entry))
        if np.dtype(spec.logical_dtype).kind == "f":
            arrays[spec.name] = random.standard_normal(size).astype(spec.logical_dtype)
        elif spec.name == MASK:
            arrays[spec.name] = np.ones(size, spec.dtype)
        else:
            highest = min(limits.get(spec.name, 2), largest_of(spec.dtype) + 1)
            arrays[spec.name] = random.integers(0, highest, size).astype(spec.dtype)
    digest = hashlib.sha256(b"".join(values.tobytes() for values in arrays.values())).hexdigest()
    return Samples("synthetic", digest, arrays, batch_axes=axes)


def stacked_axes(inputs: tuple[TensorSpec, ...]) -> dict[str, int | None]:
    """Input → the axis along which samples are stacked; None where each of them is the whole input.

    A single free axis behind the first may well be a length: without samples it is taken for one, unless its
    name says that it is the batch.
    """
    word = batch_word(inputs)
    is_first = any(spec.logical_shape[:1] == (word,) for spec in inputs)
    if word is None or not (is_first or word.lower() in BATCH_WORDS):
        return dict.fromkeys((spec.name for spec in inputs), None)
    taken = words_beside(inputs, word)
    axes = {spec.name: batch_candidates(spec, word, taken)[:1] for spec in inputs}
    return {
        spec.name: next((a for a in axes[spec.name] if not a or spec.logical_shape[a] == word), None)
        for spec in inputs
    }


def largest_of(dtype: str) -> int:
    """The largest value of an integer type, or of booleans."""
    return 1 if dtype == "bool" else int(np.iinfo(dtype).max)
