"""Conversions that failed, kept so that an unchanged one is not tried again. Runs nothing.

Only what follows from the model is kept: never the end of a worker, a limit, or an error that memory, disk or
time may have to do with.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec
import psutil

from convertkit.artifacts.signature import Signature
from convertkit.errors import ConvertkitError, StageError, error_class
from convertkit.hops.provenance import Provenance
from convertkit.storage.store import Store, StoredHop, hop_key, key_parts
from convertkit.storage.temporary import temporary_folder

MACHINES = re.compile(
    r"alloc|busy|connection|deadline|disk|exhaust|interrupt|killed|memory|no space|oom\b|permission|quota"
    r"|read-only|resource|signal|temporar|thread|time(d)? ?out|too many|unavailable",
    re.IGNORECASE,
)
"""Words of errors that another try, or another machine, may not have."""


class Failure(msgspec.Struct, frozen=True):
    """How a conversion failed.

    Attributes:
        error: class name, one of `convertkit.errors`.
        given: when, ISO 8601, UTC.
    """

    error: str
    message: str
    hint: str
    given: str


def is_the_models(error: ConvertkitError, peak_bytes: int) -> bool:
    """True where the same conversion would fail alike, here and elsewhere.

    Args:
        peak_bytes: the most memory that its worker was seen to take.
    """
    if type(error) is not StageError or peak_bytes * 2 > psutil.virtual_memory().total:
        return False
    return not MACHINES.search(f"{error.message} {error.hint}")


def failure_key(origin: Provenance) -> str:
    """The store's key of a failure: nobody takes it for that of an artifact."""
    return hop_key(**origin.parts, outcome="failed")


def keep_failure(store: Store, origin: Provenance, error: ConvertkitError) -> None:
    """Keep that a conversion failed."""
    given = datetime.now(UTC).isoformat(timespec="seconds")
    failure = Failure(type(error).__name__, error.message, error.hint, given)
    record = StoredHop(
        Signature((), ()), "", msgspec.to_builtins(failure), (), 0.0, 0, parts=key_parts(**origin.parts)
    )
    with temporary_folder() as folder:
        (folder / "nothing").touch()
        store.put(failure_key(origin), folder / "nothing", record)


def kept_failure(store: Store, origin: Provenance) -> ConvertkitError | None:
    """How the same conversion failed before; None where it has not, or nobody knows."""
    with temporary_folder() as folder:
        stored = store.get(failure_key(origin), folder / "nothing")
    if stored is None:
        return None
    failure = msgspec.convert(stored.options, Failure)
    again = f"so it failed on {failure.given}; --remeasure tries again"
    hint = f"{failure.hint}; {again}" if failure.hint else again
    return error_class(failure.error)(failure.message, hint=hint)
