"""What a worker process is started with, and what it may not import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convertkit.environment.interpreters import absolute_entries, child_environment, public_variables


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        (":/opt/lib", "/opt/lib"),
        ("/opt/lib:", "/opt/lib"),
        (".:/opt/lib:src:/opt/more", "/opt/lib:/opt/more"),
        ("::", ""),
    ],
)
def test_a_search_path_keeps_its_absolute_entries(given: str, kept: str) -> None:
    assert absolute_entries(given) == kept


@pytest.mark.parametrize("search_path", ["", ":", ".", ":/opt/lib"])
@pytest.mark.parametrize("command", [["-c", "import trap"], ["-m", "trap"]])
def test_a_child_imports_nothing_from_the_folder_it_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, search_path: str, command: list[str]
) -> None:
    (tmp_path / "trap.py").write_text("open('canary', 'w').close()\n")
    monkeypatch.setenv("PYTHONPATH", search_path)
    run = [sys.executable, *command]
    environment = child_environment(Path(sys.executable), 1, tmp_path / "home")
    done = subprocess.run(run, env=environment, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0
    assert not (tmp_path / "canary").exists()
    subprocess.run(run, env=os.environ, cwd=tmp_path, check=True)  # the trap is one
    assert (tmp_path / "canary").exists()


def test_a_child_is_given_no_secret_and_none_of_pythons_variables() -> None:
    given = {
        "PATH": "/bin",
        "LANG": "C",
        "CUDA_VISIBLE_DEVICES": "0",
        "HF_TOKEN": "x",
        "AWS_REGION": "x",
        "db_password": "x",
        "MY_API_KEY": "x",
        "PYTHONSTARTUP": "/tmp/x.py",
        "PYTHONHOME": "/tmp",
        "SSH_AUTH_SOCK": "/tmp/x",
    }
    assert set(public_variables(given)) == {"PATH", "LANG", "CUDA_VISIBLE_DEVICES"}
