"""What a run leaves for those who ship it: vectors of held-out samples, its recipe, preprocessing, labels."""

from __future__ import annotations

from convertkit.artifacts.signature import Arrays
from convertkit.recipe import Recipe
from convertkit.report.shipping import MOST_VECTORS, preprocessing_of, write_shipping
from convertkit.samples.intake import Intake
from convertkit.storage.run_folder import RunFolder
from convertkit.validation.validator import Validator

LARGEST_VECTORS_BYTES = 64 << 20


def leave_shipping(recipe: Recipe, intake: Intake, validator: Validator, folder: RunFolder) -> None:
    """Write all of it into the run's folder."""
    inputs = vector_inputs(intake)
    images = preprocessing_of(
        intake.artifact.signature,
        intake.sampling,
        intake.fold,
        are_images=intake.samples.origin == "images",
    )
    outputs = vector_outputs(inputs, intake, validator)
    write_shipping(folder.path, recipe, inputs, outputs, images, intake.samples.class_names)


def vector_inputs(intake: Intake) -> Arrays:
    """A few samples that validated, and never calibrated; fewer where they are large."""
    rows = intake.split.validation
    first = intake.samples.take(rows[:1])
    size = sum(values.nbytes for values in first.values())
    count = max(1, min(MOST_VECTORS, LARGEST_VECTORS_BYTES // max(size, 1)))
    return intake.samples.take(rows[:count])


def vector_outputs(inputs: Arrays, intake: Intake, validator: Validator) -> Arrays:
    """The source's outputs on those: of all that it gave, unless it gives some once for several samples."""
    known, count = validator.source_outputs, len(next(iter(inputs.values())))
    if all(len(values) == len(intake.split.validation) for values in known.values()):
        return {name: values[:count] for name, values in known.items()}
    return validator.run_source(inputs)
