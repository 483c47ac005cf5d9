"""One call's worth of samples, to trace a model with, and the same at other sizes of its axes."""

from __future__ import annotations

from pathlib import Path

import msgspec

from convertkit.artifacts.signature import Arrays, TensorSpec
from convertkit.artifacts.tensors import write_npz
from convertkit.samples.axes import other_sizes, resized
from convertkit.samples.fit import is_batch_axis, leading_axes
from convertkit.samples.samples import Samples
from convertkit.workers.jobs import DescribeJob

EXAMPLE_COUNT = 2


def example_rows(samples: Samples, inputs: tuple[TensorSpec, ...]) -> list[int]:
    """Sample numbers for one call: two where the batch is free, else as many as a call takes."""
    shape = inputs[0].logical_shape
    first = shape[0] if shape and isinstance(shape[0], int) else EXAMPLE_COUNT
    if samples.arrays[inputs[0].name].ndim == len(shape) + 1:
        first = 1
    return [row % samples.count for row in range(first)]


def example_arrays(samples: Samples, inputs: tuple[TensorSpec, ...]) -> Arrays:
    """One call's worth of every input, logical."""
    rows = example_rows(samples, inputs)
    arrays = samples.take(rows)
    for spec in inputs:
        if leading_axes(spec, arrays[spec.name]):
            arrays[spec.name] = arrays[spec.name][0]
    return arrays


def axis_sizes(
    inputs: tuple[TensorSpec, ...], samples: Samples, ranges: dict[str, tuple[int, int | None]]
) -> dict[str, list[int]]:
    """Other sizes to try for every dynamic axis of the inputs, by the axis's name."""
    sizes: dict[str, list[int]] = {}
    for spec in inputs:
        values = samples.arrays[spec.name]
        for axis, name in spec.dynamic_axes.items():
            lowest, highest = ranges.get(name, (1, None))
            is_batch = is_batch_axis(spec, values, axis)
            exported = EXAMPLE_COUNT if is_batch else values.shape[axis + leading_axes(spec, values)]
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
            write_npz(files[-1], resized(job.inputs, examples, name, size))
        if files:
            other[name] = tuple(files)
    return msgspec.structs.replace(job, examples=str(scratch / "describe.npz"), other_sizes=other)
