"""The process that stands over a worker: what a worker starts, in whatever session, ends with it.

Linux only. The kernel tells the guard when the command ends, however that ends. In a namespace of processes
the guard's child is the first one, and the kernel ends the rest with it, also where the guard is killed;
elsewhere the guard adopts what the worker's children leave behind, and kills it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

from convertkit.worker.namespaces import libc, show_own_processes
from convertkit.worker.sandbox import drop_privileges, is_done
from convertkit.workers.confinement import OWNER

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36


def guarded(answers: int, *, in_namespace: bool) -> None:
    """Go on as a child of this process, which stays behind as its guard and does not come back.

    Args:
        answers: the descriptor that only the worker is to hold.
        in_namespace: whether children start a namespace of processes, so that the first becomes its init.
    """
    if not sys.platform.startswith("linux"):
        return
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        stand_guard(child, reading, answers)
    os.close(reading)
    libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if in_namespace:
        show_own_processes()
        worker = os.fork()
        if worker:
            be_init(worker, writing, answers)
    os.close(writing)


def stand_guard(child: int, told: int, answers: int) -> NoReturn:
    """Wait for the child, end what is left of its family, and end as the worker did.

    Args:
        told: where an init tells how the worker ended; nothing comes where the child is the worker.
    """
    signal.signal(signal.SIGTERM, lambda *_: end_with_family(signal.SIGTERM))
    libc().prctl(PR_SET_CHILD_SUBREAPER, 1)
    libc().prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if has_lost_owner(os.environ.get(OWNER, "")):  # before the kernel was asked to tell
        end_with_family(signal.SIGTERM)
    let_go(answers)
    status = waited_for(child)
    end_with_family(int(os.read(told, 16) or status))


def has_lost_owner(mark: str) -> bool:
    """True where the command that started this process has ended; `workers.orphans` says what a mark is."""
    if not mark:
        return False
    try:
        return state_of(mark.split()[1]) in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def state_of(pid: str) -> str:
    """The letter for what a process does; Z where it has ended."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def be_init(worker: int, telling: int, answers: int) -> NoReturn:
    """Collect what ends in the namespace, until the worker does; nothing in it can trace or end this one."""
    libc().prctl(PR_SET_DUMPABLE, 0)
    is_done(drop_privileges)
    let_go(answers)
    os.write(telling, str(waited_for(worker)).encode())
    os._exit(0)


def let_go(answers: int) -> None:
    """Hold neither the worker's answers open nor its orders."""
    os.close(answers)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)


def waited_for(child: int) -> int:
    """The wait status of a child; others that end before it are collected."""
    while True:
        ended, status = os.wait()
        if ended == child:
            return status


def end_with_family(status: int) -> NoReturn:
    """Kill all children and what they leave behind, then end as a wait status says."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for child in children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            os.wait()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def children() -> Iterator[int]:
    """Processes whose parent is this one."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as file:
            if int(file.read().rpartition(")")[2].split()[1]) == os.getpid():
                yield int(name)
