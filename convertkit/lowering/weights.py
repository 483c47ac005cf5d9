"""Constants of the graph: small ones stay in it, large ones become variables, each kept once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

LARGE_BYTES = 1024
VARIABLE_TYPES = (tf.float32, tf.float64, tf.float16, tf.bfloat16)


class Weights:
    """The variables of one lowering.

    They are made in a thread of its own: made in the tracing one, tf.function would trace everything twice.

    Attributes:
        variables: in the order of their first use.
    """

    def __init__(self) -> None:
        self.variables: list[Any] = []
        self._reads: dict[int, tuple[Any, Any]] = {}
        self._thread = ThreadPoolExecutor(1)
        self._graph = tf.compat.v1.get_default_graph()

    def tensor(self, array: np.ndarray[Any, Any], dtype: Any) -> Any:
        """The constant as a tensor of the current graph (an eager one while constants are folded)."""
        if tf.executing_eagerly() or array.nbytes < LARGE_BYTES or dtype not in VARIABLE_TYPES:
            with tf.name_scope(""):  # fused operators repeat its name: keep it short
                return tf.constant(array, dtype)
        if id(array) not in self._reads:
            self.variables.append(self._thread.submit(_variable, array, dtype).result())
            with self._graph.as_default():  # a read inside a branch or loop would not be seen outside it
                self._reads[id(array)] = (array, self.variables[-1].read_value())
        return self._reads[id(array)][1]

    def close(self) -> None:
        """End the thread; no more variables are made."""
        self._thread.shutdown()


def _variable(array: np.ndarray[Any, Any], dtype: Any) -> Any:
    return tf.Variable(array, trainable=False, dtype=dtype)
