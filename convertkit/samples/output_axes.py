"""Along which axis of an output the samples stand, where the file leaves it open: two calls tell.

ONNX files may name no axis of an output that has several, or call a free first axis what it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.axes import CallAxes
from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import TensorSpec
from convertkit.artifacts.tensors import read_npz, write_npz
from convertkit.errors import ConvertkitError, pass_on_lost
from convertkit.registry import runtime_row
from convertkit.samples.samples import Samples
from convertkit.workers.jobs import InferJob
from convertkit.workers.pool import Workers

COUNTS = (2, 3)
Shape = tuple[int, ...]


def with_seen_axes(artifact: Artifact, samples: Samples, workers: Workers, scratch: Path) -> Artifact:
    """The artifact, the batch axes of its outputs as two and three samples show them, where they are open.

    PyTorch's have been seen already. A model that does not run so stays as it is.
    """
    signature = artifact.signature
    words = {
        spec.logical_shape[axis]
        for spec in signature.inputs
        if (axis := spec.batch_axis) is not None and spec.shape
    }
    is_open = any(leaves_open(spec, words) for spec in signature.outputs)
    calls = CallAxes.of(signature.inputs, samples.arrays)
    if artifact.variant.format is Format.TORCH or not is_open or calls.batch_size is not None:
        return artifact
    try:
        few, more = (output_shapes(artifact, samples, count, workers, scratch) for count in COUNTS)
    except ConvertkitError as error:
        pass_on_lost(error)
        return artifact
    outputs = tuple(
        with_axis(spec, few[spec.name], more[spec.name], words) if leaves_open(spec, words) else spec
        for spec in signature.outputs
    )
    return msgspec.structs.replace(artifact, signature=msgspec.structs.replace(signature, outputs=outputs))


def leaves_open(spec: TensorSpec, words: set[int | str]) -> bool:
    """True where several axes of an output are free, and no name that the file itself gives says which."""
    free = spec.dynamic_axes
    is_nameless = any(word == f"{spec.name}_{axis}" for axis, word in free.items())
    return len(free) > 1 and (is_nameless or not words.intersection(free.values()))


def output_shapes(
    artifact: Artifact, samples: Samples, count: int, workers: Workers, scratch: Path
) -> Mapping[str, Shape]:
    """The shape of every output of one call with so many samples."""
    whole = tuple(msgspec.structs.replace(spec, batch_axis=None) for spec in artifact.signature.outputs)
    asked = msgspec.structs.replace(
        artifact, signature=msgspec.structs.replace(artifact.signature, outputs=whole)
    )
    inputs, outputs = scratch / "axes.npz", scratch / "axes-outputs.npz"
    outputs.unlink(missing_ok=True)
    write_npz(inputs, samples.take([row % samples.count for row in range(count)]))
    row = runtime_row(artifact.variant.format)
    workers.ask(
        row.environment, InferJob(row.name, asked, str(inputs), str(outputs), count), f"{row.name}.log"
    )
    return {name: values.shape[1:] for name, values in read_npz(outputs).items()}


def with_axis(spec: TensorSpec, few: Shape, more: Shape, words: set[int | str]) -> TensorSpec:
    """An output with the axis that grows with the samples as its batch; with none where none does.

    A free axis that was called as the batch is, and is not, has the output's name.
    """
    axis = moved_axis(few, more)
    if len(few) != len(spec.shape) or len(few) != len(more):
        return spec
    shape = tuple(
        f"{spec.name}_{place}" if place != axis and dim in words else dim
        for place, dim in enumerate(spec.logical_shape)
    )
    return msgspec.structs.replace(spec, shape=shape, batch_axis=axis)


def moved_axis(few: Shape, more: Shape) -> int | None:
    """The first axis whose size is in proportion to the samples of the two calls; None where none is."""
    pairs = enumerate(zip(few, more, strict=False))
    return next((axis for axis, (a, b) in pairs if a and a * COUNTS[1] == b * COUNTS[0]), None)
