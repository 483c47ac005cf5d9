"""Latencies that the store keeps: an artifact that was measured on this machine is not measured again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays, Signature
from convertkit.artifacts.tensors import write_npz
from convertkit.config.run_settings import BenchOptions
from convertkit.environment.own_code import code_hash
from convertkit.measurement.latency import Latency
from convertkit.registry import runtime_row
from convertkit.storage.store import Store, StoredHop, hop_key, key_parts
from convertkit.storage.temporary import temporary_folder
from convertkit.workers.dependence import artifact_parts, content, machine, runs_own_code, surroundings

Rows = tuple[Latency, ...]
CODE = ("measurement/rounds.py", "worker/perform.py")


class KeptLatencies:
    """Latencies in a store.

    Attributes:
        damaged: how many were not whole, and were put aside.
    """

    def __init__(self, store: Store, *, recalls: bool = True) -> None:
        """Latencies in a store.

        Args:
            recalls: False: none are taken out, and new ones replace them.
        """
        self._store = store
        self._recalls = recalls
        self.damaged = 0

    def rows_of(
        self,
        artifacts: Sequence[Artifact],
        asked: dict[str, Any],
        measure: Callable[[Sequence[Artifact]], list[Rows]],
    ) -> list[Rows]:
        """Latency rows of each artifact: those that are kept, and beside them what is measured now.

        Args:
            asked: what else the rows depend on.
            measure: takes the artifacts of which nothing is kept, all together.
        """
        keys = [key_of(artifact, asked) for artifact in artifacts]
        found = [self._take(key) for key in keys]
        missing = [artifact for artifact, rows in zip(artifacts, found, strict=True) if rows is None]
        fresh = iter(stamped(measure(missing)) if missing else [])
        every = [rows if rows is not None else next(fresh) for rows in found]
        for key, kept, rows in zip(keys, found, every, strict=True):
            if kept is None and key is not None and rows[0].p50_ms is not None:
                self._put(key, rows)
        return every

    def _take(self, key: dict[str, Any] | None) -> Rows | None:
        """The rows of a key, marked as such."""
        if key is None or not self._recalls:
            return None
        before = len(self._store.quarantined)
        with temporary_folder() as folder:
            stored = self._store.get(hop_key(**key), folder / "nothing")
        self.damaged += len(self._store.quarantined) - before
        if stored is None:
            return None
        rows = msgspec.convert(stored.options["rows"], Rows)
        return tuple(msgspec.structs.replace(row, cached=True) for row in rows)

    def _put(self, key: dict[str, Any], rows: Rows) -> None:
        record = StoredHop(
            Signature((), ()), "", {"rows": msgspec.to_builtins(rows)}, (), 0.0, 0, parts=key_parts(**key)
        )
        with temporary_folder() as folder:
            (folder / "nothing").touch()
            self._store.put(hop_key(**key), folder / "nothing", record)


def stamped(rows: list[Rows]) -> list[Rows]:
    """Rows that were measured together, with the time that it is now."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return [tuple(msgspec.structs.replace(one, measured=now) for one in row) for row in rows]


def asked_of_bench(
    device: str | None, options: BenchOptions, sample: Arrays, scratch: Path
) -> dict[str, Any]:
    """What a latency depends on besides the artifact."""
    file = scratch / "bench-sample.npz"
    write_npz(file, sample)
    return {
        "device": device,
        "options": msgspec.to_builtins(options),
        "sample": content(str(file)),
        "host": machine(),
    }


def key_of(artifact: Artifact, asked: dict[str, Any]) -> dict[str, Any] | None:
    """Everything that an artifact's latency depends on; None where code of the user's builds it."""
    if not artifact.sha256 or runs_own_code(artifact.loader):
        return None
    row = runtime_row(artifact.variant.format)
    own = {
        "stage": "bench",
        "target": str(artifact.variant),
        "artifact": artifact_parts(msgspec.to_builtins(artifact)),
        "code": [code_hash(file) for file in (*CODE, f"runtimes/{row.name}.py")],
    }
    return own | asked | surroundings(row.environment)
