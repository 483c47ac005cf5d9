"""What a worker gives up before it imports a framework: writing elsewhere, privileges, endless memory.

Linux only, by system calls of the kernel's own interface: landlock(7), prctl(2), capset(2), setrlimit(2).
Each step that the kernel does not grant is left out, and not among those that are told. Network and processes
are left before, in `namespaces`.
"""

from __future__ import annotations

import glob
import os
import resource
import struct
import sys
from collections.abc import Callable, Sequence

from convertkit.worker.namespaces import libc
from convertkit.workers.confinement import LIMITS, NO_PRIVILEGES, READ_ONLY

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
CAPSET = {"x86_64": 126, "aarch64": 91}
CAPABILITY_VERSION = 0x20080522
PR_SET_NO_NEW_PRIVS = 38
RULE_PATH_BENEATH = 1
VERSION_FLAG = 1

WRITE_FILE = 1 << 1
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << n for n in range(6, 13))
REFER, TRUNCATE = 1 << 13, 1 << 14
SCOPES = 1 << 0 | 1 << 1  # abstract sockets and signals reach no process outside
CHANGES = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_CHAR | MAKE_DIR | MAKE_REG
CHANGES |= MAKE_SOCK | MAKE_FIFO | MAKE_BLOCK | MAKE_SYM
OF_A_FILE = WRITE_FILE | TRUNCATE

DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "nvidia*", "dri/*", "kfd")
LARGEST_FILE_BYTES = 64 << 30
ROOM_BYTES = 8 << 30  # stacks and arenas that are mapped and hardly touched
MOST_PROCESSES = 4096  # and threads, besides those that run already


def enter(writable: Sequence[str]) -> tuple[str, ...]:
    """Give up what this process does not need; call it before any thread starts.

    Args:
        writable: folders that it may write to.

    Returns:
        What was reached, in the words of `confinement`.
    """
    if not sys.platform.startswith("linux"):
        return ()
    steps: dict[str, Callable[[], bool]] = {
        READ_ONLY: lambda: restrict_writing(writable),
        NO_PRIVILEGES: drop_privileges,
        LIMITS: set_limits,
    }
    return tuple(name for name, step in steps.items() if is_done(step))


def is_done(step: Callable[[], bool]) -> bool:
    """Take a step; False where the system does not grant it."""
    try:
        return step()
    except (OSError, ValueError, AttributeError):
        return False


def restrict_writing(writable: Sequence[str]) -> bool:
    """Landlock: files may be changed below these folders only, and devices written that computing needs.

    From its sixth version on (Linux 6.12) no signal reaches a process that was there before.
    """
    version = libc().syscall(CREATE_RULESET, None, 0, VERSION_FLAG)
    if version < 1:
        return False
    changes = CHANGES | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    rules = struct.pack("=QQQ", changes, 0, SCOPES) if version >= 6 else struct.pack("=Q", changes)
    ruleset = libc().syscall(CREATE_RULESET, rules, len(rules), 0)
    if ruleset < 0:
        return False
    set_no_new_privileges()
    for folder in (*writable, "/dev/shm"):
        allow(ruleset, folder, changes)
    for pattern in DEVICES:
        for device in glob.glob(f"/dev/{pattern}"):
            allow(ruleset, device, OF_A_FILE & changes)
    allow(ruleset, "/proc/self", OF_A_FILE & changes)  # clear_refs: peak memory
    is_restricted = libc().syscall(RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return bool(is_restricted)


def allow(ruleset: int, path: str, changes: int) -> None:
    """Except what lies at or below a path; one that is not there is passed over."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        libc().syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, struct.pack("=Qi", changes, descriptor), 0)
    finally:
        os.close(descriptor)


def set_no_new_privileges() -> bool:
    """No program that this process starts has more rights than it."""
    return bool(libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)


def drop_privileges() -> bool:
    """No new privileges, and no capability of root's."""
    number = CAPSET.get(os.uname().machine)
    if number is None:
        return False
    header, nothing = struct.pack("=Ii", CAPABILITY_VERSION, 0), bytes(24)
    return set_no_new_privileges() and libc().syscall(number, header, nothing) == 0


def set_limits() -> bool:
    """No core dump, no file larger than an artifact can be, nor more memory and processes than there are.

    Memory is what a process may write to (`RLIMIT_DATA`): address space that is only reserved is not counted,
    of which GPUs take more than any machine has.
    """
    most_of = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: LARGEST_FILE_BYTES,
        resource.RLIMIT_DATA: os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") + ROOM_BYTES,
        resource.RLIMIT_NPROC: threads_running() + MOST_PROCESSES,
    }
    for kind, most in most_of.items():
        hard = resource.getrlimit(kind)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (value, value))
    return True


def threads_running() -> int:
    """Processes and threads of the whole system, as the kernel counts them in its load."""
    with open("/proc/loadavg") as file:
        return int(file.read().split()[3].partition("/")[2])
