"""The activations that ONNX's recurrent operators name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def activation(name: str, alpha: float | None, beta: float | None) -> Callable[[Any], Any]:
    """An activation by its ONNX name, with ONNX's defaults where alpha or beta is None.

    Raises:
        ValueError: there is none of that name.
    """
    a = {"LeakyRelu": 0.01, "HardSigmoid": 0.2, "ScaledTanh": 1.0, "Affine": 1.0}.get(name, 1.0)
    a = a if alpha is None else alpha
    b = (0.5 if name == "HardSigmoid" else 1.0 if name == "ScaledTanh" else 0.0) if beta is None else beta
    table: dict[str, Callable[[Any], Any]] = {
        "Sigmoid": tf.sigmoid,
        "Tanh": tf.tanh,
        "Relu": tf.nn.relu,
        "Softsign": lambda x: x / (1 + tf.abs(x)),
        "Softplus": lambda x: tf.nn.relu(x) + tf.math.log(1 + tf.exp(-tf.abs(x))),
        "LeakyRelu": lambda x: tf.nn.leaky_relu(x, a),
        "ThresholdedRelu": lambda x: tf.where(x >= a, x, tf.zeros_like(x)),
        "HardSigmoid": lambda x: tf.clip_by_value(x * a + b, 0.0, 1.0),
        "ScaledTanh": lambda x: a * tf.tanh(b * x),
        "Elu": lambda x: tf.where(x >= 0, x, a * (tf.exp(x) - 1)),
        "Affine": lambda x: a * x + b,
    }
    by_lower = {key.lower(): function for key, function in table.items()}
    if name.lower() not in by_lower:
        raise ValueError(f"activation '{name}' is out of range")
    return by_lower[name.lower()]
