"""Outputs as models of several kinds give them, and what a shared INT8 scale makes of them."""

from __future__ import annotations

import numpy as np


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    """Seeded normal float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def sigmoid(values: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-values.astype(np.float64)))).astype(np.float32)


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values.astype(np.float64) - values.max(-1, keepdims=True))
    return (powers / powers.sum(-1, keepdims=True)).astype(np.float32)


def one_scale(values: np.ndarray, steps: int = 255) -> np.ndarray:
    """The values as INT8 with one scale for the whole tensor gives them back."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    step = (high - low) / steps
    return (np.rint(values / step) * step).astype(np.float32)


def detector(count: int = 32, places: int = 64, classes: int = 6) -> np.ndarray:
    """Boxes of 0..640 beside scores of 0..1: [samples, 4 + classes, places]."""
    boxes = 320 + 90 * draw(count, 4, places)
    return np.concatenate([boxes, sigmoid(2 * draw(count, classes, places, seed=1))], 1).astype(np.float32)


def waveforms(count: int = 160, length: int = 256, quiet: float = 0.003) -> np.ndarray:
    """Audio of which three samples in four are some 300 times quieter."""
    loudness = np.where(np.arange(count) % 4 == 0, 1.0, quiet)
    return (draw(count, 1, length) * loudness[:, None, None]).astype(np.float32)
