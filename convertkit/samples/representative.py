"""The calibration split, one call of the source model at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from convertkit.artifacts.axes import InputAxes
from convertkit.artifacts.signature import Arrays, Signature, TensorSpec, to_physical
from convertkit.errors import StageError
from convertkit.samples.rows import map_file


def read_calibration(path: Path | None) -> Arrays:
    """The calibration samples, logical, mapped from disk: a step reads its own.

    Raises:
        StageError: there are none.
    """
    if path is None:
        raise StageError("full integer quantization needs calibration samples")
    return map_file(path)


def calibration_steps(signature: Signature, samples: Arrays) -> Iterator[Arrays]:
    """One physical sample a step, keyed by the names that the signature's runtime uses."""
    for index in range(len(next(iter(samples.values())))):
        yield {spec.runtime_name: calibration_input(samples, spec, index) for spec in signature.inputs}


def calibration_input(samples: Arrays, spec: TensorSpec, index: int) -> Any:
    """One call's worth of one input: the sample, repeated where a static batch is larger than one."""
    values = samples[spec.name]
    axes = InputAxes.of(spec, values)
    repeats = axes.size if isinstance(axes.size, int) else 1
    chosen = np.repeat(
        values[index : index + 1], repeats, axis=0
    )  # a copy: frameworks want to own their inputs
    return to_physical(axes.call(chosen), spec)
