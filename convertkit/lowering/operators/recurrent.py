"""LSTM, GRU and RNN: one tf.while_loop per direction, in TFLite built-ins at any batch and length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from convertkit.lowering.activations import activation
from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, logical
from convertkit.lowering.geometry.sequences import reversed_sequences
from convertkit.lowering.geometry.writing import with_row
from convertkit.lowering.value import shaped

Step = Callable[[Any, list[Any]], list[Any]]
MOST_UNROLLED = 64  # steps: some 15 operators each
LSTM_ACTIVATIONS = ("Sigmoid", "Tanh", "Tanh")


class Layer:
    """What the three kinds have in common: directions, activations, clipping, initial states, lengths."""

    def __init__(self, call: Call, defaults: tuple[str, ...]) -> None:
        self.call = call
        self.hidden = call.attribute("hidden_size")
        direction = call.attribute("direction", "forward")
        if direction not in ("forward", "reverse", "bidirectional"):
            raise ValueError(f"direction '{direction}' is out of range")
        self.backwards = {"forward": [False], "reverse": [True]}.get(direction, [False, True])
        self.per_direction = len(defaults)
        self.names = call.attribute("activations") or list(defaults) * len(self.backwards)
        self.clip = call.attribute("clip")
        self.batch_first = bool(call.attribute("layout", 0))
        x = call.tensor(0)
        self.x = tf.transpose(x, [1, 0, 2]) if self.batch_first else x
        self.lengths = tf.cast(call.tensor(4), tf.int32) if call.has(4) else None
        self.batch = tf.shape(self.x)[1] if self.x.shape[1] is None else self.x.shape[1]

    def activations(self, number: int) -> list[Callable[[Any], Any]]:
        """The activations of a direction, each clipped before."""
        first = number * self.per_direction
        alphas, betas = (
            self.call.attribute("activation_alpha") or [],
            self.call.attribute("activation_beta") or [],
        )
        functions = []
        for place in range(first, first + self.per_direction):
            alpha = alphas[place] if place < len(alphas) else None
            beta = betas[place] if place < len(betas) else None
            function = activation(self.names[place], alpha, beta)
            functions.append(function if self.clip is None else self._clipped(function))
        return functions

    def _clipped(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: function(tf.clip_by_value(x, -self.clip, self.clip))

    def weights(self, index: int, number: int) -> Any:
        """A weight operand's part for one direction: by NumPy where it is constant."""
        value = self.call.value(index)
        array = value.array()
        if array is None:
            return value.data[number]
        return self.call.scope.weights.tensor(array[number].copy(), value.dtype)

    def bias(self, number: int, gates: int) -> tuple[Any, Any]:
        """Input and recurrent bias of one direction."""
        if not self.call.has(3):
            zeros = tf.zeros([gates * self.hidden], self.x.dtype)
            return zeros, zeros
        both = self.weights(3, number)
        return both[: gates * self.hidden], both[gates * self.hidden :]

    def initial(self, index: int, number: int) -> Any:
        """An initial state of one direction: [batch, hidden]."""
        if not self.call.has(index):
            return tf.zeros([self.batch, self.hidden], self.x.dtype)
        value = self.call.tensor(index)
        return value[:, number] if self.batch_first else value[number]

    def run(self, make: Callable[[int], tuple[Any, list[Any], Step]]) -> list[Any]:
        """All directions: Y and the final states, in ONNX's layout."""
        outputs, finals = [], []
        for number, backward in enumerate(self.backwards):
            projected, states, step = make(number)
            y, final = self._direction(projected, states, step, backward)
            outputs.append(y)
            finals.append(final)
        y = tf.stack(outputs, 1)  # [length, directions, batch, hidden]
        stacked = [tf.stack(column, 1 if self.batch_first else 0) for column in zip(*finals, strict=True)]
        return [tf.transpose(y, [2, 0, 1, 3]) if self.batch_first else y, *stacked]

    def _flipped(self, x: Any) -> Any:
        """A sequence backwards, each as far as it is long."""
        if self.lengths is None:
            return tf.reverse(x, [0])
        return reversed_sequences(x, self.lengths)

    def _direction(
        self, projected: Any, states: list[Any], step: Step, backward: bool
    ) -> tuple[Any, list[Any]]:
        """The loop over time; the buffer of outputs is written in place, so it needs no TensorList."""
        sequence = self._flipped(projected) if backward else projected
        if self.is_unrolled:
            y, final = self._unrolled(sequence, states, step)
            return (self._flipped(y) if backward else y), final
        length = tf.shape(sequence)[0]
        buffer = tf.zeros([length, self.batch, self.hidden], self.x.dtype)

        def body(time: Any, held: list[Any], y: Any) -> Any:
            new, shown = self._step(sequence[time], time, held, step)
            return time + 1, new, with_row(y, time, shown)

        _, final, y = tf.while_loop(
            lambda time, held, y: time < length,
            body,
            (tf.constant(0), states, buffer),
            shape_invariants=(
                tf.TensorShape([]),
                [tf.TensorShape([self.x.shape[1], self.hidden])] * len(states),
                tf.TensorShape([None, self.x.shape[1], self.hidden]),
            ),
        )
        y = shaped(y, [self.x.shape[0], self.x.shape[1], self.hidden])
        return (self._flipped(y) if backward else y), final

    @property
    def is_unrolled(self) -> bool:
        """True where every size is known and the steps are few.

        TFLiteConverter's calibration crashes (SIGSEGV) on a loop without a dynamic tensor.
        """
        length, batch = self.x.shape[0], self.x.shape[1]
        return length is not None and batch is not None and 0 < length <= MOST_UNROLLED

    def _unrolled(self, sequence: Any, states: list[Any], step: Step) -> tuple[Any, list[Any]]:
        """The steps one after another, without a loop."""
        rows = []
        for time in range(self.x.shape[0]):
            states, shown = self._step(sequence[time], time, states, step)
            rows.append(shown)
        return tf.stack(rows), states

    def _step(self, x: Any, time: Any, held: list[Any], step: Step) -> tuple[list[Any], Any]:
        """The states after a step, and its output; sequences that have ended keep theirs, and give zeros."""
        new = step(x, self.seen(time, held))
        shown = new[0]
        if self.lengths is not None:
            alive = tf.expand_dims(time < self.lengths, 1)
            new = [tf.where(alive, after, before) for after, before in zip(new, held, strict=True)]
            shown = tf.where(alive, shown, tf.zeros([], shown.dtype))
        return new, shown

    def seen(self, time: Any, held: list[Any]) -> list[Any]:
        """The states as a step sees them; those of sequences that have ended do not matter."""
        return held

    def projected(self, number: int, bias: Any) -> Any:
        """The input's share of all gates, for all steps at once."""
        return self.product(1, number)(self.x) + bias

    def product(self, index: int, number: int) -> Callable[[Any], Any]:
        """The product by a weight operand's part for one direction."""
        weights = self.weights(index, number)
        return lambda x: tf.matmul(x, weights, transpose_b=True)


def _lstm(call: Call) -> list[Any]:
    return lstm(Layer(call, LSTM_ACTIVATIONS))


def lstm(layer: Layer) -> list[Any]:
    """All directions of an LSTM: outputs, last hidden and last cell states."""
    call = layer.call
    coupled = bool(call.attribute("input_forget", 0))

    def make(number: int) -> tuple[Any, list[Any], Step]:
        f, g, h = layer.activations(number)
        recurrent = layer.product(2, number)
        bias = tf.add(*layer.bias(number, 4))
        peepholes = tf.split(layer.weights(7, number), 3) if call.has(7) else [0.0, 0.0, 0.0]

        def step(x: Any, held: list[Any]) -> list[Any]:
            hidden, cell = held
            gates = tf.split(x + recurrent(hidden), 4, -1)
            inner, outer, forget, update = gates
            i = f(inner + peepholes[0] * cell if call.has(7) else inner)
            keep = 1 - i if coupled else f(forget + peepholes[2] * cell if call.has(7) else forget)
            cell = keep * cell + i * g(update)
            return [f(outer + peepholes[1] * cell if call.has(7) else outer) * h(cell), cell]

        return layer.projected(number, bias), [layer.initial(5, number), layer.initial(6, number)], step

    return layer.run(make)


def _gru(call: Call) -> list[Any]:
    layer = Layer(call, ("Sigmoid", "Tanh"))
    size, after = layer.hidden, bool(call.attribute("linear_before_reset", 0))

    def make(number: int) -> tuple[Any, list[Any], Step]:
        f, g = layer.activations(number)
        recurrent, (bias, rbias) = layer.weights(2, number), layer.bias(number, 3)

        def step(x: Any, held: list[Any]) -> list[Any]:
            hidden = held[0]
            xz, xr, xh = tf.split(x, 3, -1)
            if after:
                rz, rr, rh = tf.split(tf.matmul(hidden, recurrent, transpose_b=True) + rbias, 3, -1)
                z, candidate = f(xz + rz), g(xh + f(xr + rr) * rh)
            else:
                both = tf.matmul(hidden, recurrent[: 2 * size], transpose_b=True) + rbias[: 2 * size]
                rz, rr = tf.split(both, 2, -1)
                z, reset = f(xz + rz), f(xr + rr) * hidden
                candidate = g(
                    xh + tf.matmul(reset, recurrent[2 * size :], transpose_b=True) + rbias[2 * size :]
                )
            return [(1 - z) * candidate + z * hidden]

        return layer.projected(number, bias), [layer.initial(5, number)], step

    return layer.run(make)


def _rnn(call: Call) -> list[Any]:
    layer = Layer(call, ("Tanh",))

    def make(number: int) -> tuple[Any, list[Any], Step]:
        (f,) = layer.activations(number)
        recurrent, bias = layer.weights(2, number), tf.add(*layer.bias(number, 1))

        def step(x: Any, held: list[Any]) -> list[Any]:
            return [f(x + tf.matmul(held[0], recurrent, transpose_b=True))]

        return layer.projected(number, bias), [layer.initial(5, number)], step

    return layer.run(make)


OPERATORS: Table = {
    "LSTM": logical(_lstm, folds=False),
    "GRU": logical(_gru, folds=False),
    "RNN": logical(_rnn, folds=False),
}
