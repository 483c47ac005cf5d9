"""Ways to be wrong in time and space: delays, shifts, layouts, borders. NumPy only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.gate_corpus_case import Array, OutputWay, Role, Trials, spread_out, view

MOST_PLACES = 32


def along(change: Callable[[Array], Array]) -> OutputWay:
    """Along each axis of places by itself; `change` is given the places in front."""

    def make(values: Array, role: Role) -> Trials:
        for axis in role.places:
            if values.shape[axis] > 1:
                places = view(values, axis)
                wrong = np.moveaxis(np.asarray(change(places)), 0, axis)
                yield f"axis {axis}", np.ascontiguousarray(wrong).astype(values.dtype)

    return make


def each(change: Callable[[Array, int], Array]) -> OutputWay:
    """One place after the other, of each axis; `change` is given the places in front, and which one."""

    def make(values: Array, role: Role) -> Trials:
        for axis in role.places:
            for number in spread_out(values.shape[axis], MOST_PLACES):
                wrong = values.copy()
                places = view(wrong, axis)
                places[number] = change(view(values, axis), number)
                yield f"axis {axis}, place {number}", wrong

    return make


def late(places: Array) -> Array:
    """One step late, nothing in the first place."""
    wrong = np.roll(places, 1, 0)
    wrong[0] = 0
    return wrong


def early(places: Array) -> Array:
    """One step early, the last place twice."""
    return np.concatenate([places[1:], places[-1:]])


def only_last(places: Array) -> Array:
    wrong = np.zeros_like(places)
    wrong[-1] = places[-1]
    return wrong


def only_first_half(places: Array) -> Array:
    wrong = places.copy()
    wrong[(len(places) + 1) // 2 :] = 0
    return wrong


def every_second_lost(places: Array) -> Array:
    wrong = places.copy()
    wrong[1::2] = 0
    return wrong


def pairs_exchanged(places: Array) -> Array:
    order = np.arange(len(places)) ^ 1
    return places[np.minimum(order, len(places) - 1)]


def nearest(places: Array) -> Array:
    """Every second place twice, as nearest upsampling for bilinear."""
    return places[np.arange(len(places)) // 2 * 2]


def half_a_step(places: Array) -> Array:
    """Half a step off, as with other conventions for the corners."""
    return (places + early(places)) / 2


def border_lost(places: Array) -> Array:
    """The first and last place zeroed, as without padding."""
    wrong = places.copy()
    wrong[[0, -1]] = 0
    return wrong


def corner_lost(values: Array, role: Role) -> Trials:
    """The first half of every axis of places zeroed together: a tile of a picture."""
    if len(role.places) > 1:
        wrong = values.copy()
        corner = [slice(None)] * values.ndim
        for axis in role.places:
            corner[axis] = slice(values.shape[axis] // 2)
        wrong[tuple(corner)] = 0
        yield "a tile", wrong


def transposed(values: Array, role: Role) -> Trials:
    """Height and width exchanged, where they are equal."""
    if len(role.places) == 2 and values.shape[role.places[0]] == values.shape[role.places[1]]:
        yield "height and width", np.ascontiguousarray(np.swapaxes(values, *role.places))


def other_layout(values: Array, role: Role) -> Trials:
    """Channels-last memory read as channels-first, or the reverse."""
    if role.channels is not None and role.places:
        other = 1 if role.channels == values.ndim - 1 else values.ndim - 1
        moved = np.ascontiguousarray(np.moveaxis(values, role.channels, other))
        yield "memory", moved.reshape(values.shape)


def flat_order(values: Array, role: Role) -> Trials:
    """Two axes of places flattened in the other order."""
    if len(role.places) == 2:
        yield "memory", np.ascontiguousarray(np.swapaxes(values, *role.places)).reshape(values.shape)


WAYS: dict[str, OutputWay] = {
    "a step late": along(late),
    "a step early, the last place twice": along(early),
    "moved around by a step": along(lambda x: np.roll(x, 1, 0)),
    "moved around by half": along(lambda x: np.roll(x, len(x) // 2, 0)),
    "flipped": along(lambda x: x[::-1]),
    "neighbouring places exchanged": along(pairs_exchanged),
    "only the last place": along(only_last),
    "only the first half of the places": along(only_first_half),
    "every second place zeroed": along(every_second_lost),
    "the first place everywhere": along(lambda x: np.broadcast_to(x[:1], x.shape)),
    "the mean place everywhere": along(lambda x: np.broadcast_to(x.mean(0), x.shape)),
    "every second place twice": along(nearest),
    "half a step off": along(half_a_step),
    "the border zeroed": along(border_lost),
    "a place zeroed": each(lambda x, n: np.zeros_like(x[n])),
    "a place with its neighbour's values": each(lambda x, n: x[n - 1] if n else x[1]),
    "a place with the sample before's values": each(lambda x, n: np.roll(x[n], 1, 0)),
    "a tile zeroed": corner_lost,
    "height and width exchanged": transposed,
    "channels-last memory as channels-first": other_layout,
    "places flattened in the other order": flat_order,
}
