"""Padding inside an artifact: entries of its tensors that `gate.masks` rules out, where that is certain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from convertkit.artifacts.signature import Array, Arrays, Signature
from convertkit.validation.masks import check_masks
from convertkit.validation.powers import Valid


def padding_of(masks: Mapping[str, str], signature: Signature, inputs: Arrays) -> tuple[Valid, ...]:
    """The entries that count inside a model, one array an input that masks.

    An input rules out nothing inside where an output of the same first axes has no mask: what leads to that
    output counts everywhere.

    Args:
        masks: output → input that is 0 where there is padding.
        inputs: arrays of the samples that are run.

    Raises:
        UsageError: the model has no such output or input.
    """
    check_masks(masks, signature)
    found = []
    for name in dict.fromkeys(masks.values()):
        axes = signature.input(name).logical_shape
        alike = [spec.name for spec in signature.outputs if spec.logical_shape[: len(axes)] == axes]
        valid = np.asarray(inputs[name] != 0)
        if valid.any() and all(output in masks for output in alike):
            found.append(valid)
    return tuple(found)


def without_padding(reference: Array, candidate: Array, masks: Sequence[Valid]) -> tuple[Array, Array]:
    """Two tensors of one shape, without the entries that a mask rules out.

    A mask is for tensors that begin with its axes, or with one axis for all of them: [samples, tokens, …] or
    [samples * tokens, …]. Others are as they were.
    """
    for valid in masks:
        if reference.shape[: valid.ndim] == valid.shape:
            return reference[valid], candidate[valid]
        if reference.ndim > 1 and reference.shape[0] == valid.size > len(valid):
            return reference[valid.reshape(-1)], candidate[valid.reshape(-1)]
    return reference, candidate
