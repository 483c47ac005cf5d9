"""What a worker started ends with the command, however that ends, and in whatever session it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import convertkit
from convertkit.config.run_settings import LimitOptions
from convertkit.errors import WorkerCrashedError, WorkerError, WorkerExitedError, WorkerKilledError
from convertkit.registry import EnvironmentRow
from convertkit.workers import orphans
from convertkit.workers.answers import Described
from convertkit.workers.confinement import NO_NETWORK, OWN_PROCESSES, OWNER
from convertkit.workers.jobs import DescribeJob
from convertkit.workers.orphans import end_orphans, is_orphaned, namespace, owner_mark, started
from convertkit.workers.process import Worker

HERE = Path(__file__).parent
ROOT = Path(convertkit.__file__).parents[1]
FAKE = EnvironmentRow("fake", ("fake_jobs",))
LIMITS = LimitOptions(job_seconds=20)
PARENT = """
import sys, time
from pathlib import Path
from convertkit.config.run_settings import LimitOptions
from convertkit.registry import EnvironmentRow
from convertkit.workers.jobs import DescribeJob
from convertkit.workers.orphans import owner_mark
from convertkit.workers.process import Worker
log, writable = Path(sys.argv[1]), () if sys.argv[2] == "confined" else None
worker = Worker(EnvironmentRow("fake", ("fake_jobs",)), log, 1, writable)
worker.ask(DescribeJob("onnx", f"have_daemon:{log.parent / 'pid'}"), log, LimitOptions(job_seconds=20))
print(owner_mark(), *worker.sandbox, sep=",", flush=True)
worker.ask(DescribeJob("onnx", "wait:60"), log, LimitOptions(job_seconds=60))
"""


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers can import `fake_jobs`."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{HERE}")


@pytest.fixture(params=["confined", "unconfined"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Command]:
    """A command whose worker has a daemon and is at work; nothing of it is left after the test."""
    running = Command(tmp_path, request.param)
    yield running
    running.process.kill()
    for process in running.family():
        process.kill()


class Command:
    """A process with a worker that has started a daemon in a session of its own.

    Attributes:
        mark: what all of its family have in their environment.
        reached: of the sandbox.
    """

    def __init__(self, folder: Path, confined: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(folder / "worker.log"), confined], stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        self.mark, *self.reached = self.process.stdout.readline().decode().strip().split(",")

    def family(self) -> list[psutil.Process]:
        """Guard, worker and daemon, as long as they run; and the first process of a namespace."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(OWNER) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def guard(self) -> psutil.Process:
        """The process that stands over the worker."""
        return next(process for process in self.family() if process.ppid() == self.process.pid)


def comes_true(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether it does within that time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_daemon_of_a_session_of_its_own_ends_with_the_command(command: Command, number: int) -> None:
    assert len(command.family()) == (4 if OWN_PROCESSES in command.reached else 3)
    command.process.send_signal(number)
    assert comes_true(lambda: not command.family())


def test_where_the_guard_is_killed_too_the_kernel_or_the_next_run_ends_it(command: Command) -> None:
    guard = command.guard()
    command.process.send_signal(signal.SIGSTOP)  # it must see nothing of what comes
    guard.kill()
    if OWN_PROCESSES in command.reached:
        assert comes_true(lambda: not command.family())
        return
    assert comes_true(lambda: len(command.family()) == 1)  # the daemon
    end_orphans.__wrapped__()
    assert len(command.family()) == 1  # its command is there
    command.process.kill()
    command.process.wait()
    end_orphans.__wrapped__()
    assert comes_true(lambda: not command.family())


def test_a_worker_whose_command_is_gone_before_it_looks_ends_at_once(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from convertkit.worker.guard import guarded\n"
        "reading, writing = os.pipe(); guarded(writing, in_namespace=False)\n"
        "print('worker', flush=True); time.sleep(60)"
    )
    gone = subprocess.Popen([sys.executable, "-c", ""])
    comes_true(lambda: psutil.Process(gone.pid).status() == psutil.STATUS_ZOMBIE)
    for pid in (gone.pid, 2**22 + 1):
        other = {**os.environ, OWNER: f"1 {pid} 1", "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", code], env=other, timeout=30, check=False)
        assert done.returncode == -signal.SIGTERM
    gone.wait()


def test_marks_of_what_runs_and_of_other_namespaces_are_let_alone() -> None:
    own = owner_mark()
    where, pid, start = own.split()
    assert (where, pid) == (namespace(), str(os.getpid()))
    assert not is_orphaned(own)
    assert is_orphaned(f"{where} {pid} {int(start) + 1}")  # the number is used again
    assert is_orphaned(f"{where} {2**22 + 1} {start}")
    assert not is_orphaned(f"{int(where) + 1} {2**22 + 1} {start}")
    for strange in ("", "x", f"{where} x y", f"{where} ../1 {start}", f"{where} -1"):
        assert not is_orphaned(strange)


def test_without_proc_there_is_no_mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(orphans, "PROCESSES", tmp_path)
    assert owner_mark() == ""
    assert not is_orphaned("1 2 3")


def test_the_start_of_a_process_is_its_own() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert int(started(child.pid)) >= int(started(os.getpid()))
    child.communicate(b"\n")


def asked(tmp_path: Path, action: str) -> tuple[Worker, Described]:
    """A confined worker's answer."""
    worker = Worker(FAKE, tmp_path / "worker.log", 1)
    try:
        answer = worker.ask(DescribeJob("onnx", action), tmp_path / "job.log", LIMITS)  # type: ignore[arg-type]
    finally:
        worker.kill()
    assert isinstance(answer, Described)
    return worker, answer


@pytest.mark.parametrize(
    ("action", "kind", "words"),
    [
        ("crash", WorkerCrashedError, "SIGSEGV"),
        ("send_signal:SIGABRT", WorkerCrashedError, "SIGABRT"),
        ("send_signal:SIGTERM", WorkerKilledError, "SIGTERM"),
        ("send_signal:SIGKILL", WorkerKilledError, "most likely out of memory"),
        ("exit_at_once:3", WorkerExitedError, "code 3"),
        ("exit_at_once:139", WorkerExitedError, "code 139"),
    ],
)
def test_how_a_confined_worker_ends_is_told_as_it_is(
    tmp_path: Path, action: str, kind: type[WorkerError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        asked(tmp_path, action)


def test_a_confined_worker_sees_itself_where_it_looks(tmp_path: Path) -> None:
    worker, answer = asked(tmp_path, "look_at_itself")
    details = answer.details
    assert details["proc"] == details["pid"]
    assert Path(details["program"]).resolve() == Path(sys.executable).resolve()
    assert int(details["resident"]) > 1 << 20
    assert (details["pid"] == "2") == (OWN_PROCESSES in worker.sandbox)


def test_where_something_lies_on_proc_there_is_no_namespace_of_processes(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("1 2 0:3 / /proc rw - proc proc rw\n4 1 0:5 /null /proc/kcore rw - tmpfs none rw\n")
    code = (
        "from pathlib import Path; from convertkit.worker import namespaces\n"
        f"namespaces.MOUNTS = Path({str(mounts)!r})\nprint(','.join(namespaces.leave()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("", NO_NETWORK)
