"""Locks between processes: one at a time, told for whom, gone with their holder."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from convertkit.storage.locks import HeldError, locked

HOLD = """
import sys
from pathlib import Path
from convertkit.storage.locks import locked
with locked(Path(sys.argv[1]), is_shared=len(sys.argv) > 2):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold():
    """Starts a process that holds a lock; all are ended."""
    started = []

    def begin(path, *arguments):
        command = [sys.executable, "-c", HOLD, str(path), *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"held\n"
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_lock_that_is_held_is_told_with_its_holder(tmp_path, hold, kind):
    path = tmp_path / "lock"
    if kind == "folder":
        path.mkdir()
    process = hold(path)
    with pytest.raises(HeldError, match=rf"process {process.pid} \(python"), locked(path, waits=False):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with locked(path, waits=False):
        pass


def test_one_that_waits_is_told_once_and_comes_in_when_the_holder_goes(tmp_path, hold):
    process, told = hold(tmp_path / "lock"), []

    def waiting(holder):
        told.append(holder)
        process.stdin.close()

    with locked(tmp_path / "lock", waiting=waiting):
        assert process.wait() == 0
    assert len(told) == 1
    assert str(process.pid) in told[0]


def test_readers_share_and_writers_do_not(tmp_path, hold):
    hold(tmp_path / "lock", "shared")
    with locked(tmp_path / "lock", is_shared=True, waits=False):
        pass
    with pytest.raises(HeldError), locked(tmp_path / "lock", waits=False):
        pass


def test_what_was_removed_during_the_wait_is_locked_as_it_stands_then(tmp_path, hold):
    folder = tmp_path / "run"
    folder.mkdir()
    process = hold(folder)

    def waiting(holder):
        shutil.rmtree(folder)
        folder.mkdir()
        process.stdin.close()

    with locked(folder, waiting=waiting):
        now = hold_fails(folder)
    assert now == str(os.getpid())


def hold_fails(path):
    """The pid of whoever holds the lock."""
    with pytest.raises(HeldError) as caught, locked(path, waits=False):
        pass
    return str(caught.value).split()[1]


def test_nothing_stays_in_a_folder(tmp_path):
    with locked(tmp_path):
        assert list(tmp_path.iterdir()) == []
