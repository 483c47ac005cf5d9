"""One file an edge, frameworks imported at its top. Only in a worker; this page must not import them."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.formats import Variant
from convertkit.artifacts.signature import Signature
from convertkit.artifacts.transformation import Transformation

Options = TypeVar("Options")


class Request(msgspec.Struct, Generic[Options], frozen=True):
    """What a stage is asked to make.

    Attributes:
        out: where the artifact has to stand afterwards.
        scratch: an empty folder for intermediate files; it is deleted later.
        examples: `.npz` of a few logical samples.
        calibration: `.npz` of the calibration split, logical; None where there are no real samples.
        shared: folder that jobs with the same source and calibration have in common; None: none.
    """

    source: Artifact
    target: Variant
    options: Options
    out: Path
    scratch: Path
    examples: Path
    calibration: Path | None
    shared: Path | None = None


class Conversion(msgspec.Struct, frozen=True):
    """What a stage made.

    Attributes:
        signature: as read back from the artifact.
        notes: remarks for the report.
        loader: how a PyTorch artifact is opened; None for the other formats.
        transformations: what was done so that INT8 keeps its accuracy.
    """

    signature: Signature
    notes: tuple[str, ...] = ()
    loader: Loader | None = None
    transformations: tuple[Transformation, ...] = ()


class Stage(Protocol[Options]):
    """A stage is a module with this function."""

    def convert(self, request: Request[Options]) -> Conversion:
        """Make the artifact at `request.out`, or raise; a half-made one is removed by the caller."""
