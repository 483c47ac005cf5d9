"""Answers of workers that the store keeps, so that what was asked once is not asked again. Starts nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from convertkit.artifacts.signature import Signature
from convertkit.config.run_settings import LimitOptions
from convertkit.errors import ConvertkitError, DiskFullError, MissingDependencyError, WorkerError
from convertkit.storage.store import Store, StoredHop, hop_key, key_parts
from convertkit.storage.temporary import temporary_folder
from convertkit.workers.answers import Answer, Failed
from convertkit.workers.dependence import dependence_of, written_by
from convertkit.workers.ends import failed_error
from convertkit.workers.jobs import InferJob, Job

LARGEST_BYTES = 256 << 20  # of one answer's file: larger ones are computed again
PASSING = (WorkerError, DiskFullError, MissingDependencyError)  # errors that another try may not have


class KeptAnswer(msgspec.Struct, frozen=True):
    """An answer as it was given.

    Attributes:
        given: when, ISO 8601, UTC.
        sandbox: what the worker had given up.
    """

    answer: Answer
    given: str
    sandbox: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True):
    """A job and everything that its answer depends on."""

    job: Job
    parts: dict[str, Any]

    @property
    def key(self) -> str:
        """The store's key."""
        return hop_key(**self.parts)


class KnownAnswers:
    """What workers answered before, as long as nothing has changed that an answer depends on.

    Every answer is as the worker gave it: outputs are judged anew each time, whatever the gate asks for.

    Attributes:
        store: where they are.
        times: when each answer was given that was taken out of the store, in order.
        damaged: how many were not whole, and were put aside.
    """

    def __init__(self, store: Store, limits: LimitOptions, *, recalls: bool = True) -> None:
        """Answers in a store.

        Args:
            limits: of the run; answers of workers that were confined otherwise do not count.
            recalls: False: none are taken out, and new ones replace them.
        """
        self.store = store
        self._confined = [limits.sandbox, limits.require_sandbox]
        self._recalls = recalls
        self.times: list[str] = []
        self.damaged = 0

    def question(self, environment: str, job: Job) -> Question | None:
        """What is to be asked; None for a job whose answer cannot be kept."""
        parts = dependence_of(environment, job)
        return None if parts is None else Question(job, parts | {"confined": self._confined})

    def recall(self, question: Question) -> KeptAnswer | None:
        """The answer, what the worker wrote at its place; None where there is none.

        Raises:
            ConvertkitError: the job raised it.
        """
        if not self._recalls:
            return None
        kept = self._take(question)
        if kept is None:
            return None
        self.times.append(kept.given)
        if isinstance(kept.answer, Failed):
            raise failed_error(kept.answer)
        return kept

    def _take(self, question: Question) -> KeptAnswer | None:
        """The record and the file of an answer out of the store."""
        out, before = written_by(question.job), len(self.store.quarantined)
        if out is None:
            with temporary_folder() as folder:
                stored = self.store.get(question.key, folder / "nothing")
        else:
            stored = self.store.get(question.key, out)
        self.damaged += len(self.store.quarantined) - before
        return None if stored is None else msgspec.convert(stored.options, KeptAnswer)

    def keep(self, question: Question, answer: Answer, sandbox: tuple[str, ...]) -> None:
        """Keep an answer, and what the worker wrote."""
        out = written_by(question.job)
        if isinstance(answer, Failed) or out is None:
            with temporary_folder() as folder:
                (folder / "nothing").touch()
                self._put(question, answer, sandbox, folder / "nothing")
        elif out.is_file() and out.stat().st_size <= LARGEST_BYTES:
            self._put(question, answer, sandbox, out)

    def keep_error(self, question: Question, error: ConvertkitError, sandbox: tuple[str, ...]) -> None:
        """Keep that an artifact does not run, unless another try may end otherwise."""
        if isinstance(question.job, InferJob) and not isinstance(error, PASSING):
            self.keep(question, Failed(type(error).__name__, error.message, error.hint), sandbox)

    def _put(self, question: Question, answer: Answer, sandbox: tuple[str, ...], file: Path) -> None:
        kept = KeptAnswer(answer, datetime.now(UTC).isoformat(timespec="seconds"), sandbox)
        empty, parts = Signature((), ()), key_parts(**question.parts)
        record = StoredHop(empty, "", msgspec.to_builtins(kept), (), 0.0, 0, parts=parts)
        self.store.put(question.key, file, record)
