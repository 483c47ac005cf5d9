"""Installed packages, and the versions that convertkit supports; found without importing any of them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from convertkit.environment.versions import package_versions

VERSION_SECONDS = 30.0
STANDS_IN = {"onnxruntime-gpu": "onnxruntime", "tensorflow": "tensorflow-cpu"}  # the same code, CPU only
VERSIONS_CODE = """
import json, sys
from importlib import metadata
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def installed(python: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Versions that an interpreter would import, without importing anything.

    Raises:
        OSError, ValueError, subprocess.SubprocessError: it is no Python, or does not answer.
    """
    if python == Path(sys.executable):
        return package_versions(names)
    answer = subprocess.run(
        [str(python), "-c", VERSIONS_CODE, *names],
        capture_output=True,
        text=True,
        timeout=VERSION_SECONDS,
        check=True,
    )
    versions: dict[str, str] = json.loads(answer.stdout)
    return versions


def requirements(extra: str = "") -> dict[str, str]:
    """Name → range of everything that convertkit itself, or with an extra, requires; empty where it is not
    installed.
    """
    try:
        found = [Requirement(line) for line in metadata.requires("convertkit") or ()]
    except metadata.PackageNotFoundError:
        return {}
    return {
        requirement.name: str(requirement.specifier)
        for requirement in found
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra})
    }


def is_within(version: str, supported: str) -> bool:
    """True where a version is in a range such as `>=2.13,<2.15`; pre-releases count."""
    return SpecifierSet(supported).contains(version, prereleases=True)


def install_line(python: str, names: list[str], *, extra: str = "") -> str:
    """The line that installs packages at the versions that convertkit, or an extra of it, supports."""
    ranges = requirements(extra)
    wanted = [f"{name}{ranges.get(name, '')}" for name in names]
    return shlex.join([python, "-m", "pip", "install", *wanted])
