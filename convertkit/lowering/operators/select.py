"""Picking and placing by content: non-maximum suppression, unique, unpooling, folding, caches, n-grams."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, logical
from convertkit.lowering.geometry.writing import with_updates
from convertkit.lowering.sizes import Size, fixed, product, scalar, vector
from convertkit.lowering.value import Value


def _suppressed(call: Call) -> Any:
    boxes, scores = call.tensor(0), call.tensor(1)
    batches, classes = boxes.shape[0], scores.shape[1]
    if batches is None or classes is None:
        raise ValueError("the numbers of batches and classes have to be known")
    most = tf.reshape(tf.cast(call.tensor(2), tf.int32), []) if call.has(2) else tf.constant(0)
    overlap = _above(tf.reshape(call.tensor(3), [])) if call.has(3) else tf.constant(0.0)
    least = tf.reshape(call.tensor(4), []) if call.has(4) else tf.constant(-np.inf, tf.float32)
    if call.attribute("center_point_box", 0):
        x, y, width, height = tf.unstack(boxes, axis=-1)
        boxes = tf.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], -1)
    rows = []
    most = tf.minimum(most, tf.shape(boxes)[1])
    for batch, label in itertools.product(range(batches), range(classes)):
        kept, count = tf.raw_ops.NonMaxSuppressionV4(
            boxes=boxes[batch],
            scores=scores[batch, label],
            max_output_size=most,
            iou_threshold=overlap,
            score_threshold=least,
            pad_to_max_output_size=True,
        )
        kept = kept[:count]
        column = tf.ones_like(kept)
        rows.append(tf.stack([column * batch, column * label, kept], 1))
    return tf.cast(tf.concat(rows, 0), tf.int64)


def _above(overlap: Any) -> Any:
    """The next number above a threshold: TFLite suppresses boxes at it too, ONNX only those above it."""
    return tf.minimum(overlap * np.float32(1 + 2**-23) + np.float32(1e-37), 1.0)


def _unique(call: Call) -> list[Any]:
    """Unique slices along an axis; TFLite's UNIQUE takes vectors alone, so rows are numbered by column."""
    x, axis = call.tensor(0), call.attribute("axis")
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    axis = axis % x.shape.rank
    rows = _rows(x, axis)
    inverse = _numbered(rows)
    number = tf.reduce_max(inverse) + 1
    places = tf.range(tf.shape(inverse)[0])
    first = tf.math.unsorted_segment_min(places, inverse, number)
    counts = tf.math.unsorted_segment_sum(tf.ones_like(inverse), inverse, number)
    if call.attribute("sorted", 1):
        order = _sorting(tf.gather(rows, first))
        first, counts = tf.gather(first, order), tf.gather(counts, order)
        inverse = tf.gather(tf.argsort(order), inverse)
    wide = [tf.cast(each, tf.int64) for each in (first, inverse, counts)]
    return [tf.gather(x, first, axis=axis), *wide][: len(call.node.output)]


def _rows(x: Any, axis: int) -> Any:
    """Slices along an axis as rows."""
    rest = [size for place, size in enumerate(x.shape) if place != axis]
    if None in rest:
        raise ValueError("the other axes have to be of known size")
    return tf.reshape(tf.experimental.numpy.moveaxis(x, axis, 0), [-1, int(np.prod(rest))])


def _numbered(rows: Any) -> Any:
    """The number of each row among those that differ, in the order in which they come; int32."""
    found = tf.unique(rows[:, 0]).idx
    for column in range(1, rows.shape[1]):
        other = tf.cast(tf.unique(rows[:, column]).idx, tf.int64)
        both = tf.cast(found, tf.int64) * tf.shape(rows, tf.int64)[0] + other
        found = tf.unique(both).idx
    return found


def _sorting(rows: Any) -> Any:
    """The order of rows, compared element by element."""
    order = tf.range(tf.shape(rows)[0])
    for column in reversed(range(rows.shape[1])):
        order = tf.gather(order, tf.argsort(tf.gather(rows[:, column], order), stable=True))
    return order


def _unpooled(call: Call) -> Value:
    x, places = call.tensor(0), call.tensor(1)
    kernel = call.attribute("kernel_shape")
    strides = call.attribute("strides") or [1] * len(kernel)
    flat = call.attribute("pads") or [0] * (2 * len(kernel))
    sizes: list[Size] = list(call.shape[:2])
    for axis, (k, s) in enumerate(zip(kernel, strides, strict=True)):
        sizes.append((call.shape[axis + 2] - 1) * s + k - flat[axis] - flat[axis + len(kernel)])
    target = call.sizes(2) if call.has(2) else sizes
    inferred = _scattered(x, places, sizes)
    if target == sizes:
        return Value(inferred, shape=tuple(sizes))
    pads = [(0, b - a) for a, b in zip(sizes, target, strict=True)]  # indices count in the smaller one
    return Value(tf.pad(inferred, pads), shape=tuple(target))


def _scattered(x: Any, places: Any, sizes: list[Size]) -> Any:
    count = scalar(product(sizes))
    flat = tf.scatter_nd(tf.reshape(places, [-1, 1]), tf.reshape(x, [-1]), tf.cast([count], tf.int64))
    return tf.reshape(flat, vector(sizes))


def _folded(call: Call) -> Value:
    """Col2Im: every block's elements added where they came from."""
    image, block = (call.array(index).reshape(-1).astype(int) for index in (1, 2))
    rank = len(image)
    strides, dilations = (call.attribute(name) or [1] * rank for name in ("strides", "dilations"))
    flat = call.attribute("pads") or [0] * (2 * rank)
    padded = [int(image[a]) + flat[a] + flat[a + rank] for a in range(rank)]
    steps = [(padded[a] - dilations[a] * (int(block[a]) - 1) - 1) // strides[a] + 1 for a in range(rank)]
    taps = np.indices([int(size) for size in block]).reshape(rank, -1, 1) * np.reshape(
        dilations, [rank, 1, 1]
    )
    starts = np.indices(steps).reshape(rank, 1, -1) * np.reshape(strides, [rank, 1, 1])
    places = np.ravel_multi_index(tuple(taps + starts), padded).reshape(-1, 1)
    channels = fixed(call.shape[1:2])[0] // int(np.prod(block))
    x = tf.reshape(call.tensor(0), [-1, channels, len(places)])
    batch = scalar(call.shape[0])
    columns = tf.reshape(tf.transpose(x, [2, 0, 1]), [len(places), -1])
    total = tf.scatter_nd(places, columns, [int(np.prod(padded)), batch * channels])
    result = tf.reshape(tf.transpose(total), [batch, channels, *padded])
    spec = [slice(flat[a], flat[a] + int(image[a])) for a in range(rank)]
    return Value(result[(slice(None), slice(None), *spec)], shape=(call.shape[0], channels, *map(int, image)))


def _cached(call: Call) -> Value:
    """TensorScatter: an update written into a cache at each sample's own place."""
    cache, update = call.tensor(0), call.tensor(1)
    axis = call.number(call.attribute("axis", -2))
    order = [0, axis, *[a for a in range(1, call.rank) if a != axis]]
    cache, update = tf.transpose(cache, order), tf.transpose(update, order)
    batch, steps, size = tf.shape(update)[0], tf.shape(update)[1], tf.shape(cache)[1]
    first = tf.cast(call.tensor(2), tf.int32) if call.has(2) else tf.zeros([batch], tf.int32)
    places = first[:, tf.newaxis] + tf.range(steps)
    if call.attribute("mode", "linear") == "circular":
        places = tf.math.floormod(places, size)
    rows = tf.broadcast_to(tf.range(batch)[:, tf.newaxis], [batch, steps])
    result = with_updates(cache, tf.stack([rows, places], -1), update)
    return call.like(tf.transpose(result, np.argsort(order)))


def _n_grams(call: Call) -> Any:
    """TfIdfVectorizer over integers: each n-gram of the pool is looked for at every place and skip."""
    pool, starts = call.attribute("pool_int64s"), call.attribute("ngram_counts")
    if pool is None:
        raise ValueError("n-grams of strings are not supported")
    places = call.attribute("ngram_indexes")
    width, mode = max(places) + 1, call.attribute("mode")
    weights = call.attribute("weights") or [1.0] * len(places)
    shortest, longest = call.attribute("min_gram_length"), call.attribute("max_gram_length")
    x = call.tensor(0)
    length = call.shape[-1]
    if not isinstance(length, int):
        raise ValueError("the length has to be known")
    counts: list[Any] = [tf.zeros(x.shape[:-1], tf.float32)] * width
    factors = [1.0] * width
    grams = _grams(pool, [*starts, len(pool)])
    for number, gram in enumerate(grams):
        factors[places[number]] = weights[number]
        if shortest <= len(gram) <= longest:
            found = _occurrences(x, gram, length, call.attribute("max_skip_count"))
            counts[places[number]] = counts[places[number]] + found
    total = tf.stack(counts, -1)
    if mode == "TF":
        return total
    present = tf.cast(total > 0, tf.float32)
    return present * tf.constant(factors) if mode == "IDF" else total * tf.constant(factors)


def _grams(pool: list[int], starts: list[int]) -> list[list[int]]:
    grams = []
    for size, (first, last) in enumerate(itertools.pairwise(starts), start=1):
        grams += [pool[place : place + size] for place in range(first, last, size)]
    return grams


def _occurrences(x: Any, gram: list[int], length: int, skips: int) -> Any:
    total = tf.zeros(x.shape[:-1], tf.float32)
    for step in range(1, skips + 2 if len(gram) > 1 else 2):
        reach = (len(gram) - 1) * step
        if reach >= length:
            break
        hits = tf.ones_like(x[..., reach:], tf.float32)
        for place, word in enumerate(gram):
            part = x[..., place * step : length - reach + place * step]
            hits *= tf.cast(part == tf.cast(word, x.dtype), tf.float32)
        total += tf.reduce_sum(hits, -1)
    return total


OPERATORS: Table = {
    "NonMaxSuppression": logical(_suppressed),
    "Unique": logical(_unique),
    "MaxUnpool": logical(_unpooled),
    "Col2Im": logical(_folded),
    "TensorScatter": logical(_cached),
    "TfIdfVectorizer": logical(_n_grams),
}
