"""The sandbox: what a worker can no longer do, tried by a process that has entered it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from convertkit.workers.confinement import FULL, NO_NETWORK, NO_PRIVILEGES, OWN_PROCESSES, READ_ONLY, describe

TRIES = """
import json, os, socket, subprocess, sys
from convertkit.worker.namespaces import leave
from convertkit.worker.sandbox import enter
own, other, way = sys.argv[1:]
parent = os.getppid()
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
address = server.getsockname()
left = leave() if way == "with namespaces" else ()
if "own processes" in left and (first := os.fork()):
    os._exit(os.waitpid(first, 0)[1])
reached = (*left, *enter([own]))

def works(act):
    try:
        act()
    except Exception:
        return False
    return True

def write(path):
    with open(path, "w") as file:
        file.write("x")

def capabilities():
    lines = open("/proc/self/status").read().splitlines()
    assert not int(next(line.split()[1] for line in lines if line.startswith("CapEff")), 16)

print(json.dumps([reached, {
    "write own": works(lambda: write(f"{own}/new")),
    "rename own": works(lambda: os.rename(f"{own}/new", f"{own}/newer")),
    "read other": works(lambda: open(f"{other}/file").read()),
    "write null": works(lambda: write("/dev/null")),
    "write other": works(lambda: write(f"{other}/file")),
    "make other": works(lambda: write(f"{other}/new")),
    "remove other": works(lambda: os.unlink(f"{other}/file")),
    "cut other": works(lambda: os.truncate(f"{other}/file", 0)),
    "link out": works(lambda: os.link(f"{own}/newer", f"{other}/link")),
    "move out": works(lambda: os.rename(f"{own}/newer", f"{other}/moved")),
    "child writes other": works(lambda: subprocess.run(["touch", f"{other}/child"], check=True, stderr=-3)),
    "connect": works(lambda: socket.create_connection(address, 1)),
    "no capability": works(capabilities),
    "signal itself": works(lambda: os.kill(os.getpid(), 0)),
    "signal its child": works(lambda: subprocess.Popen(["sleep", "9"]).kill()),
    "signal its parent": works(lambda: os.kill(parent, 0)),
}]))
"""


def tried(tmp_path: Path, way: str) -> tuple[tuple[str, ...], dict[str, bool]]:
    """What the sandbox reached, and what works in it."""
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    (other / "file").write_text("content")
    command = [sys.executable, "-c", TRIES, str(own), str(other), way]
    reached, works = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    if READ_ONLY in reached:
        assert [path.name for path in other.iterdir()] == ["file"]
        assert (other / "file").read_text() == "content"
    return tuple(reached), works


def kernel() -> tuple[int, ...]:
    """Its version."""
    return tuple(int(part) for part in os.uname().release.split(".")[:2])


@pytest.mark.parametrize("way", ["with namespaces", "without"])
def test_what_was_given_up_cannot_be_done(tmp_path: Path, way: str) -> None:
    reached, works = tried(tmp_path, way)
    allowed = {name for name, done in works.items() if done}
    assert {"write own", "rename own", "read other", "write null", "signal itself"} <= allowed
    assert "signal its child" in allowed
    outside = {"write other", "make other", "remove other", "cut other", "link out", "move out"}
    if READ_ONLY in reached:
        assert not allowed & (outside | {"child writes other"})
        is_reached = kernel() < (6, 12) and OWN_PROCESSES not in reached
        assert ("signal its parent" in allowed) == is_reached
    if NO_NETWORK in reached:
        assert "connect" not in allowed
    if NO_PRIVILEGES in reached:
        assert "no capability" in allowed
    assert set(reached) <= set(FULL)


@pytest.mark.parametrize(
    ("reached", "words"),
    [(FULL, "full"), ((), "none"), ((NO_NETWORK, READ_ONLY), "partial: no network, read-only files")],
)
def test_it_is_described_by_what_was_reached(reached: tuple[str, ...], words: str) -> None:
    assert describe(reached) == words


FORKS = """
import os, sys, time
from convertkit.worker import sandbox
sandbox.MOST_PROCESSES = 20
sandbox.set_limits()
os.setuid(65534)  # root has no such limit
started = 0
try:
    for _ in range(2000):
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        started += 1
except BlockingIOError:
    pass
os.killpg(0, 9) if started == 2000 else print(started, flush=True)
os.killpg(0, 9)
"""


def test_memory_that_no_machine_has_is_refused_at_once() -> None:
    code = (
        "from convertkit.worker import sandbox; sandbox.set_limits()\n"
        "import os\nsize = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') + (9 << 30)\n"
        "try:\n    bytearray(size)\nexcept MemoryError:\n    print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


@pytest.mark.skipif(os.getuid() != 0, reason="another user's limit is counted with what else that user runs")
def test_processes_without_end_are_stopped() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKS], capture_output=True, text=True, start_new_session=True, check=False
    )
    assert 0 < int(done.stdout.split()[0]) < 2000
