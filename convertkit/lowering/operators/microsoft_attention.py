"""ONNX Runtime's Attention and RotaryEmbedding (`com.microsoft`), whole layers of a transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, logical
from convertkit.lowering.operators.microsoft import number
from convertkit.lowering.sizes import Size, reshape_target, scalar
from convertkit.lowering.value import Value

FAR = 20.0
"""How far below a row's lowest score a masked one is put: e^-20 = 2e-9 of its weight is left."""


def reshaped(call: Call, value: Value, shape: Sequence[Size]) -> Value:
    """The value's elements in another logical shape."""
    tensor = call.tensor_of(value.logical())
    return Value(tf.reshape(tensor, reshape_target(shape)), shape=tuple(shape))


def _attention(call: Call) -> list[Value]:
    """Projection, scores, softmax and sum of all heads."""
    for name in ("do_rotary", "past_present_share_buffer"):
        if call.attribute(name, 0):
            raise ValueError(f"{name} is not supported")
    q, k, v = _projected(call)
    keys = [k, v]
    if call.has(4):
        past = call.value(4).logical()
        parts = tf.unstack(call.tensor_of(past), axis=0)
        keys = [_behind(part, past.shape[3], each) for part, each in zip(parts, keys, strict=True)]
    k, v = keys
    scores = _scores(call, q, k)
    kept = _kept(call, q.shape[2], k.shape[2])
    if kept is not None:
        x = scores.data
        low = tf.reduce_min(x, -1, keepdims=True) - tf.cast(FAR, x.dtype)
        scores = Value(tf.where(kept, x, low), shape=scores.shape)
    weights = call.scope.apply("Softmax", [scores], axis=-1)
    heads = call.scope.apply("MatMul", [weights, v])
    batch, count, length, size = heads.shape
    output = reshaped(call, heads.renamed([0, 2, 1, 3]), (batch, length, count * size))
    if len(call.node.output) < 2:
        return [output]
    present = tf.stack([call.tensor_of(k), call.tensor_of(v)])
    return [output, Value(present, shape=(2, *k.shape))]


def _projected(call: Call) -> list[Value]:
    """Queries, keys and values: [batch, heads, length, size of a head]."""
    apply, count = call.scope.apply, call.attribute("num_heads")
    x = apply("MatMul", [call.value(0), call.value(1)])
    if call.has(2):
        x = apply("Add", [x, call.value(2)])
    width = x.shape[2]
    if not isinstance(width, int):
        raise ValueError("the size of the weights has to be known")
    sizes = call.attribute("qkv_hidden_sizes") or [width // 3] * 3
    parts = tf.split(call.tensor_of(x.logical()), sizes, -1)
    heads = []
    for part, size in zip(parts, sizes, strict=True):
        whole = Value(part, shape=(*x.shape[:2], size))
        split = reshaped(call, whole, (*x.shape[:2], count, size // count))
        heads.append(split.renamed([0, 2, 1, 3]).logical())
    return heads


def _behind(past: Any, length: Size, now: Value) -> Value:
    """What came before, then what is new, along the length."""
    joined = tf.concat([past, now.data], 2)
    return Value(joined, shape=(*now.shape[:2], length + now.shape[2], now.shape[3]))


def _scores(call: Call, q: Value, k: Value) -> Value:
    apply, size = call.scope.apply, q.shape[3]
    assert isinstance(size, int)
    scale = call.attribute("scale", 0.0) or size**-0.5
    scores = apply("MatMul", [apply("Mul", [q, number(scale, q)]), k.renamed([0, 1, 3, 2])])
    scores = apply("Add", [scores, call.value(5)]) if call.has(5) else scores
    return scores.logical()


def _kept(call: Call, length: Size, total: Size) -> Any:
    """Which keys each query sees, [batch, 1, queries, keys], as far as there is a mask.

    The source adds a large negative number to the others. That leaves a row without any key in sight as it
    is, so all of such a row are kept.
    """
    before = scalar(total - length)
    queries, keys = tf.range(scalar(length))[:, tf.newaxis] + before, tf.range(scalar(total))
    visible = (keys <= queries)[tf.newaxis, tf.newaxis] if call.attribute("unidirectional", 0) else None
    if not call.has(3):
        return visible
    kept = _masked(call, keys, length)
    if visible is None:
        return kept | ~tf.reduce_any(kept, -1, keepdims=True)
    both = kept & visible
    return both | (visible & ~tf.reduce_any(both, -1, keepdims=True))


def _masked(call: Call, keys: Any, length: Size) -> Any:
    """The mask, from whichever of its forms: by key, by query and key, or where the keys begin and end."""
    value, mask = call.value(3), call.tensor(3)
    if value.rank == 2:
        return (mask > 0)[:, tf.newaxis, tf.newaxis]
    if value.rank == 3:
        return (mask > 0)[:, tf.newaxis]
    if value.rank == 4:
        first = tf.shape(keys)[0] - scalar(length)
        return (mask > 0)[:, :, first : first + scalar(length), : tf.shape(keys)[0]]
    batch = scalar(call.shape[0])
    mask = tf.concat([mask, tf.zeros([batch], mask.dtype)], 0)  # where it tells no beginnings, they are 0
    ends, starts = (tf.reshape(part, [-1, 1, 1, 1]) for part in (mask[:batch], mask[batch : 2 * batch]))
    return (keys >= starts) & (keys < ends)


def _rotated(call: Call) -> Value:
    """Pairs of features turned by the angle of their place."""
    value, x = call.value(0), call.tensor(0)
    if call.attribute("scale", 1.0) != 1.0 or call.attribute("is_packed_batching", 0):
        raise ValueError("scale and is_packed_batching are not supported")
    half = call.value(2).shape[1]
    if not isinstance(half, int):
        raise ValueError("the width of the table of cosines has to be known")
    if value.rank == 3:
        count = call.attribute("num_heads", 0)
        width = value.shape[2]
        size = width // count if count else 2 * half
        split = reshaped(call, value, (*value.shape[:2], width // size, size))
        x = _turned_by(call, split.data, 1, half)
        return reshaped(call, Value(x, shape=split.shape), value.shape)
    return Value(_turned_by(call, x, 2, half), shape=value.shape)


def _turned_by(call: Call, x: Any, length_axis: int, half: int) -> Any:
    """The first `2 · half` features of each head turned; `length_axis` is where the places lie."""
    places = tf.cast(call.tensor(1), tf.int32)
    if call.value(1).rank == 1:
        places = (places + tf.range(tf.shape(x)[length_axis]))[tf.newaxis]
    cosine, sine = (tf.expand_dims(tf.gather(call.tensor(i), places), 3 - length_axis) for i in (2, 3))
    turned, rest = x[..., : 2 * half], x[..., 2 * half :]
    if call.attribute("interleaved", 0):
        a, b = turned[..., ::2], turned[..., 1::2]
    else:
        a, b = turned[..., :half], turned[..., half:]
    parts = [a * cosine - b * sine, b * cosine + a * sine]
    if call.attribute("interleaved", 0):
        shape = tf.concat([tf.shape(x)[:-1], [2 * half]], 0)
        joined = tf.reshape(tf.stack(parts, -1), shape)
    else:
        joined = tf.concat(parts, -1)
    return joined if x.shape[-1] == 2 * half else tf.concat([joined, rest], -1)


OPERATORS: Table = {
    "Attention": logical(_attention),
    "RotaryEmbedding": logical(_rotated),
}
