"""Normalisation before the image input of a SavedModel's `serving_default`. Runs in a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.pixels import Fold
from convertkit.artifacts.signature import TensorSpec, folded_spec
from convertkit.graphs.savedmodel_names import number_functions

SIGNATURE = "serving_default"
KINDS = {"divide": tf.divide, "subtract": tf.subtract}


def fold(artifact: Artifact, fold: Fold, out: Path) -> None:
    """Write the SavedModel with a function around its own."""
    loaded = tf.saved_model.load(artifact.path)
    function = loaded.signatures[SIGNATURE]
    specs = [spec for spec in artifact.signature.inputs if not spec.is_bound]

    def serve(*tensors: Any) -> Any:
        given = dict(zip([spec.runtime_name for spec in specs], tensors, strict=True))
        image = artifact.signature.input(fold.input)
        given[image.runtime_name] = normalised(given[image.runtime_name], image, fold)
        return function(**given)

    copy = tf.Module()
    copy.loaded = loaded
    copy.serve = tf.function(serve, input_signature=[taken(spec, fold) for spec in specs], autograph=False)
    tf.saved_model.save(copy, str(out), signatures={SIGNATURE: copy.serve})
    number_functions(out)
    (out / "fingerprint.pb").unlink(missing_ok=True)  # differs from run to run, serves nothing


def taken(spec: TensorSpec, fold: Fold) -> Any:
    """What the new signature takes for an input."""
    after = folded_spec(spec, fold) if spec.name == fold.input else spec
    return tf.TensorSpec(
        [d if isinstance(d, int) else None for d in after.shape], after.dtype, after.runtime_name
    )


def normalised(values: Any, spec: TensorSpec, fold: Fold) -> Any:
    """Pixels, channels last, as the SavedModel took its images: in its own axis order."""
    result = tf.cast(values, tf.float32)
    for kind, by in fold.pixels.steps:
        result = KINDS[kind](result, tf.constant(by, tf.float32))
    places = own_order(spec, fold)
    return result if places is None else tf.transpose(result, places)


def own_order(spec: TensorSpec, fold: Fold) -> list[int] | None:
    """What transposes channels-last images to an artifact's own axis order; None where both are the same."""
    logical = list(range(len(spec.shape)))
    source, own = list(fold.axis_order or logical), list(spec.axis_order or logical)
    places = [source.index(axis) for axis in own]
    return None if places == logical else places
