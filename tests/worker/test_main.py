"""The child side, function by function; what it does as a process is in tests/workers/test_pool.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import TensorSpec
from convertkit.errors import RefusedError
from convertkit.worker import main as worker
from convertkit.workers.answers import Answer, Failed, Ready
from convertkit.workers.jobs import DescribeJob, Order

WORKER = Path(worker.__file__)
FAKES = Path(__file__).parents[1] / "workers"


def failure_of(error):
    """The answer for an exception that was really raised."""
    try:
        raise error
    except BaseException as caught:
        return worker.failure(caught)


@pytest.mark.parametrize(
    ("error", "name", "message", "hint"),
    [
        (RefusedError("no", hint="yes"), "RefusedError", "no", "yes"),
        (
            ModuleNotFoundError("No module named 'onnx2tf'", name="onnx2tf"),
            "MissingDependencyError",
            "cannot import 'onnx2tf'",
            "run: convertkit doctor",
        ),
        (SystemExit(2), "CalledExitError", "the converter called exit(2)", ""),
        (SystemExit(), "CalledExitError", "the converter called exit(None)", ""),
        (MemoryError(), "WorkerMemoryError", "out of memory", ""),
        (KeyError("x"), "KeyError", "KeyError: 'x'", ""),
        (ValueError("\n\n  a line \n another"), "ValueError", "ValueError: a line", ""),
        (ValueError(" \n "), "ValueError", "ValueError: no message", ""),
    ],
)
def test_an_exception_becomes_an_answer_of_one_line(error, name, message, hint):
    answer = failure_of(error)
    assert (answer.error, answer.message, answer.hint) == (name, message, hint)
    assert "Traceback" in answer.traceback
    assert "failure_of" in answer.traceback


def test_a_missing_preload_is_answered_not_raised(capsys):
    answer = worker.attempt(None, ["json", "no_such_module_anywhere"])
    assert isinstance(answer, Failed)
    assert answer.error == "MissingDependencyError"
    assert "no_such_module_anywhere" in capsys.readouterr().err


def test_nothing_to_preload_is_ready():
    assert worker.attempt(None, []) == Ready()


def test_an_order_of_no_known_job_is_refused():
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"job": {"type": "dance"}, "log": ""}', type=Order)


def serve(orders, *preload, environment=None):
    """Run the worker as the parent does, all orders at once; its answers and its exit code."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, str(WORKER), str(writing), *preload],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(writing,),
        env={**os.environ, "PYTHONPATH": str(FAKES), **(environment or {})},
    )
    os.close(writing)
    printed, _ = process.communicate(b"".join(msgspec.json.encode(order) + b"\n" for order in orders), 60)
    with os.fdopen(reading, "rb") as stream:
        lines = stream.read().splitlines()
    return [msgspec.json.decode(line, type=Answer) for line in lines], process.returncode, printed


def order(action, log):
    return Order(DescribeJob(Format.ONNX, action), str(log))


def test_a_closed_input_ends_the_worker_well():
    answers, code, printed = serve([])
    assert answers == [Ready()]
    assert code == 0
    assert printed == b""


def test_jobs_are_answered_in_order_with_a_line_each(tmp_path):
    orders = [order(f"succeed:{n}", tmp_path / "log") for n in range(3)]
    answers, code, _ = serve([*orders, order("raise_foreign:ValueError", tmp_path / "log")], "fake_jobs")
    assert answers[0] == Ready()
    assert [answer.details["said"] for answer in answers[1:4]] == ["0", "1", "2"]
    assert answers[4].error == "ValueError"
    assert code == 0


def test_logs_are_appended_to(tmp_path):
    log = tmp_path / "log"
    log.write_text("before\n")
    serve([order("print_everywhere", log)], "fake_jobs")
    assert log.read_text().startswith("before\n")
    assert "from C\n" in log.read_text()


def test_the_worker_imports_no_framework_of_its_own(tmp_path):
    probe = tmp_path / "probe.py"
    probe.write_text("import json, sys\nopen('modules.json', 'w').write(json.dumps(sorted(sys.modules)))\n")
    process = subprocess.run(
        [sys.executable, str(WORKER), "1", "probe"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True,
    )
    assert msgspec.json.decode(process.stdout, type=Answer) == Ready()
    loaded = set(json.loads((tmp_path / "modules.json").read_text()))
    assert "convertkit.worker.perform" in loaded
    heavy = {
        "torch",
        "tensorflow",
        "onnx",
        "onnxruntime",
        "ai_edge_litert",
        "onnx2tf",
        "convertkit.workers.pool",
    }
    assert not loaded & heavy


def test_modules_beside_the_worker_do_not_shadow_others(tmp_path):
    """`convertkit/recipe.py`, `worker/perform.py` … must not be importable as top-level names."""
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import importlib.util\n"
        "assert not any(map(importlib.util.find_spec, ('recipe', 'perform', 'memory')))\n"
        "import convertkit.workers.pool\n"
    )
    answers, _, printed = serve([], "probe", environment={"PYTHONPATH": str(tmp_path)})
    assert answers == [Ready()], printed.decode()


def test_orders_survive_the_wire():
    job = DescribeJob(Format.ONNX, "päth\n", inputs=(TensorSpec("x", "float32", ("batch", 3)),))
    line = msgspec.json.encode(Order(job, "log"))
    assert b"\n" not in line
    assert msgspec.json.decode(line, type=Order) == Order(job, "log")
