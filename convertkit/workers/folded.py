"""The job that puts normalisation into a finished artifact, and its answer."""

from __future__ import annotations

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.pixels import Fold
from convertkit.workers.message import Message


class FoldJob(Message, frozen=True, tag="fold"):
    """Put normalisation into an artifact, whose inputs and outputs stay as they are but for its images.

    Attributes:
        out: path of the artifact to write.
    """

    artifact: Artifact
    fold: Fold
    out: str


class Folded(Message, frozen=True, tag="folded"):
    """The artifact stands at `FoldJob.out`."""
