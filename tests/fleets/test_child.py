"""A job's process: its code, its words, its memory; it ends with whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from convertkit.fleets.child import last_message, run_child


def python(code):
    return [sys.executable, "-c", code]


def test_how_it_ended(tmp_path):
    ended = run_child(
        python("import sys; print('out'); sys.exit('convertkit: no such file\\n  hint: look')"), "/"
    )
    assert (ended.code, ended.message) == (1, "no such file")
    assert run_child(python("import os; os.kill(os.getpid(), 9)"), "/").code == -signal.SIGKILL
    assert run_child(python("import os; print(os.getcwd())"), str(tmp_path), str(tmp_path / "out")).code == 0
    assert (tmp_path / "out").read_text().strip() == str(tmp_path)


def test_memory_is_that_of_all_its_processes():
    inner = "import time; held = bytearray(200 << 20); time.sleep(1.5)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    assert run_child(python(code), "/").peak_bytes > 200 << 20


def test_the_message_is_the_error_and_not_the_hint():
    assert last_message("convertkit: reading x\nconvertkit: it broke\n  hint: mend it\n") == "it broke"
    assert last_message("Traceback\nValueError: no\n") == "ValueError: no"
    assert last_message("") == ""


def test_it_ends_where_its_parent_is_killed():
    code = "from convertkit.fleets.child import run_child; import sys; "
    code += "run_child([sys.executable, '-c', 'import time; time.sleep(600)'], '/')"
    parent = subprocess.Popen(python(code), cwd=Path(__file__).parents[2])
    try:
        found = []
        while not found:
            found = psutil.Process(parent.pid).children()
            time.sleep(0.05)
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    gone, left = psutil.wait_procs(found, timeout=30)
    assert (len(gone), left) == (1, [])
