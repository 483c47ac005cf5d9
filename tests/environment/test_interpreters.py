"""What a worker process is started with, and what it may not import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convertkit.environment.interpreters import absolute_entries, child_environment


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
    done = subprocess.run(
        run, env=child_environment(Path(sys.executable), 1), cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode != 0
    assert not (tmp_path / "canary").exists()
    subprocess.run(run, env=os.environ, cwd=tmp_path, check=True)  # the trap is one
    assert (tmp_path / "canary").exists()
