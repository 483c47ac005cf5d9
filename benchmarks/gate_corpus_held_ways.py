"""Ways to be wrong that were written down before the gate was tried on them. NumPy only."""

from __future__ import annotations

import numpy as np

from benchmarks.gate_corpus_case import Array, CaseWay, OutputWay, Role, Trials, quantized, view
from benchmarks.gate_corpus_channels import each as each_channel
from benchmarks.gate_corpus_channels import neighbour
from benchmarks.gate_corpus_outputs import one_output
from benchmarks.gate_corpus_samples import each as each_sample
from benchmarks.gate_corpus_samples import every


def drift(values: Array) -> Array:
    """A gain that falls from 1 to a half over the samples."""
    gain = np.linspace(1, 0.5, len(values)).reshape(-1, *[1] * (values.ndim - 1))
    return values * gain


def every_tenth(values: Array) -> Array:
    """Every tenth sample with the answer of the one before."""
    wrong = values.copy()
    wrong[9::10] = values[8::10][: len(wrong[9::10])]
    return wrong


def ends_exchanged(values: Array) -> Array:
    """The first and the last sample in each other's place."""
    wrong = values.copy()
    wrong[[0, -1]] = wrong[[-1, 0]]
    return wrong


def half_of_another(values: Array, number: int) -> Array:
    """The second half of a sample from the next one."""
    own, other = values[number].reshape(-1).copy(), values[(number + 1) % len(values)].reshape(-1)
    own[len(own) // 2 :] = other[len(own) // 2 :]
    return own.reshape(values[number].shape)


def tenth_lost(values: Array) -> Array:
    """A tenth of the entries, by chance, zero."""
    return np.where(np.random.default_rng(2).random(values.shape) < 0.1, 0, values)


def small_signs_lost(values: Array) -> Array:
    """No sign within half the spread around the mean."""
    apart = values - values.mean()
    return values.mean() + np.where(np.abs(apart) < values.std() / 2, np.abs(apart), apart)


def biased_third(channel: Array) -> Array:
    """Two spreads higher in the first third of the samples."""
    wrong = channel.copy()
    wrong[: len(wrong) // 3] += 2 * channel.std()
    return wrong


def mixed(channels: Array, first: int) -> None:
    """A channel half its own, half the next one's."""
    channels[first] = (channels[first] + channels[first + 1]) / 2


def smeared(values: Array, role: Role) -> Trials:
    """Every place the mean of itself and its neighbours."""
    for axis in role.places:
        wrong = values.copy()
        places, known = view(wrong, axis), view(values, axis)
        places[1:-1] = (known[:-2] + known[1:-1] + known[2:]) / 3
        yield f"axis {axis}", wrong


OUTPUT_WAYS: dict[str, OutputWay] = {
    "gain that drifts to a half": every(drift),
    "every tenth sample another's": every(every_tenth),
    "the first and the last sample exchanged": every(ends_exchanged),
    "a sample half another's": each_sample(half_of_another),
    "a tenth of the entries lost": every(tenth_lost),
    "no sign of small values": every(small_signs_lost),
    "saturated above the median": every(lambda x: np.minimum(x, np.median(x))),
    "a channel at 0.7 of itself": each_channel(lambda x: 0.7 * x),
    "a channel between the sample's and the one before": each_channel(lambda x: (x + np.roll(x, 1, 0)) / 2),
    "a channel with a third of the samples biased": each_channel(biased_third),
    "a channel in five levels": each_channel(lambda x: quantized(x, 5)),
    "a channel mixed with the next": neighbour(mixed),
    "places smeared over three": smeared,
}
WAYS: dict[str, CaseWay] = {name: one_output(way) for name, way in OUTPUT_WAYS.items()}
