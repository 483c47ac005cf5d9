"""Masks: which entries of an output mean something, by an input that rules out padding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from convertkit.artifacts.signature import Arrays, Signature
from convertkit.errors import UsageError, did_you_mean
from convertkit.validation.powers import Valid

MASK_NAME = "attention_mask"
FEWEST_AXES = 2  # samples, and what is padded

Masks = Mapping[str, Valid]
"""Output → true for the entries of its leading axes that count."""


def check_masks(masks: Mapping[str, str], signature: Signature) -> None:
    """Raise UsageError for an output or an input that the model does not have."""
    for kind, specs, names in (
        ("output", signature.outputs, list(masks)),
        ("input", signature.inputs, list(masks.values())),
    ):
        known = [spec.name for spec in specs]
        for name in names:
            if name not in known:
                raise UsageError(
                    f"gate.masks: the model has no {kind} '{name}'",
                    hint=did_you_mean(name, known),
                )


def read_masks(masks: Mapping[str, str], inputs: Arrays, outputs: Arrays) -> Masks:
    """The entries that count of every output that has a mask: where the input is not 0.

    Raises:
        UsageError: an input's shape is not that of the output's leading axes.
    """
    found = {}
    for output, name in masks.items():
        valid, shape = inputs[name] != 0, outputs[output].shape
        if valid.shape != shape[: valid.ndim]:
            raise UsageError(
                f"gate.masks: '{name}' is {list(valid.shape)}, which are not the first axes of '{output}', "
                f"{list(shape)}"
            )
        found[output] = np.asarray(valid)
    return found


def mask_notes(masks: Mapping[str, str], signature: Signature, inputs: Arrays) -> tuple[str, ...]:
    """That outputs are judged at padding too, where an input looks like what would rule it out.

    Which entries mean nothing only the user knows: the name is a convention, so none is left out by itself.
    """
    found = []
    for spec in signature.inputs:
        if spec.name != MASK_NAME or np.dtype(spec.logical_dtype).kind not in "iub":
            continue
        axes, values = spec.logical_shape, inputs.get(spec.name)
        if values is None or len(axes) < FEWEST_AXES or (values != 0).all():
            continue
        found += [
            f"output '{output.name}' is judged where '{spec.name}' is 0 too; if that is padding: "
            f"--set gate.masks.{output.name}={spec.name}"
            for output in signature.outputs
            if output.logical_shape[: len(axes)] == axes and output.name not in masks
        ]
    return tuple(found)
