"""The order of a fleet: jobs handed to an engine, a few at a time, and again where that may help."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec

from convertkit.fleets.child import Exit
from convertkit.fleets.ending import Tries, cause_of, record_of, report_of
from convertkit.fleets.job import Job
from convertkit.fleets.memory import Memory
from convertkit.report.fleet import JobRecord


class Ended(msgspec.Struct, frozen=True):
    """A try that an engine has seen end.

    Attributes:
        ticket: what the engine gave for it.
        exit: None where the process or node that looked after it was lost.
        node: where it ran; empty where that is not known.
    """

    ticket: str
    exit: Exit | None
    node: str = ""


class Engine(Protocol):
    """What runs the commands of jobs somewhere, several at once."""

    @property
    def width(self) -> int:
        """How many jobs to hand over at a time: enough that nothing stands idle."""

    def submit(self, job: Job, memory_bytes: int) -> str:
        """Hand over a job that needs so much memory; a ticket of its own."""

    def wait(self) -> list[Ended]:
        """Wait until at least one try has ended."""


class Try(msgspec.Struct, frozen=True):
    """A job on its way, and the tries before."""

    job: Job
    key: str
    tries: Tries = Tries()


def run_jobs(jobs: Iterable[tuple[Job, str]], engine: Engine, memory: Memory) -> Iterator[JobRecord]:
    """The records of all jobs, each as soon as it is done for good.

    Args:
        jobs: with their keys; read only as far as jobs can be handed over.
    """
    waiting, again = iter(jobs), deque[Try]()
    running: dict[str, Try] = {}
    while True:
        for each in next_tries(again, waiting, engine.width - len(running)):
            running[engine.submit(each.job, memory.needed(each.job))] = each
        if not running:
            return
        for ended in engine.wait():
            each = running.pop(ended.ticket)
            record = settled(each, ended, memory)
            if isinstance(record, Try):
                again.append(record)
            else:
                yield record


def next_tries(again: deque[Try], waiting: Iterator[tuple[Job, str]], count: int) -> Iterator[Try]:
    """At most so many: those to be done again first."""
    for _ in range(count):
        if again:
            yield again.popleft()
        elif (new := next(waiting, None)) is not None:
            yield Try(*new)


def settled(each: Try, ended: Ended, memory: Memory) -> Try | JobRecord:
    """The record of a job whose try has ended; or the job once more."""
    report = report_of(each.job, ended.exit)
    cause = cause_of(ended.exit, report)
    if cause == "done":
        if ended.exit is not None and ended.exit.code == 0:
            memory.measured(each.job, ended.exit.peak_bytes)
        return record_of(each.job, each.key, ended.exit, report, each.tries, ended.node)
    tries = each.tries.after(cause)
    if cause == "crashed":
        memory.too_little(each.job)
    if tries.is_over:
        return record_of(each.job, each.key, ended.exit, report, tries, ended.node)
    return msgspec.structs.replace(each, tries=tries)
