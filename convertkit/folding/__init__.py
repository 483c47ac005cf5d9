"""Normalisation put into finished artifacts, one file a format. Only in a worker; must not import them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.pixels import Fold


class Folder(Protocol):
    """A module with this function."""

    def fold(self, artifact: Artifact, fold: Fold, out: Path) -> None:
        """Write the artifact with a cast, the steps of the normalisation and a transpose before its image.

        No operator, weight or scale that it has is another afterwards, so it computes what it did.

        Raises:
            StageError: there is no such input, or it is an output too.
        """
