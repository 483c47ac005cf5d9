"""What an artifact depends on: the store's key, and why a hop that was kept has to run again."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from convertkit.artifacts.digest import hash_path
from convertkit.config.attempts import StageOptions
from convertkit.environment.interpreters import interpreter
from convertkit.environment.own_code import code_hash
from convertkit.environment.versions import package_versions
from convertkit.plan import Hop
from convertkit.registry import environment_row, extra_row
from convertkit.storage.store import hop_key, key_parts
from convertkit.workers.jobs import ConvertJob

NAMED = {
    "signature": "the source's signature changed",
    "half": "the source's precision changed",
    "form": "the refinement changed",
    "code": "convertkit's own code of it changed",
    "interpreter": "another interpreter",
}


GIVEN = ("stage", "target", "options", "source", "examples", "calibration", "grid", "samples")


class Provenance(msgspec.Struct, frozen=True):
    """Everything that an artifact depends on, by name.

    Attributes:
        parts: plain values.
    """

    parts: dict[str, Any]

    @property
    def key(self) -> str:
        """The store's key."""
        return hop_key(**self.parts)

    @property
    def line(self) -> str:
        """What stays the same where only the software changes: the step, what it was given and how."""
        given = {name: self.parts.get(name) for name in GIVEN}
        return hashlib.sha256(msgspec.json.encode(given, order="sorted")).hexdigest()

    def since(self, before: dict[str, Any]) -> str:
        """`onnx 1.23.2 → 1.24.0, python 3.11.7 → 3.11.9`: what differs from the parts of an earlier key."""
        now = as_read(key_parts(**self.parts))
        return ", ".join(differences(as_read(before), now))


def as_read(parts: dict[str, Any]) -> dict[str, Any]:
    """The parts as the store gives them back: JSON has lists where options and shapes are tuples."""
    return msgspec.json.decode(msgspec.json.encode(parts), type=dict[str, Any])


def differences(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """One phrase for each part that differs."""
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if name == "versions":
            yield from versions_changed(old or {}, new or {})
        elif name in NAMED:
            yield NAMED[name]
        else:
            yield f"{name} {old} → {new}"


def versions_changed(old: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    """`onnx 1.23.2 → 1.24.0` for each package of another version."""
    for package in sorted(old.keys() | new.keys()):
        if old.get(package) != new.get(package):
            yield f"{package} {old.get(package, 'not installed')} → {new.get(package, 'not installed')}"


def provenance_of(hop: Hop, options: StageOptions, job: ConvertJob) -> Provenance | None:
    """What a hop's artifact depends on; None where that is code of the user's."""
    source = job.source
    if source.loader is not None and (source.loader.factory or source.loader.kind == "module"):
        return None
    calibration = hash_path(Path(job.calibration))[0] if job.calibration else None
    is_folder = source.loader is not None and source.loader.kind == "huggingface"
    extras = filter(None, (options.extra, "transformers" if is_folder else ""))
    packages = (*hop.stage.packages, "numpy", *(extra_row(name).package for name in extras))
    return Provenance(
        {
            "stage": hop.stage.name,
            "target": str(hop.target),
            "options": msgspec.to_builtins(options),
            "source": source.sha256,
            "half": source.half,
            "signature": msgspec.to_builtins(source.signature),
            "examples": hash_path(Path(job.examples))[0],
            "calibration": calibration if hop.target.precision.needs_calibration else None,
            "interpreter": other_interpreter(hop.stage.environment),
            "versions": package_versions(packages),
            "code": code_hash(f"stages/{hop.stage.name}.py"),
        }
    )


def other_interpreter(environment: str) -> str | None:
    """The interpreter of an environment that has one of its own, whose packages are not this one's."""
    python = interpreter(environment_row(environment))
    return None if python == Path(sys.executable) else str(python)
