"""Outputs like those of six kinds of models, made without any: for the fast test of the gate. NumPy only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.gate_corpus_case import Array, Arrays, Case, Role, softmax

SAMPLES = 64
NOISE = {"float32": 1e-6, "int8": 0.01}
LEVELS = 256


def smooth(random: np.random.Generator, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """Noise that changes slowly along some axes."""
    values = random.standard_normal(shape)
    for axis in axes:
        values = values + np.roll(values, 1, axis) + np.roll(values, 2, axis)
    return values / values.std()


def classifier(random: np.random.Generator) -> Arrays:
    """Scores [64, 10], one class well ahead."""
    values = random.normal(-2, 2, (SAMPLES, 10))
    values[np.arange(SAMPLES), random.integers(0, 10, SAMPLES)] += 9
    return {"logits": values}


def probabilities(random: np.random.Generator) -> Arrays:
    """The same through a softmax."""
    return {"probabilities": softmax(classifier(random)["logits"], 1)}


def two_heads(random: np.random.Generator) -> Arrays:
    """Boxes in 0..1 and scores of their own."""
    return {"boxes": random.uniform(0.05, 0.95, (SAMPLES, 4)), "scores": random.normal(0, 3, (SAMPLES, 5))}


def detector(random: np.random.Generator) -> Arrays:
    """Boxes and scores of 24 anchors in one output [64, 24, 9]."""
    boxes = smooth(random, (SAMPLES, 24, 4), (1,)) * 0.4 + 0.8
    scores = 1 / (1 + np.exp(-2 * random.standard_normal((SAMPLES, 24, 5))))
    return {"predictions": np.concatenate([boxes, scores], -1)}


def frames(random: np.random.Generator) -> Arrays:
    """Features of 16 frames [64, 16, 8], loud and quiet samples."""
    loudness = random.uniform(0.5, 1.5, (SAMPLES, 1, 1))
    return {"frames": loudness * smooth(random, (SAMPLES, 16, 8), (1,)) + random.normal(0, 0.5, 8)}


def segmenter(random: np.random.Generator) -> Arrays:
    """Scores of 3 classes for 12×12 pixels [64, 3, 12, 12]."""
    return {"mask": 2 * smooth(random, (SAMPLES, 3, 12, 12), (2, 3)) + np.array([2, -1, 0])[:, None, None]}


MODELS: dict[str, tuple[Callable[[np.random.Generator], Arrays], dict[str, Role]]] = {
    "classifier": (classifier, {"logits": Role(1, is_scores=True)}),
    "probabilities": (probabilities, {"probabilities": Role(1, range="softmax", is_scores=True)}),
    "two-heads": (two_heads, {"boxes": Role(1, range="sigmoid"), "scores": Role(1, is_scores=True)}),
    "detector": (detector, {"predictions": Role(2, (1,))}),
    "frames": (frames, {"frames": Role(2, (1,))}),
    "segmenter": (segmenter, {"mask": Role(1, (2, 3), is_scores=True)}),
}


def case(model: str, precision: str) -> Case:
    """One model's outputs, and an artifact's that is right for its precision."""
    random = np.random.default_rng(sorted(MODELS).index(model))
    make, roles = MODELS[model]
    source = {name: values.astype(np.float32) for name, values in make(random).items()}
    artifact = {name: rounded(values, precision, random) for name, values in source.items()}
    return Case(model, f"tflite:{precision}", precision, source, artifact, roles=roles)


def rounded(values: Array, precision: str, random: np.random.Generator) -> Array:
    """With an error as the precision's: some noise, and for INT8 the steps of one scale."""
    noisy = values + NOISE[precision] * values.std() * random.standard_normal(values.shape)
    if precision == "int8":
        step = (values.max() - values.min()) / (LEVELS - 1)
        noisy = np.round(noisy / step) * step
    return noisy.astype(np.float32)
