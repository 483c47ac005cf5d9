"""Conversions and the store: each made once, a failure kept where another try would end alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest

from convertkit import errors
from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.signature import Signature
from convertkit.artifacts.tensors import write_npz
from convertkit.config.stage_options import OnnxToSavedmodelOptions
from convertkit.errors import ConvertkitError, StageError
from convertkit.hops.failures import is_the_models
from convertkit.hops.maker import Maker
from convertkit.plan import Hop
from convertkit.registry import parse_variant, stage_row
from convertkit.storage.store import Store
from convertkit.workers.answers import Converted
from convertkit.workers.jobs import ConvertJob

HOP = Hop(stage_row("onnx_to_savedmodel"), parse_variant("onnx"), parse_variant("savedmodel"))
OPTIONS = OnnxToSavedmodelOptions()
SAID = StageError("no lowering for Foo", hint="see the table of operators")


class Fakes:
    """Workers that leave a file, or fail.

    Attributes:
        asked: how many jobs there were.
    """

    def __init__(self, error: ConvertkitError | None = None, peak_bytes: int = 0) -> None:
        self.error = error
        self.peak_bytes = peak_bytes
        self.asked = 0

    def ask(self, environment: str, job: ConvertJob, log: str) -> Converted:
        """The answer."""
        self.asked += 1
        Path(job.out).write_text("half")
        if self.error is not None:
            raise self.error
        Path(job.out).write_text(f"made {self.asked}")
        return Converted(Signature((), ()), (), 1.0, 1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def job(tmp_path: Path) -> ConvertJob:
    write_npz(tmp_path / "examples.npz", {"x": np.ones(3, np.float32)})
    source = Artifact(HOP.source, "model.onnx", Signature((), ()), "ab" * 32, 1)
    places = (str(tmp_path / "out"), str(tmp_path / "work"), str(tmp_path / "examples.npz"))
    return ConvertJob(HOP.stage.name, source, HOP.target, {}, *places)


def take(
    workers: Fakes, store: Store | None, job: ConvertJob, failed: str | None = None, *, retries: bool = False
) -> tuple[str, bool]:
    """What is made, and whether it came out of the store; kept as the gate would have it.

    Args:
        failed: why the gate fails it; None: nothing is kept.
    """
    maker = Maker(workers, store, retries=retries)  # type: ignore[arg-type]
    Path(job.out).unlink(missing_ok=True)
    with maker.making(HOP, OPTIONS, job) as taken:
        if failed is not None:
            maker.remember(HOP, OPTIONS, job, taken.stored, failed)
        return Path(job.out).read_text(), taken.is_cached


def test_what_failed_its_gate_is_not_made_again_unless_it_is_asked_for(store: Store, job: ConvertJob) -> None:
    workers = Fakes()
    assert take(workers, store, job, "8.0 dB, under 25") == ("made 1", False)
    assert take(workers, store, job) == ("made 1", True)
    assert take(workers, store, job, "", retries=True) == ("made 2", False)
    assert take(workers, store, job, retries=True) == ("made 2", True)  # it passed
    assert take(workers, None, job) == ("made 3", False)


def test_a_failure_of_the_model_is_said_again_with_its_time(store: Store, job: ConvertJob) -> None:
    workers = Fakes(SAID)
    for _ in range(2):
        with pytest.raises(StageError, match="no lowering for Foo") as caught:
            take(workers, store, job)
        assert not Path(job.out).exists()
    assert workers.asked == 1
    assert caught.value.hint.startswith("see the table of operators; so it failed on 20")
    assert caught.value.hint.endswith("--remeasure tries again")
    workers.error = None
    with pytest.raises(StageError):
        take(workers, store, job)
    assert take(workers, store, job, "", retries=True) == ("made 2", False)
    assert take(workers, store, job) == ("made 2", True)


def test_another_version_tries_again(store: Store, job: ConvertJob, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Fakes(SAID)
    with pytest.raises(StageError):
        take(workers, store, job)
    monkeypatch.setattr("convertkit.hops.provenance.package_versions", lambda names: {"onnx": "99"})
    with pytest.raises(StageError):
        take(workers, store, job)
    assert workers.asked == 2


@pytest.mark.parametrize(
    "error",
    [
        errors.WorkerKilledError("the worker was killed (SIGKILL)"),
        errors.WorkerCrashedError("the worker crashed (SIGSEGV)"),
        errors.WorkerTimeoutError("no answer within 3 s"),
        errors.WorkerMemoryError("out of memory"),
        errors.DiskFullError("no space on /"),
        errors.MissingDependencyError("cannot import 'onnx'"),
        errors.CalledExitError("the converter called exit(1)"),
        StageError("RuntimeError: DefaultCPUAllocator: can't allocate memory"),
        StageError("InternalError: Failed to create session: Resource temporarily unavailable"),
        StageError("ResourceExhaustedError: OOM when allocating tensor"),
        StageError("OSError: Too many open files"),
        StageError("CalledProcessError: died with <Signals.SIGKILL: 9>"),
        StageError("it failed", hint="see the log: Timed out"),
    ],
)
def test_what_may_be_the_machine_s_is_never_kept(
    store: Store, job: ConvertJob, error: ConvertkitError
) -> None:
    workers = Fakes(error)
    for _ in range(2):
        with pytest.raises(type(error)):
            take(workers, store, job)
    assert workers.asked == 2


def test_nor_what_failed_where_memory_was_short() -> None:
    total = psutil.virtual_memory().total
    assert is_the_models(SAID, total // 4)
    assert not is_the_models(SAID, total // 2 + 1)


def test_nothing_is_kept_of_what_code_of_the_user_s_made(
    store: Store, job: ConvertJob, tmp_path: Path
) -> None:
    loader = Loader("state-dict", factory="models:build")
    own = Artifact(HOP.source, "m.pt", Signature((), ()), "ab" * 32, 1, loader)
    workers = Fakes(SAID)
    for _ in range(2):
        with pytest.raises(StageError):
            take(workers, store, ConvertJob(HOP.stage.name, own, HOP.target, {}, job.out, "", job.examples))
    assert workers.asked == 2
    assert store.kept() == []
