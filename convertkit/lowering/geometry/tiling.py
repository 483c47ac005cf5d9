"""A tensor one after another along an axis of free size.

TFLiteConverter takes a TILE of such an axis for a broadcast where an elementwise operator follows, and leaves
it out.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from convertkit.lowering.sizes import Size, product, reshape_target, vector

MOST_JOINED = 16  # parts of a concatenation


def lengthened(x: Any, sizes: list[Size], place: int, count: Size) -> Any:
    """The tensor `count` times along a physical axis, whose size in `sizes` is brought up to date."""
    before, sizes[place] = sizes[place], product([sizes[place], count])
    if isinstance(count, int) and 0 < count <= MOST_JOINED:
        return tf.concat([x] * count, place)
    inserted = [*[1] * place, count, *[1] * (len(sizes) - place)]
    wide = tf.tile(tf.reshape(x, vector([*sizes[:place], 1, before, *sizes[place + 1 :]])), vector(inserted))
    return tf.reshape(wide, reshape_target(sizes))
