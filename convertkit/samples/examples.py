"""One call's worth of samples, to trace a model with, and the same at other sizes of its axes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from convertkit.artifacts.axes import CallAxes, InputAxes
from convertkit.artifacts.signature import Arrays, TensorSpec
from convertkit.artifacts.tensors import write_npz
from convertkit.samples.axes import other_sizes, resized
from convertkit.samples.samples import Samples
from convertkit.workers.jobs import DescribeJob

EXAMPLE_COUNT = 2


def example_rows(samples: Samples, inputs: tuple[TensorSpec, ...]) -> list[int]:
    """Sample numbers for one call: two where the batch is free, else as many as a call takes."""
    size = CallAxes.of(inputs, samples.arrays).batch_size
    return [row % samples.count for row in range(EXAMPLE_COUNT if size is None else size)]


def example_arrays(samples: Samples, inputs: tuple[TensorSpec, ...]) -> Arrays:
    """One call's worth of every input, logical."""
    rows = example_rows(samples, inputs)
    return CallAxes.of(inputs, samples.arrays).call(samples.take(rows), np.arange(len(rows)))


def axis_sizes(
    inputs: tuple[TensorSpec, ...], samples: Samples, ranges: dict[str, tuple[int, int | None]]
) -> dict[str, list[int]]:
    """Other sizes to try for every dynamic axis of the inputs, by the axis's name."""
    sizes: dict[str, list[int]] = {}
    for spec in inputs:
        values = samples.arrays[spec.name]
        for axis, name in spec.dynamic_axes.items():
            lowest, highest = ranges.get(name, (1, None))
            place = InputAxes.of(spec, values).place(axis)
            is_batch = place == 0
            exported = EXAMPLE_COUNT if is_batch else values.shape[place]
            sizes[name] = other_sizes(exported, is_batch=is_batch, lowest=lowest, highest=highest)
    return sizes


def with_examples(
    job: DescribeJob, samples: Samples, sizes: dict[str, list[int]], scratch: Path
) -> DescribeJob:
    """The job with files of examples, at the exported size and at other sizes of each dynamic axis."""
    examples = example_arrays(samples, job.inputs)
    write_npz(scratch / "describe.npz", examples)
    other = {}
    for index, (name, candidates) in enumerate(sizes.items()):
        files = []
        for size in candidates:
            files.append(str(scratch / f"describe-{index}-{size}.npz"))
            write_npz(files[-1], resized(job.inputs, examples, name, size, are_samples=False))
        if files:
            other[name] = tuple(files)
    return msgspec.structs.replace(job, examples=str(scratch / "describe.npz"), other_sizes=other)
