"""What the gate says of an artifact of a hop."""

from __future__ import annotations

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.errors import WorkerError
from convertkit.validation.judgement import Judgement
from convertkit.validation.tolerance import Tolerance
from convertkit.validation.validator import Validator


def judged(validator: Validator, artifact: Artifact, previous: Arrays, tolerance: Tolerance) -> Judgement:
    """What the gate says; a WorkerError that says so where two workers died of it."""
    try:
        return validator.judge(artifact, previous, tolerance)
    except WorkerError as error:
        raise type(error)(f"while judging it: {error.message}", hint=error.hint) from error
