"""Namespaces of a worker's own, entered before anything is imported: of the network, of processes.

Linux only: unshare(2), mount(2). Where that takes no root, a namespace of users comes with them.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from convertkit.workers.confinement import NO_NETWORK, OWN_PROCESSES

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_SLAVE = 2, 4, 8, 1 << 14, 1 << 19
MOUNTS = Path("/proc/self/mountinfo")
EMPTY = "/proc/sys/fs/binfmt_misc"  # an empty folder of the kernel's: what lies on it hides nothing
WAYS = (
    (CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS, (NO_NETWORK, OWN_PROCESSES)),
    (CLONE_NEWNET, (NO_NETWORK,)),
)


def leave() -> tuple[str, ...]:
    """Enter namespaces of its own, as many as the system grants; call it before any thread starts.

    With `OWN_PROCESSES` the next child that is forked is the first process of its namespace, and the kernel
    ends all others in it with that one.

    Returns:
        What was reached, in the words of `confinement`.
    """
    if not sys.platform.startswith("linux"):
        return ()
    for kinds, reached in WAYS:
        if (not kinds & CLONE_NEWPID or is_proc_bare()) and unshared(kinds):
            return reached
    return ()


def libc() -> ctypes.CDLL:
    """The C library."""
    return ctypes.CDLL(None, use_errno=True)


def unshared(kinds: int) -> bool:
    """Leave the namespaces of these kinds; False where the system does not grant it."""
    try:
        if libc().unshare(kinds) == 0:
            return True
        user, group = os.getuid(), os.getgid()
        if libc().unshare(kinds | CLONE_NEWUSER) != 0:
            return False
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            Path(f"/proc/self/{name}").write_text(text)
    except (OSError, AttributeError):
        return False
    return True


def is_proc_bare() -> bool:
    """False where something lies on parts of /proc, as in containers: nobody may mount one that shows them.

    A worker without a /proc of its own would read other processes' figures under its own number.
    """
    try:
        places = [line.split()[4] for line in MOUNTS.read_text().splitlines()]
    except (OSError, IndexError):
        return False
    return not any(place.startswith("/proc/") and place != EMPTY for place in places)


def show_own_processes() -> None:
    """Mount the /proc of this process's namespace, which numbers processes as it does, for it and its own."""
    libc().unshare(CLONE_NEWNS)
    libc().mount(None, b"/", None, MS_REC | MS_SLAVE, None)
    libc().mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
