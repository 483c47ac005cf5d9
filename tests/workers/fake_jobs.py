"""Preloaded by the tests' workers: a describe job does what its `path` says, and most of it ends badly."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import psutil

from convertkit import errors
from convertkit.artifacts.signature import Signature
from convertkit.worker.perform import perform
from convertkit.workers import answers, jobs

KEPT: list[bytearray] = []


@perform.register
def act(job: jobs.DescribeJob) -> answers.Answer:
    """Do what the path names; the part after `:` is its argument."""
    action, _, argument = job.path.partition(":")
    details = ACTIONS[action](argument) or {}
    return answers.Described(Signature((), ()), {"pid": str(os.getpid()), **details})


def succeed(argument):
    return {"said": argument}


def exit_by_exception(argument):
    sys.exit(int(argument))


def exit_at_once(argument):
    os._exit(int(argument))


def crash(argument):
    ctypes.string_at(0)


def crash_later(argument):
    """Answer first: the crash comes from a thread that the job left behind."""

    def fall():
        time.sleep(float(argument))
        os.kill(os.getpid(), signal.SIGSEGV)

    threading.Thread(target=fall, daemon=True).start()


def send_signal(argument):
    os.kill(os.getpid(), getattr(signal, argument))
    time.sleep(30)


def end(how):
    """End this process by a signal, or by an exit code."""
    if how.startswith("exit "):
        os._exit(int(how.removeprefix("exit ")))
    send_signal(how)


def die_the_first_time(argument):
    file, how = argument.split(",")
    if not os.path.exists(file):
        open(file, "w").close()
        end(how)


def count_and_die(argument):
    """Leave a mark in a file, and end in the first of the ways that no worker before took."""
    file, *ways = argument.split(",")
    number = count(file)
    end(ways[number])


def count(file):
    """How many marks there were; leave another."""
    with open(file, "a+") as stream:
        stream.seek(0)
        before = len(stream.read())
        stream.write("x")
    return before


def count_and_grow(argument):
    file, size = argument.split(",")
    count(file)
    allocate(size)


def wait(argument):
    time.sleep(float(argument))


def allocate(argument):
    KEPT.append(bytearray(int(argument)))
    time.sleep(30)


def allocate_in_child(argument):
    code = f"x = bytearray({argument}); import time; time.sleep(30)"
    subprocess.run([sys.executable, "-c", code], check=True)


def have_child(argument):
    """Start a process that outlives the job, its pid written to a file; then wait."""
    file, _, seconds = argument.partition(",")
    start_child(file)
    time.sleep(float(seconds))


def start_child(file):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with open(file, "w") as stream:
        stream.write(str(child.pid))


def have_daemon(argument):
    """Start a process twice removed, in a session of its own, its pid written to a file."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with open(argument, "w") as stream:
                stream.write(str(os.getpid()))
            time.sleep(60)
        os._exit(0)
    while not os.path.exists(argument) or not os.path.getsize(argument):
        time.sleep(0.01)


def fill_disk(argument):
    raise OSError(28, "No space left on device")


def fork_and_exit(argument):
    """Leave behind a fork that holds the answer channel open, then exit 3."""
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    with open(argument, "w") as stream:
        stream.write(str(child))
    os._exit(3)


def print_everywhere(argument):
    print("from python")
    print("from python, stderr", file=sys.stderr)
    os.write(1, b"from descriptor 1\n")
    os.write(2, b"from descriptor 2\n")
    ctypes.CDLL(None).puts(b"from C")
    ctypes.CDLL(None).fflush(None)
    subprocess.run(["echo", "from a child"], check=True)


def read_stdin(argument):
    """What a converter's tool or a user's factory may do: take the worker's standard input."""
    return {"read": subprocess.run(["cat"], capture_output=True, check=True, text=True).stdout}


def raise_ours(argument):
    raise getattr(errors, argument)("the message", hint="the hint")


def raise_foreign(argument):
    raise {"ValueError": ValueError, "MemoryError": MemoryError, "RecursionError": RecursionError}[argument](
        "\n  first line\nsecond line"
    )


def raise_silent(argument):
    raise RuntimeError


def import_missing(argument):
    import no_such_module_anywhere  # noqa: F401


def look_at_itself(argument):
    """Its number as /proc has it, and what psutil tells of it."""
    own = psutil.Process()
    return {"proc": os.readlink("/proc/self"), "program": own.exe(), "resident": str(own.memory_info().rss)}


def environment(argument):
    return {name: os.environ.get(name, "") for name in argument.split(",")}


def import_path(argument):
    return {"path": os.pathsep.join(sys.path)}


ACTIONS = {
    "succeed": succeed,
    "exit_by_exception": exit_by_exception,
    "exit_at_once": exit_at_once,
    "crash": crash,
    "die_the_first_time": die_the_first_time,
    "count_and_die": count_and_die,
    "count_and_grow": count_and_grow,
    "crash_later": crash_later,
    "send_signal": send_signal,
    "wait": wait,
    "allocate": allocate,
    "allocate_in_child": allocate_in_child,
    "have_child": have_child,
    "have_daemon": have_daemon,
    "fill_disk": fill_disk,
    "fork_and_exit": fork_and_exit,
    "print_everywhere": print_everywhere,
    "read_stdin": read_stdin,
    "raise_ours": raise_ours,
    "raise_foreign": raise_foreign,
    "raise_silent": raise_silent,
    "import_missing": import_missing,
    "look_at_itself": look_at_itself,
    "environment": environment,
    "import_path": import_path,
}
