"""Ways to be wrong in one channel or class, and in the order of them. NumPy only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.gate_corpus_case import Array, OutputWay, Role, Trials, quantized, spread_out, view

MOST_CHANNELS = 64


def each(change: Callable[[Array], Array]) -> OutputWay:
    """One channel after the other, changed alone; `change` is given [samples, …]."""

    def make(values: Array, role: Role) -> Trials:
        if role.channels is None:
            return
        for channel in spread_out(values.shape[role.channels], MOST_CHANNELS):
            wrong = values.copy()
            chosen = view(wrong, role.channels)[channel]
            chosen[...] = change(chosen.copy())
            yield f"channel {channel}", wrong

    return make


def reordered(order: Callable[[int], Array]) -> OutputWay:
    """All channels in another order."""

    def make(values: Array, role: Role) -> Trials:
        if role.channels is not None:
            count = values.shape[role.channels]
            yield "all", np.take(values, order(count), role.channels)

    return make


def kept(choose: Callable[[int], Array], fill: Callable[[Array], Array]) -> OutputWay:
    """Only some channels right; the others are filled, from [channels, samples, …]."""

    def make(values: Array, role: Role) -> Trials:
        if role.channels is not None and values.shape[role.channels] > 1:
            wrong = values.copy()
            channels = view(wrong, role.channels)
            lost = ~choose(len(channels))
            channels[lost] = fill(channels[lost])
            yield "half", wrong

    return make


def neighbour(step: Callable[[Array, int], None]) -> OutputWay:
    """Every channel and the next; `step` is given the channels, in front, and the first of the two."""

    def make(values: Array, role: Role) -> Trials:
        if role.channels is None:
            return
        count = values.shape[role.channels]
        for channel in spread_out(count - 1, MOST_CHANNELS):
            wrong = values.copy()
            step(view(wrong, role.channels), channel)
            yield f"channels {channel} and {channel + 1}", wrong

    return make


def exchange(channels: Array, first: int) -> None:
    """Two channels in each other's place."""
    channels[[first, first + 1]] = channels[[first + 1, first]]


def overwrite(channels: Array, first: int) -> None:
    """The second of two channels over the first."""
    channels[first] = channels[first + 1]


def noise(channel: Array) -> Array:
    """Chance of the same mean and spread."""
    return np.random.default_rng(1).normal(channel.mean(), channel.std(), channel.shape).astype(channel.dtype)


def other_scales(values: Array, role: Role) -> Trials:
    """Every channel with the next one's scale, as from a table of scales that is off by one."""
    if role.channels is not None:
        largest = np.abs(view(values, role.channels)).reshape(values.shape[role.channels], -1).max(1)
        if (largest > 0).all():
            factor = np.roll(largest, 1) / largest
            shape = [-1 if axis == role.channels else 1 for axis in range(values.ndim)]
            yield "all", values * factor.reshape(shape).astype(values.dtype)


def widest_scale(values: Array, role: Role) -> Trials:
    """The channels that vary least, rounded to 3 bits of the widest channel's range."""
    if role.channels is None or values.shape[role.channels] < 2:
        return
    wrong = values.copy()
    channels = view(wrong, role.channels)
    step = np.abs(channels).max() / 4
    quietest = int(channels.reshape(len(channels), -1).std(1).argmin())
    if step > 0:
        channels[quietest] = np.round(channels[quietest] / step) * step
        yield f"channel {quietest}", wrong


def mean_over(channels: Array) -> Array:
    """Every channel at its own mean."""
    return channels.reshape(len(channels), -1).mean(1).reshape(-1, *[1] * (channels.ndim - 1))


def first_half(count: int) -> Array:
    return np.arange(count) < (count + 1) // 2


def even(count: int) -> Array:
    return np.arange(count) % 2 == 0


WAYS: dict[str, OutputWay] = {
    "a channel zeroed": each(np.zeros_like),
    "a channel doubled": each(lambda x: x * 2),
    "a channel halved": each(lambda x: x / 2),
    "a channel's sign flipped": each(lambda x: -x),
    "a channel without its sign": each(np.abs),
    "a channel in hundredths": each(lambda x: x / 100),
    "a channel in hundreds": each(lambda x: x * 100),
    "a channel stuck at its mean": each(lambda x: np.full_like(x, x.mean())),
    "a channel stuck at the first sample": each(lambda x: np.broadcast_to(x[:1], x.shape)),
    "a channel without its mean": each(lambda x: x - x.mean()),
    "a channel off by its spread": each(lambda x: x + x.std()),
    "a channel clipped to half its range": each(lambda x: np.clip(x, x.min(), (x.min() + x.max()) / 2)),
    "a channel in one bit": each(lambda x: quantized(x, 2)),
    "a channel twice as far from its mean": each(lambda x: 2 * x - x.mean()),
    "a channel of noise": each(noise),
    "a channel of the sample before": each(lambda x: np.roll(x, 1, 0)),
    "a channel of the samples reversed": each(lambda x: x[::-1]),
    "two channels exchanged": neighbour(exchange),
    "a channel copied over the one before": neighbour(overwrite),
    "all channels reversed": reordered(lambda count: np.arange(count)[::-1]),
    "all channels moved by one": reordered(lambda count: np.roll(np.arange(count), 1)),
    "channels shuffled in groups": reordered(
        lambda count: np.argsort(np.arange(count) % max(2, count // 2), kind="stable")
    ),
    "only the first half of the channels": kept(first_half, np.zeros_like),
    "only every second channel": kept(even, np.zeros_like),
    "half of the channels at their means": kept(first_half, mean_over),
    "scales of the channels off by one": other_scales,
    "the quietest channel at the widest scale": widest_scale,
}
