"""Whether samples are fit to calibrate with: count, constants, duplicates, ranges, classes. NumPy only.

Each check yields findings and judges one thing; `check_calibration` is all that need no model to run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from convertkit.artifacts.signature import Array, Arrays
from convertkit.calibration.finding import Finding, Severity, accept, errors_of
from convertkit.calibration.value_range import check_range
from convertkit.config.run_settings import SampleOptions
from convertkit.samples.samples import Samples, Split

FEWEST = 4
FEW = 16
USUAL = 100
FEWEST_VALUES = 16  # of a sample: below, samples that are flat or alike are no surprise
FEWEST_OBSERVED = 256  # of an input: below, ranges are chance
SOME_FLAT, MOSTLY_FLAT = 0.1, 0.5
SOME_REPEATED, MOSTLY_REPEATED = 0.1, 0.5
NEARLY_EQUAL = 1e-3
MOST_FEATURES = 64
CLIPPED_SHARE, CLIPPED_MARGIN = 0.01, 0.25
TAIL = 0.001
LEAST_CONVERGED = 0.75
MOST_VALUES = 1 << 20


def check_calibration(samples: Samples, split: Split, options: SampleOptions) -> tuple[Finding, ...]:
    """All findings that need no model; none for synthetic samples, which were asked for by name.

    Args:
        samples: fitted to the model's inputs.
    """
    if samples.origin == "synthetic" or not split.calibration:
        return ()
    seen, unseen = samples.take(split.calibration), samples.take(split.validation)
    few = list(check_count(samples.count, len(split.calibration)))
    if errors_of(accept(few, options.accept)):
        return tuple(few)  # so few say nothing else either
    findings = [
        *few,
        *check_constant(seen),
        *check_duplicates(seen, unseen, 0.0 if samples.apart else SOME_REPEATED),
        *check_channels(seen),
        *check_range(seen, options),
        *check_coverage(seen, unseen),
        *check_convergence(seen),
        *check_classes(samples.labels, split),
    ]
    return accept(findings, options.accept)


def check_count(total: int, count: int) -> Iterator[Finding]:
    """Enough samples to know a range from."""
    hint = f"{USUAL} or more are usual"
    if count < FEWEST:
        message = f"{total} samples leave {count} to calibrate with; at least {FEWEST} are needed"
        yield Finding("count", "error", "", message, hint)
    elif count < FEW:
        message = f"only {count} of {total} samples calibrate: ranges from so few depend on which they are"
        yield Finding("count", "warning", "", message, hint)


def check_constant(arrays: Arrays) -> Iterator[Finding]:
    """Inputs, or samples, that are one value throughout: an error unless another input varies."""
    inputs = judged(arrays)
    severity: Severity = "error" if all(has_constant_samples(v) for v in inputs.values()) else "warning"
    for name, values in inputs.items():
        if is_constant(values):
            value = values.flat[0]
            said = "all zeros" if value == 0 else f"always {value:g}"
            yield Finding("constant", severity, name, f"input '{name}' is {said} in every calibration sample")
        elif values[0].size >= FEWEST_VALUES and flat_share(values) > SOME_FLAT:
            count = round(flat_share(values) * len(values))
            message = f"{count} of {len(values)} calibration samples of '{name}' are one value throughout"
            yield Finding("constant", severity, name, message, "are these blank images, or silence?")


def has_constant_samples(values: Array) -> bool:
    """True where most samples are one value throughout."""
    return is_constant(values) or (values[0].size >= FEWEST_VALUES and flat_share(values) >= MOSTLY_FLAT)


def check_duplicates(seen: Arrays, unseen: Arrays, least_leaked: float = SOME_REPEATED) -> Iterator[Finding]:
    """Samples that stand more than once, within calibration or in validation as well.

    Args:
        least_leaked: share of the validation samples that must be calibration samples too to be told.
    """
    known = row_digests(seen)
    count, distinct = len(known), len(set(known))
    if all(is_constant(values) for values in judged(seen).values()):
        return  # told as constant
    large = sum(values[0].size for values in seen.values()) >= FEWEST_VALUES
    if count > 1 and (distinct == 1 or nearly_one(seen)):
        said = "are the same sample" if distinct == 1 else "hardly differ from each other"
        yield Finding(
            "duplicates", "error", "", f"all {count} calibration samples {said}", "use different ones"
        )
    elif large and distinct < max(FEWEST, MOSTLY_REPEATED * count):
        message = f"only {distinct} of {count} calibration samples are different"
        yield Finding("duplicates", "error", "", message, "use different ones")
    elif large and count - distinct >= SOME_REPEATED * count:
        message = f"{count - distinct} of {count} calibration samples stand there more than once"
        yield Finding("duplicates", "warning", "", message)
    else:
        leaked = sum(row in set(known) for row in row_digests(unseen)) if large else 0
        if leaked and leaked >= least_leaked * len(next(iter(unseen.values()))):
            message = f"{leaked} validation samples are calibration samples too: the result looks too good"
            yield Finding("duplicates", "warning", "", message, "remove repeated samples from the file")


def check_channels(arrays: Arrays) -> Iterator[Finding]:
    """Channels of an image, or features of a row, that never vary while others do."""
    for name, values in arrays.items():
        axis = channel_axis(values)
        if axis is None or is_constant(values):
            continue
        channels = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
        flat = np.flatnonzero(channels.min(1) == channels.max(1))
        if len(flat) == len(channels) and values.ndim == 2:
            message = f"input '{name}' is the same in every calibration sample"
            yield Finding("channels", "warning", name, message, "its range cannot be known from them")
        elif len(flat):
            listing = ", ".join(map(str, flat[:5])) + (", …" if len(flat) > 5 else "")
            noun = "channel" if values.ndim > 2 else "feature"
            message = f"{noun} {listing} of '{name}' never varies in the calibration samples"
            yield Finding("channels", "warning", name, message, "its range cannot be known from them")


def channel_axis(values: Array) -> int | None:
    """The channel axis of images (the shortest, first or last), the feature axis of short rows."""
    if values.dtype.kind != "f" or values.size == 0:
        return None
    if values.ndim == 2:
        return 1 if 1 < values.shape[1] <= MOST_FEATURES else None
    if values.ndim < 4:
        return None
    if 1 < values.shape[1] < min(values.shape[2:]):
        return 1
    return values.ndim - 1 if 1 < values.shape[-1] < min(values.shape[1:-1]) else None


def check_coverage(seen: Arrays, unseen: Arrays) -> Iterator[Finding]:
    """Validation values far outside of what calibration saw: INT8 will clip them."""
    for name, values in seen.items():
        if values.dtype.kind != "f" or values.size < FEWEST_OBSERVED or len(unseen[name]) == 0:
            continue
        low, high = float(values.min()), float(values.max())
        margin = CLIPPED_MARGIN * (high - low)
        others = unseen[name]
        share = float(np.mean((others < low - margin) | (others > high + margin)))
        if share > CLIPPED_SHARE and high > low:
            message = (
                f"{share:.1%} of the validation values of '{name}' lie far outside of what calibration saw, "
                f"{low:.4g} to {high:.4g}"
            )
            yield Finding("coverage", "warning", name, message, "more, or more varied, calibration samples")


def check_convergence(arrays: Arrays) -> Iterator[Finding]:
    """Ranges that still grow: those of either half of the samples against those of all of them."""
    for name, values in arrays.items():
        if values.dtype.kind != "f" or len(values) < 2 * FEWEST or values.size < FEWEST_OBSERVED:
            continue
        order = np.random.default_rng(0).permutation(len(values))
        halves = (values[order[: len(values) // 2]], values[order[len(values) // 2 :]])
        whole = width(values)
        narrowest = min(map(width, halves))
        if narrowest < LEAST_CONVERGED * whole:
            message = (
                f"the range of '{name}' still grows with more samples: half of them span {narrowest:.4g}, "
                f"all of them {whole:.4g}"
            )
            yield Finding(
                "convergence", "warning", name, message, "more calibration samples, or a rare outlier"
            )


def check_classes(labels: Array | None, split: Split) -> Iterator[Finding]:
    """Calibration samples of every class there are labels of."""
    if labels is None:
        return
    known = set(labels[labels >= 0].tolist())
    covered = set(labels[np.asarray(split.calibration)].tolist())
    if min(covered) < 0:
        return  # samples of a file of their own, without labels
    count = len(split.calibration)
    hint = "calibrate with samples of every class"
    if len(known) == 1:
        message = (
            f"all {len(labels)} samples have the same label, {labels[0]}: one class is not what was trained"
        )
        yield Finding("classes", "error", "", message, hint)
    elif len(covered) == 1 and count >= FEWEST:
        message = f"all {count} calibration samples are of one class, {covered.pop()}, of {len(known)}"
        yield Finding("classes", "error", "", message, hint)
    elif covered < known and (count >= len(known) or len(covered) < count / 2):
        message = f"the calibration samples are of {len(covered)} of {len(known)} classes"
        yield Finding("classes", "warning", "", message, hint)


def judged(arrays: Arrays) -> Arrays:
    """The inputs that carry the signal: floats where there are any, since masks may well be constant."""
    floats = {name: values for name, values in arrays.items() if values.dtype.kind == "f"}
    return floats or arrays


def is_constant(values: Array) -> bool:
    """True where all values are the same."""
    return bool((values == values.flat[0]).all())


def flat_share(values: Array) -> float:
    """Share of the samples that are one value throughout."""
    rows = values.reshape(len(values), -1)
    return float(np.mean(rows.min(1) == rows.max(1)))


def row_digests(arrays: Arrays) -> list[bytes]:
    """A digest of every sample, over all inputs."""
    rows = zip(*arrays.values(), strict=True)
    return [hashlib.sha256(b"".join(np.ascontiguousarray(v).tobytes() for v in row)).digest() for row in rows]


def nearly_one(arrays: Arrays) -> bool:
    """True where every sample is the first one, but for noise."""
    return all(
        bool((np.abs(values - values[:1]) <= NEARLY_EQUAL * np.abs(values).max()).all())
        for values in judged(arrays).values()
        if values.dtype.kind == "f"
    ) and any(values.dtype.kind == "f" for values in arrays.values())


def width(values: Array) -> float:
    """Distance of the 0.1 % and 99.9 % quantiles, of at most a million values."""
    flat = values.reshape(-1)
    low, high = np.quantile(flat[:: max(1, flat.size // MOST_VALUES)], (TAIL, 1 - TAIL))
    return float(high - low)
