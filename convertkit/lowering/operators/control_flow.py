"""If, Loop and Scan: their subgraphs are lowered inside tf.cond and tf.while_loop."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import onnx
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, free
from convertkit.lowering.faults import UnevenBranches, describe
from convertkit.lowering.geometry.writing import with_row
from convertkit.lowering.value import Value

UNBOUNDED = 2**20  # steps; exporters write the largest integer for a loop that its flag alone ends


def branch(call: Call, graph: onnx.GraphProto, operands: list[Value]) -> list[Any]:
    """The outputs of a subgraph as tensors, in the source's axis order."""
    results = call.scope.subgraph(graph, operands)
    return [tf.identity(call.tensor_of(value.logical())) for value in results]


def _if(call: Call) -> list[Any]:
    then, otherwise = call.attribute("then_branch"), call.attribute("else_branch")
    condition = call.value(0).array()
    if condition is not None:
        return list(call.scope.subgraph(then if bool(condition.reshape(-1)[0]) else otherwise, []))
    sides = [_shapes(call, then), _shapes(call, otherwise)]
    ranks = [max(one.rank, other.rank) for one, other in zip(*sides, strict=True)]
    if not all(_fits(shape, rank) for side in sides for shape, rank in zip(side, ranks, strict=True)):
        told = " and ".join(str([shape.rank for shape in side]) for side in sides)
        raise UnevenBranches(
            f"{describe(call.node)}: its branches give tensors of ranks {told}, and only a run tells which: "
            f"'{call.node.input[0]}' has to be known; fix the axis or the input that decides it"
        )

    def lowered(graph: onnx.GraphProto) -> list[Any]:
        return [_single(*pair) for pair in zip(branch(call, graph, []), ranks, strict=True)]

    flag = tf.reshape(call.tensor(0), [])
    return list(tf.cond(flag, lambda: lowered(then), lambda: lowered(otherwise)))


def _shapes(call: Call, graph: onnx.GraphProto) -> list[Any]:
    """The shapes of a subgraph's outputs, from a graph that is thrown away."""
    found: list[Any] = []

    def probe() -> list[Any]:
        results = branch(call, graph, [])
        found[:] = [result.shape for result in results]
        return results

    tf.function(probe, autograph=False).get_concrete_function()
    return found


def _fits(shape: Any, rank: int) -> bool:
    """True for a rank, and for a single element, which can be given it."""
    return bool(shape.rank == rank or shape.num_elements() == 1)


def _single(tensor: Any, rank: int) -> Any:
    """A single element in the rank of its counterpart: ONNX lets branches differ in that."""
    return (
        tf.reshape(tensor, [1] * rank)
        if tensor.shape.rank < rank and tensor.shape.num_elements() == 1
        else tensor
    )


def _loop(call: Call) -> list[Any]:
    graph = call.attribute("body")
    states = [call.tensor_of(value.logical()) for value in call.values[2:] if value is not None]
    limit = call.tensor(0) if call.has(0) else tf.constant(2**31 - 1, tf.int64)
    flag = call.tensor(1) if call.has(1) else tf.constant(True)

    def body(step: Any, alive: Any, held: list[Any]) -> tuple[Any, list[Any], list[Any]]:
        operands = [Value(tf.cast(step, tf.int64)), Value(alive), *map(Value, held)]
        results = branch(call, graph, operands)
        return tf.reshape(results[0], []), results[1 : 1 + len(held)], results[1 + len(held) :]

    steps = tf.cast(tf.reshape(tf.minimum(limit, 2**31 - 1), []), tf.int32)
    known = call.value(0).array() if call.has(0) else None
    is_bounded = call.has(0) and (known is None or int(known.reshape(-1)[0]) < UNBOUNDED)
    return repeated(body, steps, tf.reshape(flag, []), states, is_bounded)


def repeated(
    body: Callable[[Any, Any, list[Any]], tuple[Any, list[Any], list[Any]]],
    steps: Any,
    flag: Any,
    states: list[Any],
    is_bounded: bool = True,
) -> list[Any]:
    """Run a body while its flag holds, at most `steps` times; carried states first, then what each step adds.

    What is added is written into a buffer of `steps` rows. Where no count bounds the loop (not
    `is_bounded`), or the size of a row is not known, the buffer grows instead; TFLite cannot run that.
    """
    shapes, rows = _settled(body, states)
    is_bounded = is_bounded and all(None not in shape for shape, _ in rows)

    def step(number: Any, alive: Any, held: list[Any], buffers: list[Any]) -> Any:
        alive, held, added = body(number, alive, held)
        write = with_row if is_bounded else _grown_by
        return (
            number + 1,
            alive,
            held,
            [write(buffer, number, row) for buffer, row in zip(buffers, added, strict=True)],
        )

    first = steps if is_bounded else 0
    buffers = [tf.zeros([first, *[size or 0 for size in shape]], dtype) for shape, dtype in rows]
    count, _, final, stacked = tf.while_loop(
        lambda number, alive, held, buffers: alive & (number < steps),
        step,
        (tf.constant(0), flag, states, buffers),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([]),
            [tf.TensorShape(shape) for shape in shapes],
            [tf.TensorShape([None, *shape]) for shape, _ in rows],
        ),
    )
    return [*final, *[buffer[:count] for buffer in stacked]]


def _grown_by(buffer: Any, number: Any, row: Any) -> Any:
    """The buffer with one more row; the first row tells sizes that were not known."""
    if None not in row.shape.as_list():
        return tf.concat([buffer, row[tf.newaxis]], 0)
    return tf.cond(number == 0, lambda: row[tf.newaxis], lambda: tf.concat([buffer, row[tf.newaxis]], 0))


def _settled(body: Any, states: list[Any]) -> tuple[list[Any], list[Any]]:
    """Shapes that hold through every step, and shape and type of what each step adds.

    The body is lowered into a graph that is thrown away, until what it changes is free.
    """
    shapes = [state.shape.as_list() for state in states]
    while True:
        found: list[Any] = []

        held = [tf.TensorSpec(shape, state.dtype) for shape, state in zip(shapes, states, strict=True)]
        specs = [tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.bool), held]
        probe = tf.function(functools.partial(_probe, body, found), input_signature=specs, autograph=False)
        probe.get_concrete_function()
        merged = [_merged(*pair) for pair in zip(shapes, found[0], strict=True)]
        if merged == shapes:
            return shapes, found[1]
        shapes = merged


def _probe(body: Any, found: list[Any], step: Any, alive: Any, held: list[Any]) -> list[Any]:
    _, after, added = body(step, alive, list(held))
    found[:] = [[t.shape.as_list() for t in after], [(t.shape.as_list(), t.dtype) for t in added]]
    return [*after, *added]


def _merged(left: list[int | None], right: list[int | None]) -> list[int | None]:
    if len(left) != len(right):
        raise ValueError("a carried value changes its rank")
    return [a if a == b else None for a, b in zip(left, right, strict=True)]


def _scan(call: Call) -> list[Any]:
    if call.opset == 8:
        return _scan_batched(call)
    count = call.attribute("num_scan_inputs")
    values = [value.logical() for value in call.values if value is not None]
    states = [call.tensor_of(value) for value in values[:-count]]
    sequences = [call.tensor_of(value) for value in values[-count:]]
    return _scanned(call, states, sequences)


def _scanned(call: Call, states: list[Any], sequences: list[Any]) -> list[Any]:
    graph = call.attribute("body")
    axes = call.attribute("scan_input_axes") or [0] * len(sequences)
    backwards = call.attribute("scan_input_directions") or [0] * len(sequences)
    inputs = [_moved(x, axis, 0) for x, axis in zip(sequences, axes, strict=True)]
    inputs = [tf.reverse(x, [0]) if flag else x for x, flag in zip(inputs, backwards, strict=True)]

    def body(step: Any, alive: Any, held: list[Any]) -> tuple[Any, list[Any], list[Any]]:
        operands = [Value(x) for x in [*held, *[x[step] for x in inputs]]]
        results = branch(call, graph, operands)
        return alive, results[: len(held)], results[len(held) :]

    results = repeated(body, tf.shape(inputs[0])[0], tf.constant(True), states)
    outputs = results[len(states) :]
    axes = call.attribute("scan_output_axes") or [0] * len(outputs)
    backwards = call.attribute("scan_output_directions") or [0] * len(outputs)
    outputs = [tf.reverse(x, [0]) if flag else x for x, flag in zip(outputs, backwards, strict=True)]
    return [*results[: len(states)], *[_moved(x, 0, axis) for x, axis in zip(outputs, axes, strict=True)]]


def _scan_batched(call: Call) -> list[Any]:
    """Opset 8: a batch of scans, one after another (sequence_lens left out)."""
    if call.has(0):
        raise ValueError("sequence_lens is not supported")
    count = call.attribute("num_scan_inputs")
    tensors = [call.tensor_of(value.logical()) for value in call.values[1:] if value is not None]
    batch = tensors[0].shape[0]
    if batch is None:
        raise ValueError("the batch size has to be known")
    rows = [[t[number] for t in tensors] for number in range(batch)]
    results = [_scanned(call, row[:-count], row[-count:]) for row in rows]
    return [tf.stack(column) for column in zip(*results, strict=True)]


def _moved(x: Any, source: int, target: int) -> Any:
    """The tensor with one axis moved."""
    rank = x.shape.rank
    source, target = source % rank, target % rank
    if source == target:
        return x
    order = [axis for axis in range(rank) if axis != source]
    order.insert(target, source)
    return tf.transpose(x, order)


OPERATORS: Table = {
    "If": free(_if, folds=False),
    "Loop": free(_loop, folds=False),
    "Scan": free(_scan, folds=False),
}
