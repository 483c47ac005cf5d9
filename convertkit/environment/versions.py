"""Where a run takes place: machine, Python, and package versions, found without importing any of them."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata

import msgspec

from convertkit.environment.devices import cpu_name, gpu_names
from convertkit.environment.nvml import driver_version
from convertkit.registry import EXTRAS, RUNTIMES, STAGES


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Where the run took place."""

    python: str
    platform: str
    cpu: str
    gpus: tuple[str, ...]
    packages: dict[str, str]
    gpu_driver: str = ""


def environment_record() -> Environment:
    """This machine, and the versions of every package that a stage or runtime names."""
    named = {package for row in (*STAGES, *RUNTIMES) for package in row.packages}
    named |= {row.package for row in EXTRAS}
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=cpu_name(),
        gpus=gpu_names(),
        packages=package_versions(sorted(named)),
        gpu_driver=driver_version(),
    )


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Installed versions, without importing anything; a package that is not installed is left out."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
