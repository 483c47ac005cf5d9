"""What the span of an image's values says of its preparation: known mistakes leave known spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array
from convertkit.calibration.finding import Finding
from convertkit.config.run_settings import SampleOptions

BYTE = 255.0
FEWEST_VALUES = 64  # of a sample: below, it is a row of features rather than an image
FEWEST_LEVELS = 16
BRIGHT = 200
TOLERANCE = 0.01  # of the span's width, at either end
IMAGE_RANK = 4
COLOURS = 3
LARGEST_USUAL = 32.0
SMALLEST_USUAL = 0.02
FARTHEST_MEAN = 3.0

Channels = tuple[float, ...]


class Normalisation(msgspec.Struct, frozen=True):
    """(x - mean) / std for each channel, x in 0..1."""

    name: str
    mean: Channels
    std: Channels


NORMALISATIONS = (
    Normalisation("(x - 0.5) / 0.5", (0.5,), (0.5,)),
    Normalisation("ImageNet's mean and std", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    Normalisation("CIFAR-10's mean and std", (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    Normalisation(
        "CLIP's mean and std", (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    ),
    Normalisation("MNIST's mean and std", (0.1307,), (0.3081,)),
)


class Span(msgspec.Struct, frozen=True):
    """Lowest and highest value of each channel that pixels of 0..255 have after some preparation."""

    low: Array
    high: Array
    fault: str
    hint: str


def wrong_spans(options: SampleOptions) -> Iterator[Span]:
    """The spans of usual mistakes; those of the recipe's own mean and std first."""
    pixels = np.array([[0.0], [BYTE]])
    yield span(pixels, "not divided by 255", "divide by 255, then normalise as in training")
    yield span(pixels / BYTE**2, "divided by 255 twice", "divide once")
    yield span(pixels * BYTE, "multiplied by 255", "leave that out")
    for each in known_normalisations(options):
        once, twice = f"apply {each.name} once", f"normalised twice with {each.name}"
        mean, std = np.array(each.mean), np.array(each.std)
        normalised = (pixels / BYTE - mean) / std
        yield span((normalised - mean) / std, twice, once)
        yield span(normalised * BYTE, f"multiplied by 255 after {each.name}", "leave the 255 out")
        yield span(normalised / BYTE, f"divided by 255 after {each.name}", "divide before, not after")
        yield span(
            (pixels - mean) / std, f"normalised with {each.name} but not divided by 255", "divide first"
        )
        yield span((pixels / BYTE**2 - mean) / std, f"divided by 255 twice, then {each.name}", "divide once")


def known_normalisations(options: SampleOptions) -> tuple[Normalisation, ...]:
    """The recipe's own, where it has one, and the usual ones."""
    own = Normalisation("the recipe's mean and std", options.mean, options.std)
    is_identity = set(own.mean) == {0.0} and set(own.std) == {1.0}
    return NORMALISATIONS if is_identity else (own, *NORMALISATIONS)


def span(ends: Array, fault: str, hint: str) -> Span:
    """The span whose first row is the lowest, the second the highest value of each channel."""
    return Span(ends[0], ends[1], fault, hint)


def check_range(arrays: Mapping[str, Array], options: SampleOptions) -> Iterator[Finding]:
    """Values that are not as any network's images are: raw bytes, a known mistake, or far from usual."""
    for name, values in arrays.items():
        if values.dtype.kind != "f" or values[0].size < FEWEST_VALUES or np.ptp(values) == 0:
            continue
        low, high = float(values.min()), float(values.max())
        ends = channel_ends(values)
        fault = next((each for each in wrong_spans(options) if matches(ends, each)), None)
        if is_raw(values, low, high):
            message = (
                f"input '{name}' is not normalised: its values are whole numbers from {low:g} to {high:g}"
            )
            hint = (
                f"--set 'sampling.pixels=[{name}]' divides by 255, then sampling.mean and sampling.std "
                "normalise as in training"
            )
            yield Finding("range", "error", name, message, hint)
        elif fault is not None:
            message = f"input '{name}' spans {low:.4g} to {high:.4g}: that is an image {fault.fault}"
            yield Finding("range", "error", name, message, fault.hint)
        elif values.ndim >= IMAGE_RANK and is_unusual(values, low, high):
            mean = float(values.mean(dtype=np.float64))
            message = f"input '{name}' spans {low:.4g} to {high:.4g}, mean {mean:.4g}: unusual for an image"
            yield Finding("range", "warning", name, message, "normalise the samples as in training")


def is_raw(values: Array, low: float, high: float) -> bool:
    """True for whole numbers within 0..255 that use much of it: pixels nobody has scaled."""
    if low < 0 or not BRIGHT <= high <= BYTE or not (values == np.rint(values)).all():
        return False
    return len(np.unique(values)) >= FEWEST_LEVELS


def is_unusual(values: Array, low: float, high: float) -> bool:
    """True where no usual preparation of images gives such values."""
    largest = max(abs(low), abs(high))
    far = abs(float(values.mean(dtype=np.float64))) > FARTHEST_MEAN
    return largest > LARGEST_USUAL or largest < SMALLEST_USUAL or far


def channel_ends(values: Array) -> dict[int, tuple[Array, Array]]:
    """Lowest and highest values by the number of channels told apart: 1, and 3 where these are colours."""
    ends = {1: (values.min(keepdims=True).reshape(1), values.max(keepdims=True).reshape(1))}
    axis = next((axis for axis in (1, values.ndim - 1) if values.shape[axis] == COLOURS), None)
    if values.ndim == IMAGE_RANK and axis is not None:
        others = tuple(each for each in range(values.ndim) if each != axis)
        ends[COLOURS] = values.min(others), values.max(others)
    return ends


def matches(ends: dict[int, tuple[Array, Array]], wanted: Span) -> bool:
    """True where every channel reaches both ends of the span and does not pass them."""
    if len(wanted.low) not in ends:
        return False
    low, high = ends[len(wanted.low)]
    slack = TOLERANCE * (wanted.high - wanted.low)
    return bool(((np.abs(low - wanted.low) <= slack) & (np.abs(high - wanted.high) <= slack)).all())
