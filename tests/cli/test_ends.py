"""How the command line ends: one line for an error, a code for a signal, a report of what was finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from convertkit.cli import described
from convertkit.errors import DiskFullError, Stopped, UsageError
from convertkit.report.report import load_report
from tests.conftest import FIXTURES, ROOT

MLP = FIXTURES / "mlp"

FAILS = """
import sys, errno
import convertkit.cli as cli
def fail(**options):
    raise {error}
cli.cli.main = fail
sys.argv = ["convertkit", *sys.argv[1:]]
cli.main()
"""


def ended(error: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line where its verb raises."""
    command = [sys.executable, "-c", FAILS.format(error=error), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        ("ValueError('odd\\nmore')", 1, "convertkit: unexpected: ValueError: odd"),
        ("RecursionError()", 1, "convertkit: unexpected: RecursionError: no message"),
        ("MemoryError()", 1, "convertkit: unexpected: MemoryError: no message"),
        ("OSError(errno.ENOSPC, 'full', '/some/file')", 5, "convertkit: no space on /some/file"),
        ("OSError(errno.EDQUOT, 'full')", 5, "convertkit: no space on the disk"),
    ],
)
def test_an_error_that_is_not_deliberate_is_one_line(error: str, code: int, line: str) -> None:
    result = ended(error)
    assert result.returncode == code
    assert result.stderr.splitlines()[0] == line
    assert "Traceback" not in result.stderr
    shown = ended(error, "--debug")
    assert shown.returncode == code
    assert "Traceback" in shown.stderr
    assert line in shown.stderr


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143), (1, 129)])
def test_a_signal_has_its_code(number: int, code: int) -> None:
    assert described(Stopped(number))[2] == code


def test_deliberate_errors_keep_their_codes() -> None:
    assert described(UsageError("no", hint="do")) == ("no", "do", 2)
    assert described(DiskFullError("no space on /"))[2] == 5


def start(out: Path, *arguments: str) -> subprocess.Popen[str]:
    """A run whose hops cannot come out of a store."""
    command = [sys.executable, "-m", "convertkit", "convert", str(MLP / "model.pt2"), "--to", "tflite:int8"]
    command += ["--samples", str(MLP / "samples.npz"), "--no-cache", "-o", str(out), *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,
    )


def heed_signals() -> None:
    """Undo what nohup and shells that start things in the background hand down."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def left_in(folder: Path) -> list[str]:
    """Temporary files of a run."""
    return [str(f) for f in folder.rglob("*") if f.name.startswith((".work-", ".worker-", ".old-"))]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_and_what_was_finished_is_reported(tmp_path: Path, number: int) -> None:
    process = start(tmp_path / "run")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("✓ torch:float32"):
            break
    children = workers_of(process)
    assert children
    process.send_signal(number)
    assert process.wait(timeout=30) == 128 + number
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    report = load_report(tmp_path / "run")
    assert report.status == "interrupted"
    assert report.hops[0].status == "passed"
    assert (tmp_path / "run" / "model.onnx").exists()
    assert not (tmp_path / "run" / "model.int8.tflite").exists()
    assert left_in(tmp_path) == []


@pytest.mark.slow
def test_after_a_kill_the_next_run_finds_a_clean_folder(tmp_path: Path) -> None:
    process = start(tmp_path / "run")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("✓ torch:float32"):
            break
    children = workers_of(process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    assert left_in(tmp_path) != []
    again = start(tmp_path / "run", "--no-wait")
    assert again.wait(timeout=300) == 0
    assert left_in(tmp_path) == []


@pytest.mark.slow
def test_a_run_that_takes_too_long_ends_with_what_it_finished(tmp_path: Path) -> None:
    process = start(tmp_path / "run", "--timeout", "0.5")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 5
    assert "took longer than 0.5 s" in errors
    assert "Traceback" not in errors
    assert left_in(tmp_path) == []
