"""The record of an artifact: where it stands, its bytes beside the source's. Reads no file."""

from __future__ import annotations

from convertkit.artifacts.artifact import Artifact
from convertkit.report.report import ArtifactRecord
from convertkit.storage.store import StoredHop


def artifact_record(
    artifact: Artifact, stored: StoredHop, path: str, source_bytes: int, source_weights: int | None
) -> ArtifactRecord:
    """The record of an artifact under its path within the run's folder.

    Args:
        source_bytes: size of the model that came in.
        source_weights: bytes of its weights; None where nobody tells.
    """
    return ArtifactRecord(
        path=path,
        sha256=artifact.sha256,
        size_bytes=artifact.size_bytes,
        size_ratio=artifact.size_bytes / source_bytes,
        weights_bytes=stored.weights_bytes,
        compressed_bytes=stored.compressed_bytes,
        weights_ratio=artifact.size_bytes / source_weights if source_weights else None,
    )
