"""The signature of a Hugging Face folder, found by running its model at a few sizes. Runs in a worker."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from convertkit.artifacts.signature import Arrays, Signature, TensorSpec
from convertkit.errors import ModelFileError
from convertkit.pytorch.huggingface import MASK, Folder, open_folder
from convertkit.pytorch.outputs import dynamic_shape, named_apart, output_shapes, shapes_of
from convertkit.pytorch.unfit import run_checked
from convertkit.pytorch.weights import weights_bytes
from convertkit.workers.answers import Described
from convertkit.workers.jobs import DescribeJob

SIZES = {"batch": 2, "tokens": 8, "decoder_tokens": 6, "length": 16_000, "frames": 300}
IMAGE_SIZE = 224
STEPS = {"batch": 1, "tokens": 3, "decoder_tokens": 2, "length": 4_000, "frames": 100}
IMAGE_STEP = 32


def describe_folder(job: DescribeJob) -> Described:
    """Inputs by the model's kind, outputs from running it; the mask of its tokens is that of its outputs.

    Raises:
        ModelFileError: it cannot be opened, or gives no tensor.
    """
    assert job.loader is not None
    folder = open_folder(job.path, job.loader)
    names = [spec.name for spec in folder.inputs]
    examples = example_inputs(folder, {})
    checked = run_checked(folder.model, job.loader.kind, list(examples.values()))
    shapes = shapes_of(named_apart(checked.outputs, names))
    words = dict.fromkeys(word for spec in folder.inputs for word in spec.dynamic_axes.values())
    other = {
        word: output_shapes(folder.model, list(example_inputs(folder, {word: 1}).values()), names)
        for word in words
    }
    outputs = tuple(
        TensorSpec(name, dtype, dynamic_shape(name, shape, other)) for name, (dtype, shape) in shapes.items()
    )
    if not outputs:
        raise ModelFileError(f"{job.path}: the model returns no tensor")
    return Described(
        Signature(folder.inputs, outputs),
        {"torch": str(torch.__version__)},
        limits=folder.limits,
        notes=folder.notes,
        masks=masks_of(folder.inputs, outputs),
        weights_bytes=weights_bytes(folder.model),
    )


def masks_of(inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> dict[str, str]:
    """Output → the mask of its tokens, for the outputs that have the mask's axes."""
    mask = next((spec for spec in inputs if spec.name == MASK), None)
    if mask is None:
        return {}
    return {spec.name: MASK for spec in outputs if spec.shape[: len(mask.shape)] == mask.shape}


def example_inputs(folder: Folder, steps: dict[str, int]) -> Arrays:
    """Inputs for one call; an axis in `steps` is larger by so many steps."""
    random = np.random.default_rng(0)
    arrays: Arrays = {}
    for spec in folder.inputs:
        shape = [size_of(dim, steps) for dim in spec.shape]
        if spec.dtype == "float32":
            arrays[spec.name] = random.standard_normal(shape).astype(np.float32)
        elif spec.name == MASK:
            arrays[spec.name] = np.ones(shape, np.int64)
        else:
            arrays[spec.name] = random.integers(0, folder.limits.get(spec.name, 2), shape)
    return arrays


def size_of(dim: Any, steps: dict[str, int]) -> int:
    """A fixed size itself; an axis's own size for examples, more by its steps."""
    if isinstance(dim, int):
        return dim
    return SIZES.get(dim, IMAGE_SIZE) + steps.get(dim, 0) * STEPS.get(dim, IMAGE_STEP)
