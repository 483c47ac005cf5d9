"""Samples of two files, one to calibrate with and one to validate with, joined; rows tell which is which."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import SamplesError
from convertkit.samples.rows import JoinedRows
from convertkit.samples.samples import MOST_CALIBRATION, Samples, Split, split_samples

UNLABELLED = -1
HINT = "what calibrates must not validate: give other samples, or leave sampling.calibration_samples out"


def refuse_same(path: Path, calibration: Path) -> None:
    """Raise SamplesError where both are one file or folder."""
    if path.resolve() == calibration.resolve():
        raise SamplesError(f"{path} is given to validate and to calibrate with", hint=HINT)


def joined(samples: Samples, calibration: Samples) -> Samples:
    """The samples, and behind them those that only calibrate; both fitted to the model's inputs.

    Raises:
        SamplesError: both have the same content, or sizes that do not go together.
    """
    if samples.sha256 == calibration.sha256:
        raise SamplesError("the samples to validate and to calibrate with have the same content", hint=HINT)
    arrays = {}
    for name, values in samples.arrays.items():
        others = calibration.arrays[name]
        if values.shape[1:] != others.shape[1:]:
            raise SamplesError(
                f"array '{name}' has samples of {list(others.shape[1:])} to calibrate with and of "
                f"{list(values.shape[1:])} to validate with"
            )
        arrays[name] = JoinedRows(values, others)
    return msgspec.structs.replace(
        samples,
        arrays=arrays,
        labels=joined_labels(samples, calibration),
        apart=calibration.count,
        notes=tuple(dict.fromkeys((*samples.notes, *calibration.notes))),
        calibration_sha256=calibration.sha256,
    )


def joined_labels(samples: Samples, calibration: Samples) -> Array | None:
    """Labels of both, UNLABELLED where the samples that calibrate have none; those that validate decide."""
    if samples.labels is None:
        return None
    others = calibration.labels
    if others is None:
        others = np.full(calibration.count, UNLABELLED, np.int64)
    return np.concatenate([samples.labels, others])


def split(samples: Samples, options: SampleOptions, *, needs_calibration: bool) -> Split:
    """Which samples calibrate and which validate: those that were given for it, else one file split.

    Raises:
        SamplesError: too few samples for two splits.
    """
    if not samples.apart:
        return split_samples(samples.count, options, needs_calibration=needs_calibration)
    own = samples.count - samples.apart
    validation = split_samples(own, options, needs_calibration=False).validation
    if not needs_calibration:
        return Split((), validation)
    most = msgspec.structs.replace(options, validation=options.calibration or MOST_CALIBRATION)
    chosen = split_samples(samples.apart, most, needs_calibration=False).validation
    return Split(tuple(own + row for row in chosen), validation)
