"""Keras → SavedModel, by `model.export`'s way: one function with a `serving_default` signature.

What `tf.saved_model.save(model)` writes is another thing: TFLite finds its variables unset. Upstream option
set: `signatures`, one function whose inputs and outputs have the names that the model's own have.
"""

from __future__ import annotations

from typing import Any

import msgspec
import tensorflow as tf

from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.config.stage_options import KerasToSavedmodelOptions
from convertkit.runtimes.keras import named_outputs, open_keras
from convertkit.runtimes.tensorflow import SIGNATURE, signature_of
from convertkit.stages import Conversion, Request


def convert(request: Request[KerasToSavedmodelOptions]) -> Conversion:
    """Export the model with its own names, every free axis kept."""
    model = open_keras(request.source.path, request.source.loader)
    signature = request.source.signature
    wanted = {spec.runtime_name: spec.name for spec in signature.outputs}
    free = [
        tf.TensorSpec([d if isinstance(d, int) else None for d in spec.shape], spec.dtype, spec.name)
        for spec in signature.inputs
    ]

    def serve(*tensors: Any) -> Any:
        return {wanted[name]: value for name, value in named_outputs(model, list(tensors)).items()}

    holder = tf.Module()
    holder.weights = [each.value for each in model.variables]  # TensorFlow's own: TFLite folds no others
    holder.serve = tf.function(serve, input_signature=free, autograph=False)
    tf.saved_model.save(holder, str(request.out), signatures={SIGNATURE: holder.serve})
    return Conversion(in_order(signature_of(str(request.out)), signature))


def in_order(read: Signature, source: Signature) -> Signature:
    """The file's own signature in the source's order, its free axes under the source's names."""
    known = {spec.name: spec for spec in (*read.inputs, *read.outputs)}
    return Signature(
        tuple(renamed(known[spec.name], spec) for spec in source.inputs),
        tuple(renamed(known[spec.name], spec) for spec in source.outputs),
    )


def renamed(spec: TensorSpec, source: TensorSpec) -> TensorSpec:
    """A tensor as the file has it, its axes and batch as the source's."""
    dims = tuple(b if isinstance(a, str) else a for a, b in zip(spec.shape, source.shape, strict=True))
    return msgspec.structs.replace(spec, shape=dims, batch_axis=source.batch_axis)
