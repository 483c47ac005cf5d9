"""Which operators of a run's artifacts take their time, once all latencies are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.measurement.profile import Profile, take_profile
from convertkit.measurement.rounds import Bench
from convertkit.report.report import HopRecord
from convertkit.storage.run_folder import PROFILES, RunFolder

SOURCE = "source.json"


def take_profiles(
    source: Artifact, artifacts: Sequence[Artifact], bench: Bench, folder: RunFolder
) -> dict[str, Profile]:
    """A profile of each artifact by its path, its trace in `profiles/`; of the source in `source.json`.

    Args:
        artifacts: the source among them, wherever it stands.
    """
    traces = folder.own(PROFILES)
    return {
        one.path: profiled(one, traces / (SOURCE if one is source else trace_name(one)), bench, folder)
        for one in artifacts
    }


def trace_name(artifact: Artifact) -> str:
    """`model.int8.onnx.json`."""
    return f"{Path(artifact.path).name}.json"


def profiled(artifact: Artifact, trace: Path, bench: Bench, folder: RunFolder) -> Profile:
    """The profile, the path of its trace within the run's folder."""
    threads, scratch = bench.options.threads, bench.scratch
    found = take_profile(artifact, bench.sample, threads, bench.workers, scratch, trace)
    if found.trace is None:
        return found
    return msgspec.structs.replace(found, trace=folder.relative(found.trace))


def with_profile(record: HopRecord, artifact: Artifact | None, profiles: dict[str, Profile]) -> HopRecord:
    """The record with its artifact's profile; as it is where none was taken."""
    found = profiles.get(artifact.path) if artifact is not None else None
    return record if found is None else msgspec.structs.replace(record, profile=found)
