"""A tenth of `make faults`: what is read, refused or put aside as it has to be; the rest is nightly."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.faults_page import Part, keep, kept, page
from tests.conftest import ROOT

PARTS = 6  # processes that contend, full disks and ends of runs have tests of their own


def test_a_page_says_what_was_tried_when_each_part_was_run_last(tmp_path: Path) -> None:
    parts = [Part("files", 2000, {"read": 3, "exit 6": 1997}), Part("disks", 1, {"exit 1": 1}, ("no line",))]
    assert parts[1].line == "disks: 1 tried, 1 exit 1, 1 wrong"
    keep(tmp_path / "kept", 1, parts[1], 10)
    keep(tmp_path / "kept", 0, Part("files", 1, {"read": 1}), 10)
    keep(tmp_path / "kept", 0, parts[0], 1)
    files, disks = page(kept(tmp_path / "kept")).splitlines()[-2:]
    assert files.startswith("| files | 2,000 | 1997 exit 6, 3 read | 0 | nightly, 20")
    assert disks.startswith("| disks | 1 | 1 exit 1 | 1 | 1 / 10, 20")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_tenth_of_what_is_tried_nightly_ends_as_it_has_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.faults", "--share", "10", "--parts", str(PARTS)]
    command += ["--kept", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tried = [int(count) for count in re.findall(r": (\d+) tried", done.stdout)]
    assert len(tried) == PARTS
    assert tried[0] >= 40
    assert tried[1] >= 30
    assert tried[2:] == [200, 60, 6, 20]
