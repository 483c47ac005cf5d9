"""The child side of a worker process: reads jobs from stdin, answers on a descriptor of its own.

Run as a file by the interpreter of an environment, which need not have convertkit installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from convertkit.workers.answers import Answer, Failed
    from convertkit.workers.jobs import Job, Order


REACHED: tuple[str, ...] = ()  # of the sandbox


def adopt_package() -> None:
    """Make `convertkit` importable from the folder above this one, and nothing else that lies in either."""
    own = Path(__file__).resolve().parent
    folder = own.parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() not in (own, folder)]
    spec = importlib.util.spec_from_file_location(
        "convertkit", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["convertkit"] = module
    spec.loader.exec_module(module)


def redirect_output(log: str) -> None:
    """Send stdout and stderr to the end of `log` at descriptor level: TensorFlow prints from C++."""
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def take_orders() -> BinaryIO:
    """The stream of orders; descriptor 0 becomes empty, so that no tool a job starts reads them away."""
    orders = os.fdopen(os.dup(0), "rb")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return orders


def serve(answer_descriptor: int, preload: list[str]) -> None:
    """Answer every job on stdin, in order, until it is closed."""
    orders = take_orders()
    import msgspec

    from convertkit.workers import jobs

    decoder: msgspec.json.Decoder[Order] = msgspec.json.Decoder(jobs.Order)
    with os.fdopen(answer_descriptor, "wb", buffering=0) as answers:

        def send(answer: Answer) -> None:
            answers.write(msgspec.json.encode(answer) + b"\n")

        send(attempt(None, preload))
        for line in orders:
            order = decoder.decode(line)
            redirect_output(order.log)
            send(attempt(order.job, []))


def attempt(job: Job | None, preload: list[str]) -> Answer:
    """Import what is asked for and do the job; an exception becomes a `Failed` answer."""
    from convertkit.worker.perform import perform
    from convertkit.workers.answers import Ready

    try:
        for name in preload:
            importlib.import_module(name)
        return Ready(REACHED) if job is None else perform(job)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        return failure(error)


def failure(error: BaseException) -> Failed:
    """The answer that carries an exception to the parent."""
    from convertkit.causes import caused
    from convertkit.errors import ConvertkitError
    from convertkit.workers.answers import Failed

    text = traceback.format_exc()
    if is_disk_full(error):
        where = getattr(error, "filename", None) or os.getcwd()
        return Failed("DiskFullError", f"no space on {Path(str(where)).parent}", "", text)
    if isinstance(error, ConvertkitError):
        return Failed(type(error).__name__, error.message, error.hint, text)
    if isinstance(error, ModuleNotFoundError):
        return Failed(
            "MissingDependencyError", f"cannot import '{error.name}'", "run: convertkit doctor", text
        )
    if isinstance(error, SystemExit):
        return Failed("CalledExitError", f"the converter called exit({error.code})", "", text)
    if isinstance(error, MemoryError):
        return Failed("WorkerMemoryError", "out of memory", "", text)
    return Failed(type(error).__name__, caused(error), "", text)


def is_disk_full(error: BaseException) -> bool:
    """True where an exception is about want of space, in Python's words or in those of a library in C++."""
    from convertkit.errors import NO_SPACE

    while error.__cause__ is not None and not isinstance(error, OSError):
        error = error.__cause__
    return getattr(error, "errno", None) in NO_SPACE or os.strerror(NO_SPACE[0]) in str(error)


def confined(answer_descriptor: int) -> tuple[str, ...]:
    """Give up what this process does not need, and go on under a guard; what was reached.

    Nothing was, where no sandbox is asked for.
    """
    from convertkit.worker.guard import guarded
    from convertkit.worker.namespaces import leave
    from convertkit.worker.sandbox import enter
    from convertkit.workers.confinement import OWN_PROCESSES, WRITABLE

    folders = os.environ.pop(WRITABLE, "")
    left = leave() if folders else ()
    guarded(answer_descriptor, in_namespace=OWN_PROCESSES in left)
    return (*left, *enter(folders.split(os.pathsep))) if folders else ()


if __name__ == "__main__":
    adopt_package()
    REACHED = confined(int(sys.argv[1]))
    serve(int(sys.argv[1]), sys.argv[2:])
