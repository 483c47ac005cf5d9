"""Environments of workers: which interpreter each has, what its process is started with."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from convertkit.registry import EnvironmentRow

START_SECONDS = 20.0
SECRET = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTH|COOKIE|SIGNING"
)
SECRET_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_", "GCP_", "GITHUB_", "GITLAB_", "CI_", "SSH_", "GPG_", "VAULT_")


def own_folder(row: EnvironmentRow) -> Path:
    """Where an environment with an interpreter of its own is looked for: `.venv-field` beside `.venv`."""
    return Path(f"{sys.prefix}-{row.name}")


def environment_install(row: EnvironmentRow) -> str:
    """The exact line that makes an environment available."""
    return row.install.format(folder=shlex.quote(str(own_folder(row))))


def starts(python: str) -> bool:
    """Whether a program of that name starts as a Python; a version manager's stand-in may start none."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, timeout=START_SECONDS).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def lacks_python(row: EnvironmentRow) -> str:
    """What is said where the version of Python that an environment needs is not here; empty where it is."""
    if not row.python or starts(f"python{row.python}"):
        return ""
    return f"it needs Python {row.python}, and no python{row.python} starts here: install that first"


def interpreter(row: EnvironmentRow) -> Path | None:
    """The Python of an environment: `CONVERTKIT_PYTHON_<NAME>`, else `<prefix>-<name>`, else this one.

    Returns:
        None where the environment needs an interpreter of its own and there is none.
    """
    named = os.environ.get(f"CONVERTKIT_PYTHON_{row.name.upper()}")
    if named:
        return Path(named)
    beside = own_folder(row) / "bin" / "python"
    if beside.exists():
        return beside
    return None if row.own_interpreter else Path(sys.executable)


def child_environment(python: Path, threads: int, home: Path) -> dict[str, str]:
    """The worker's environment variables: quiet, offline, deterministic, its own tools on the PATH.

    onnx2tf starts `onnxsim` by name, so the environment's `bin` comes first on the PATH. Nothing is imported
    from a folder only because the process was started in it, and no secret is handed on.

    Args:
        home: where its temporary files and caches go.
    """
    changes = {
        "PATH": f"{python.parent.absolute()}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": absolute_entries(os.environ.get("PYTHONPATH", "")),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_USE_LEGACY_KERAS": "1",
        "TF_DETERMINISTIC_OPS": "1",
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        **dict.fromkeys(("TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "MPLCONFIGDIR"), str(home)),
    }
    return {**public_variables(os.environ), **changes}


def public_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Those that a worker is given: none of Python's own, and none that is called a secret."""
    return {
        name: value
        for name, value in variables.items()
        if not name.startswith(("PYTHON", *SECRET_PREFIXES)) and not SECRET.search(name.upper())
    }


def absolute_entries(search_path: str) -> str:
    """A search path without its relative entries; an empty one (`:/opt/lib`) means the current folder."""
    return os.pathsep.join(entry for entry in search_path.split(os.pathsep) if Path(entry).is_absolute())
