"""Real worker processes that end in every way a converter can end one; each is told apart by its class."""

import contextlib
import os
import sys
import time
from pathlib import Path

import psutil
import pytest

import convertkit
from convertkit import errors
from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import Signature
from convertkit.config.run_settings import LimitOptions
from convertkit.environment.interpreters import interpreter
from convertkit.errors import (
    CalledExitError,
    ConvertkitError,
    DiskFullError,
    MissingDependencyError,
    ModelFileError,
    RunTimeoutError,
    StageError,
    WorkerCrashedError,
    WorkerExitedError,
    WorkerKilledError,
    WorkerLimitError,
    WorkerMemoryError,
    WorkerSilentError,
    WorkerTimeoutError,
)
from convertkit.registry import ENVIRONMENTS, EnvironmentRow, parse_variant
from convertkit.storage.store import Store
from convertkit.workers.answers import Described, Failed, Ready
from convertkit.workers.confinement import READ_ONLY
from convertkit.workers.ends import expect, failed_error
from convertkit.workers.jobs import ConvertJob, DescribeJob
from convertkit.workers.known import KnownAnswers
from convertkit.workers.pool import Workers, clear_away, with_modules
from convertkit.workers.process import Worker

HERE = Path(__file__).parent
PACKAGE = Path(convertkit.__file__).parent
LIMITS = LimitOptions(job_seconds=20, sandbox="none")  # what the jobs do is written where tests look
FAKE = EnvironmentRow("fake", ("fake_jobs",))
ROWS = {
    row.name: row
    for row in (
        FAKE,
        EnvironmentRow("other", ("fake_jobs",)),
        EnvironmentRow("missing", ("fake_jobs", "no_such_module_anywhere")),
        EnvironmentRow("exiting", ("exits_on_import",)),
        EnvironmentRow("dying", ("dies_on_import",)),
        EnvironmentRow("own", ("fake_jobs",), own_interpreter=True, install="make own"),
    )
}


@pytest.fixture(autouse=True)
def fake_environments(monkeypatch, tmp_path):
    """Workers can import `fake_jobs`, and the rows above are the environments there are."""
    (tmp_path / "exits_on_import.py").write_text("import sys\nsys.exit(4)\n")
    (tmp_path / "dies_on_import.py").write_text("import os\nos._exit(7)\n")
    monkeypatch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{tmp_path}")
    monkeypatch.setattr("convertkit.workers.pool.environment_row", ROWS.__getitem__)


@pytest.fixture
def logs(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def test_what_is_imported_and_that_work_goes_on_is_told(logs, monkeypatch):
    monkeypatch.setattr("convertkit.workers.process.SIGN_SECONDS", 0.2)
    monkeypatch.setattr("convertkit.workers.process.needed_packages", lambda name: ("fakes",))
    told = []
    with Workers(logs, LIMITS, threads=1, tell=told.append) as workers:
        workers.ask("fake", DescribeJob(Format.TORCH, "wait:1.5"), "job.log")
    assert told[0] == "importing fakes"
    assert any("'fake' is at work, " in line for line in told[1:])


@pytest.fixture
def pool(logs):
    with Workers(logs, LIMITS, threads=1) as workers:
        yield workers
    assert not descendants()


def job(action):
    return DescribeJob(Format.ONNX, action)


def ask(pool, action, environment="fake"):
    answer = pool.ask(environment, job(action), "job.log")
    assert isinstance(answer, Described)
    return answer.details


OTHERS = set()  # processes of this session that were there before a test: workers that other modules share


@pytest.fixture(autouse=True)
def others():
    """Only what a test starts counts as left behind."""
    OTHERS.clear()
    OTHERS.update(process.pid for process in psutil.Process().children(recursive=True))


def descendants():
    found = psutil.Process().children(recursive=True)
    return [process for process in found if process.pid not in OTHERS and is_running(process.pid)]


def is_running(pid):
    """False for a process that is gone, or that waits to be collected by its parent."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize(
    ("action", "kind", "words"),
    [
        ("exit_by_exception:0", CalledExitError, "called exit(0)"),
        ("exit_by_exception:3", CalledExitError, "called exit(3)"),
        ("exit_at_once:3", WorkerExitedError, "exited with code 3"),
        ("exit_at_once:0", WorkerSilentError, "exited 0 without an answer"),
        ("crash", WorkerCrashedError, "SIGSEGV"),
        ("send_signal:SIGABRT", WorkerCrashedError, "SIGABRT"),
        ("send_signal:SIGKILL", WorkerKilledError, "killed (SIGKILL), most likely out of memory"),
        ("send_signal:SIGTERM", WorkerKilledError, "killed (SIGTERM), twice in a row"),
        ("raise_foreign:MemoryError", WorkerMemoryError, "out of memory"),
        ("raise_foreign:ValueError", StageError, "ValueError: first line"),
        ("raise_foreign:RecursionError", StageError, "RecursionError: first line"),
        ("raise_silent", StageError, "RuntimeError: no message"),
        ("import_missing", MissingDependencyError, "cannot import 'no_such_module_anywhere'"),
    ],
)
def test_every_end_has_its_own_class_and_the_next_job_is_served(pool, action, kind, words):
    with pytest.raises(errors.ConvertkitError) as caught:
        ask(pool, action)
    assert type(caught.value) is kind
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert ask(pool, "succeed:yes")["said"] == "yes"


def test_the_ends_of_a_worker_are_six_different_classes():
    kinds = {
        WorkerKilledError,
        WorkerExitedError,
        WorkerSilentError,
        WorkerCrashedError,
        WorkerMemoryError,
        WorkerTimeoutError,
    }
    assert len(kinds) == 6
    for kind in kinds:
        assert kind.exit_code == 5
        assert [other for other in kinds if issubclass(kind, other)] == [kind]


def test_a_typed_error_arrives_with_class_message_and_hint(pool):
    with pytest.raises(ModelFileError) as caught:
        ask(pool, "raise_ours:ModelFileError")
    assert type(caught.value) is ModelFileError
    assert caught.value.message == "the message"
    assert caught.value.hint == "the hint"
    assert caught.value.exit_code == 6


@pytest.mark.parametrize(
    "name",
    [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)],
)
def test_every_error_class_is_found_by_its_name(name):
    error = failed_error(Failed(name, "the message", "the hint"))
    assert type(error) is getattr(errors, name)
    assert (error.message, error.hint) == ("the message", "the hint")


@pytest.mark.parametrize("name", ["ValueError", "did_you_mean", "annotations", "Iterable", "no such"])
def test_a_name_that_is_no_error_class_of_ours_is_a_stage_error(name):
    assert type(failed_error(Failed(name, "m"))) is StageError


def test_a_worker_serves_many_jobs_and_survives_a_failed_one(pool):
    first = ask(pool, "succeed")["pid"]
    with pytest.raises(StageError):
        ask(pool, "raise_foreign:ValueError")
    assert ask(pool, "succeed")["pid"] == first


@pytest.mark.parametrize("action", ["crash", "exit_at_once:3", "send_signal:SIGTERM", "send_signal:SIGKILL"])
def test_a_worker_that_ended_is_replaced(pool, action):
    first = ask(pool, "succeed")["pid"]
    with pytest.raises(errors.WorkerError):
        ask(pool, action)
    assert not is_running(int(first))
    assert ask(pool, "succeed")["pid"] != first


@pytest.mark.parametrize("end", ["SIGKILL", "SIGSEGV", "exit 3", "exit 0"])
def test_a_job_whose_worker_died_once_is_done_by_a_fresh_one(pool, tmp_path, end):
    first = ask(pool, "succeed")["pid"]
    answer = ask(pool, f"die_the_first_time:{tmp_path / 'mark'},{end}")
    assert answer["pid"] != first
    assert len(pool.losses) == 1
    assert ask(pool, "succeed")["pid"] == answer["pid"]


def test_a_job_that_two_workers_died_of_is_not_asked_again(pool, tmp_path):
    file = tmp_path / "count"
    with pytest.raises(WorkerCrashedError, match=r"crashed \(SIGSEGV\), twice in a row") as caught:
        ask(pool, f"count_and_die:{file},SIGSEGV,SIGSEGV")
    assert file.read_text() == "xx"
    assert caught.value.hint == "see logs/job.log"
    with pytest.raises(WorkerCrashedError, match=r"\(SIGSEGV\), before it: .*\(SIGKILL\)"):
        ask(pool, f"count_and_die:{tmp_path / 'other'},SIGKILL,SIGSEGV")


@pytest.mark.parametrize("limits", [LimitOptions(job_seconds=0.6), LimitOptions(20, 100 << 20)])
def test_a_job_that_passed_a_limit_is_not_asked_again(logs, tmp_path, limits):
    file = tmp_path / "count"
    with Workers(logs, LIMITS, threads=1) as pool:
        ask(pool, "succeed")
        pool._limits = limits
        with pytest.raises(WorkerLimitError):
            ask(pool, f"count_and_grow:{file},{300 << 20}")
        assert file.read_text() == "x"
        assert pool.losses == []


def test_an_error_of_the_job_itself_is_no_loss(pool):
    for action in ("raise_foreign:ValueError", "raise_foreign:MemoryError", "exit_by_exception:3"):
        with pytest.raises(StageError):
            ask(pool, action)
    assert pool.losses == []


def test_a_conversion_starts_anew_without_what_was_left_of_it(tmp_path):
    out, scratch = tmp_path / "model.tflite", tmp_path / "work"
    out.write_text("half")
    scratch.mkdir()
    (scratch / "left").mkdir()
    nothing = Artifact(parse_variant("onnx"), "x", Signature((), ()), "", 0)
    clear_away(ConvertJob("s", nothing, parse_variant("tflite"), {}, str(out), str(scratch), "examples"))
    assert not out.exists()
    assert list(scratch.iterdir()) == []


def test_a_crash_after_a_complete_answer_does_not_undo_the_answer(pool):
    first = ask(pool, "crash_later:0.05")["pid"]
    assert wait_until(lambda: not is_running(int(first)))
    details = ask(pool, "succeed:next")
    assert details["said"] == "next"
    assert details["pid"] != first


def test_an_answer_in_the_pipe_counts_even_when_its_sender_is_gone(logs):
    worker = Worker(FAKE, logs / "worker.log", 1)
    try:
        original, worker._receive = worker._receive, lambda limits: Ready()
        worker.ask(job("crash_later:0.1"), logs / "job.log", LIMITS)  # sent, and nothing read yet
        assert wait_until(lambda: not worker.is_alive)
        worker._receive = original
        assert isinstance(worker._receive(LIMITS), Ready)
        assert isinstance(worker._receive(LIMITS), Described)
        with pytest.raises(WorkerCrashedError):
            worker._receive(LIMITS)
    finally:
        worker.kill()


def test_the_wall_clock_limit(logs):
    with Workers(logs, LIMITS, threads=1) as pool:
        pid = int(ask(pool, "succeed")["pid"])
        pool._limits = LimitOptions(job_seconds=0.6)
        with pytest.raises(WorkerTimeoutError, match=r"no answer within 0\.6 s") as caught:
            ask(pool, "wait:30")
        assert "limits.job_seconds" in caught.value.hint
        assert not is_running(pid)


@pytest.mark.parametrize("action", ["allocate", "allocate_in_child"])
def test_the_memory_limit_counts_the_worker_and_its_children(logs, action):
    with Workers(logs, LIMITS, threads=1) as pool:
        pid = int(ask(pool, "succeed")["pid"])
        pool._limits = LimitOptions(job_seconds=20, memory_bytes=200 << 20)
        with pytest.raises(WorkerMemoryError, match="over the limit of 200 MiB") as caught:
            ask(pool, f"{action}:{300 << 20}")
        assert "limits.memory_bytes" in caught.value.hint
        assert pool.peak_bytes > 200 << 20
        assert not is_running(pid)
    assert not descendants()


def test_a_jobs_own_children_are_killed_with_it(logs, tmp_path):
    file = tmp_path / "pid"
    with Workers(logs, LIMITS, threads=1) as pool:
        ask(pool, "succeed")
        pool._limits = LimitOptions(job_seconds=1.5)
        with pytest.raises(WorkerTimeoutError):
            ask(pool, f"have_child:{file},30")
        child = int(file.read_text())
        assert wait_until(lambda: not is_running(child))


def test_children_that_a_finished_job_left_behind_are_killed_at_the_end(logs, tmp_path):
    file = tmp_path / "pid"
    with Workers(logs, LIMITS, threads=1) as pool:
        ask(pool, f"have_child:{file},0")
        child = int(file.read_text())
        assert is_running(child)
    assert wait_until(lambda: not is_running(child))


def test_a_daemon_in_a_session_of_its_own_is_killed_at_the_end(logs, tmp_path):
    file = tmp_path / "pid"
    with Workers(logs, LIMITS, threads=1) as pool:
        ask(pool, f"have_daemon:{file}")
        daemon = int(file.read_text())
        assert is_running(daemon)
    assert wait_until(lambda: not is_running(daemon))


def test_a_full_disk_ends_the_run_whoever_handles_errors(logs):
    def run():
        with Workers(logs, LIMITS, threads=1) as pool:
            try:
                ask(pool, "fill_disk")
            except ConvertkitError:
                return "taken for an answer"

    with pytest.raises(DiskFullError, match=f"no space on {logs.parent}"):
        run()


def test_a_full_disk_in_the_parent_is_told_as_such(logs):
    with pytest.raises(DiskFullError, match="no space on"), Workers(logs, LIMITS, threads=1):
        raise OSError(28, "No space left on device")


def test_a_sandbox_that_is_required_and_not_there_is_a_missing_dependency(logs):
    limits = LimitOptions(job_seconds=20, sandbox="none", require_sandbox=True)
    with (
        Workers(logs, limits, threads=1) as pool,
        pytest.raises(
            MissingDependencyError, match="the sandbox is not to be had here, it lacks: no network"
        ),
    ):
        ask(pool, "succeed:")


def test_what_all_workers_reached_is_what_the_pool_tells(logs, tmp_path):
    with Workers(logs, LimitOptions(job_seconds=20), threads=1) as pool:
        ask(pool, "succeed:")
        confined = pool.sandbox
        if READ_ONLY in confined or confined == "full":
            with pytest.raises(StageError, match="PermissionError"):
                ask(pool, f"have_child:{tmp_path / 'outside'},0")
    assert confined.startswith(("full", "partial", "none"))
    with Workers(logs, LIMITS, threads=1) as pool:
        ask(pool, "succeed:")
        assert pool.sandbox == "none"


def test_a_run_has_a_limit_of_its_own(logs):
    limits = LimitOptions(job_seconds=20, run_seconds=0.2, sandbox="none")

    def run():
        with Workers(logs, limits, threads=1) as pool, contextlib.suppress(ConvertkitError):
            ask(pool, "wait:30")

    with pytest.raises(RunTimeoutError, match=r"longer than 0\.2 s"):
        run()


def test_a_worker_starts_in_an_empty_folder_which_goes_with_it(logs):
    with Workers(logs, LIMITS, threads=1) as pool:
        home = Path(ask(pool, "environment:TMPDIR")["TMPDIR"])
        assert home.parent == logs
        assert list(home.iterdir()) == []
    assert not home.exists()


def test_a_child_that_holds_the_answer_channel_does_not_hide_its_parents_death(pool, tmp_path):
    file = tmp_path / "pid"
    ask(pool, "succeed")
    with pytest.raises(WorkerExitedError, match="code 3"):
        ask(pool, f"fork_and_exit:{file}")
    assert wait_until(lambda: not is_running(int(file.read_text())))


def test_a_job_that_reads_standard_input_takes_no_orders_away(pool):
    assert ask(pool, "read_stdin")["read"] == ""
    assert ask(pool, "succeed:still")["said"] == "still"


def test_the_pool_leaves_no_process_behind_after_an_exception(logs):
    pids = []

    def interrupted():
        with Workers(logs, LIMITS, threads=1) as pool:
            pids.extend(int(ask(pool, "succeed", environment)["pid"]) for environment in ("fake", "other"))
            missing = pool.start("missing")
            assert {*pids, missing._process.pid} <= {process.pid for process in descendants()}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not any(is_running(pid) for pid in pids)
    assert not descendants()


def test_environments_have_a_process_each(pool):
    assert ask(pool, "succeed", "fake")["pid"] != ask(pool, "succeed", "other")["pid"]


def test_start_is_idempotent_and_starts_early(pool):
    worker = pool.start("fake")
    assert pool.start("fake") is worker
    assert not worker.is_ready
    pid = int(ask(pool, "succeed")["pid"])
    assert psutil.Process(pid).ppid() == worker._process.pid  # the guard
    assert worker.is_ready


def test_a_worker_imports_ahead_what_the_run_uses_and_other_stages_when_asked(logs):
    row = ENVIRONMENTS[0]
    used = {"convertkit.runtimes.torch", "convertkit.stages.torch_to_onnx"}
    assert set(with_modules(row, used).preload) == {"torch", *used}
    assert with_modules(row, None) == row
    with Workers(logs, LIMITS, threads=1) as pool:
        pool.foresee({"fake": ()})
        assert pool.start("fake").environment.preload == ("fake_jobs",)


def test_a_worker_that_is_expected_is_the_one_that_is_asked(pool):
    pool.expect("fake")
    started = pool.start("fake")
    ask(pool, "succeed:")
    assert pool.start("fake") is started
    pool.expect("own")  # which has no interpreter
    with pytest.raises(MissingDependencyError):
        pool.start("own")


def test_a_process_of_its_own_that_is_expected_is_asked_once(logs):
    with Workers(logs, LIMITS, threads=1) as pool:
        pool.expect_fresh("own")
        pool.expect_fresh("fake")
        spare = pool._spare["fake"]
        pool.expect_fresh("fake")
        homes = [
            pool.ask_fresh("fake", job("environment:TMPDIR"), "job.log").details["TMPDIR"] for _ in range(2)
        ]
        assert homes[0] == str(spare._home)
        assert homes[1] != homes[0]
        assert not spare.is_alive
        pool.expect_fresh("fake")
        left = pool._spare["fake"]
    assert not left.is_alive


def test_nothing_is_expected_where_all_is_known_so_far(logs, tmp_path):
    known = KnownAnswers(Store(tmp_path / "store"), LIMITS)
    with Workers(logs, LIMITS, threads=1, known=known) as pool:
        pool.expect("fake")
        pool.expect_fresh("fake")
        assert not pool._alive
        assert not pool._spare
        ask(pool, "succeed:")
        pool.expect("other")
        pool.expect_fresh("fake")
        assert set(pool._alive) == {"fake", "other"}
        assert set(pool._spare) == {"fake"}


def test_killing_twice_is_safe(logs):
    worker = Worker(FAKE, logs / "worker.log", 1)
    worker.kill()
    worker.kill()
    assert not worker.is_alive


def test_a_module_missing_at_start_is_a_missing_dependency_every_time(pool):
    for _ in range(2):
        with pytest.raises(MissingDependencyError, match="no_such_module_anywhere") as caught:
            ask(pool, "succeed", "missing")
        assert caught.value.exit_code == 4
        assert not descendants()


@pytest.mark.parametrize(
    ("environment", "kind", "words"),
    [("exiting", CalledExitError, "called exit(4)"), ("dying", WorkerExitedError, "code 7")],
)
def test_an_end_during_the_imports_is_told(pool, environment, kind, words):
    with pytest.raises(kind) as caught:
        ask(pool, "succeed", environment)
    assert words in caught.value.message


def test_what_a_job_prints_goes_to_its_log_at_descriptor_level(pool, logs, capfd):
    ask(pool, "print_everywhere")
    pool.ask("fake", job("succeed"), "second.log")
    lines = (logs / "job.log").read_text().splitlines()
    assert sorted(lines) == sorted(
        [
            "from python",
            "from python, stderr",
            "from descriptor 1",
            "from descriptor 2",
            "from C",
            "from a child",
        ]
    )
    assert (logs / "second.log").read_text() == ""
    assert capfd.readouterr() == ("", "")


def test_a_failed_jobs_traceback_is_in_its_log(pool, logs):
    with pytest.raises(StageError):
        ask(pool, "raise_foreign:ValueError")
    text = (logs / "job.log").read_text()
    assert "Traceback" in text
    assert "raise_foreign" in text


def test_a_segfault_leaves_the_log_that_was_written_before(pool, logs):
    ask(pool, "print_everywhere")
    with pytest.raises(WorkerCrashedError):
        ask(pool, "crash")
    assert "from C" in (logs / "job.log").read_text()


def test_the_workers_environment_is_quiet_offline_and_bounded(pool):
    got = ask(pool, "environment:HF_HUB_OFFLINE,TF_NUM_INTRAOP_THREADS,PYTHONNOUSERSITE,PATH")
    assert got["HF_HUB_OFFLINE"] == "1"
    assert got["TF_NUM_INTRAOP_THREADS"] == "1"
    assert got["PYTHONNOUSERSITE"] == "1"
    assert got["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_the_package_folder_is_not_on_the_workers_import_path(pool):
    path = [Path(entry).resolve() for entry in ask(pool, "import_path")["path"].split(os.pathsep)]
    assert not [entry for entry in path if entry.is_relative_to(PACKAGE)]


class TestInterpreter:
    def test_a_named_one_wins(self, monkeypatch):
        monkeypatch.setenv("CONVERTKIT_PYTHON_FAKE", "/opt/python")
        assert interpreter(FAKE) == Path("/opt/python")

    def test_else_the_environment_beside_this_one(self, monkeypatch, tmp_path):
        python = tmp_path / "venv-fake" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()
        monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
        assert interpreter(FAKE) == python

    def test_else_this_one(self, monkeypatch, tmp_path):
        monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
        assert interpreter(FAKE) == Path(sys.executable)

    def test_none_where_it_needs_its_own(self, monkeypatch, tmp_path):
        monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
        assert interpreter(ROWS["own"]) is None

    def test_without_one_the_install_line_is_the_hint(self, pool):
        with pytest.raises(MissingDependencyError) as caught:
            ask(pool, "succeed", "own")
        assert caught.value.hint == "make own"

    @pytest.mark.parametrize("kind", ["absent", "folder", "not executable", "no program"])
    def test_one_that_cannot_be_started_is_a_missing_dependency(self, pool, monkeypatch, tmp_path, kind):
        python = tmp_path / "python"
        if kind == "folder":
            python.mkdir()
        elif kind != "absent":
            python.write_text("no program")
            python.chmod(0o755 if kind == "no program" else 0o644)
        monkeypatch.setenv("CONVERTKIT_PYTHON_FAKE", str(python))
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(MissingDependencyError):
            ask(pool, "succeed")
        assert len(os.listdir("/proc/self/fd")) == before

    def test_environment_names_make_distinct_variables(self):
        assert len({row.name.upper() for row in ENVIRONMENTS}) == len(ENVIRONMENTS)


def test_an_answer_of_another_kind_is_an_error():
    expect(Ready(), Ready)
    with pytest.raises(StageError, match="answered Ready, not Described"):
        expect(Ready(), Described)


def test_no_descriptor_is_left_open(logs):
    before = len(os.listdir("/proc/self/fd"))
    with Workers(logs, LIMITS, threads=1) as pool:
        ask(pool, "succeed")
        with pytest.raises(WorkerCrashedError):
            ask(pool, "crash")
        ask(pool, "succeed")
    assert len(os.listdir("/proc/self/fd")) == before
