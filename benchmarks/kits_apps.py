"""Kits tried as far as tools are here: run in Python, Node and Chromium, compiled by Kotlin, served."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from functools import partial
from pathlib import Path

TOOLS = Path("build/kits/tools/node_modules")
KOTLIN = TOOLS / "kotlin-compiler" / "lib"
STUBS = Path(__file__).parent / "kotlin_stubs"
REQUESTS = 1000
BROWSERS = ("chromium", "google-chrome", "chrome")
SECONDS = 600


class Failed(Exception):
    """A kit does not do what it should; the message is what was said."""


class Absent(Exception):
    """The tool that would try a kit is not here."""


def said(*command: str | Path, cwd: Path | None = None, **variables: str) -> str:
    """What a program prints, its last line; Failed where it ends otherwise than by 0."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if done.returncode:
        raise Failed((done.stdout + done.stderr).strip()[-600:])
    return (done.stdout.strip().splitlines() or [""])[-1]


def try_python(home: Path) -> str:
    vectors = said(Path(sys.executable).absolute(), "test_model.py", cwd=home)
    return f"{vectors}; {said(sys.executable, '-m', 'benchmarks.kits_metadata', home)}"


def try_android(home: Path) -> str:
    if not KOTLIN.is_dir() or shutil.which("java") is None:
        raise Absent("no Kotlin compiler, or no Java")
    main = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"
    standard = KOTLIN / "kotlin-stdlib.jar"
    options = ["-no-stdlib", "-no-reflect", "-classpath", str(standard), "-d", str(home / "classes.jar")]
    said("java", "-cp", f"{KOTLIN / 'kotlin-compiler.jar'}:{KOTLIN}/*", main, *options, STUBS, home / "src")
    (home / "classes.jar").unlink()
    return "compiled against stubs"


def try_ios(home: Path) -> str:
    raise Absent("no Swift compiler: rendered, not compiled")


def try_web(home: Path) -> str:
    if not (TOOLS / "onnxruntime-web").is_dir() or shutil.which("node") is None:
        raise Absent("no Node, or no onnxruntime-web")
    (home / "node_modules").symlink_to(TOOLS.resolve())
    node = said("node", "test.mjs", cwd=home)
    browser = next((name for name in BROWSERS if shutil.which(name)), None)
    return f"Node: {node}; {shown(home, browser) if browser else 'no Chromium here'}"


def shown(home: Path, browser: str) -> str:
    """What the page says in a headless browser."""
    handler = partial(Quiet, directory=str(home))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/index.html"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=60000", "--dump-dom"]
        try:
            page = subprocess.run(
                [browser, *options, address], capture_output=True, text=True, check=False, timeout=SECONDS
            ).stdout
        finally:
            server.shutdown()
    state = re.search(r'<p id="state">(.*?)</p>', page)
    if state is None or not state[1].endswith("vectors passed"):
        raise Failed(f"the page says {state[1] if state else 'nothing'}")
    return f"Chromium: {state[1]}"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that says nothing."""

    def log_message(self, *_: object) -> None:
        pass


def try_tfserving(home: Path) -> str:
    return said(sys.executable, "-m", "benchmarks.kits_serving", "tfserving", home, TF_CPP_MIN_LOG_LEVEL="3")


def try_triton(home: Path) -> str:
    return said(sys.executable, "-m", "benchmarks.kits_serving", "triton", home)


def try_onnxruntime(home: Path) -> str:
    """The service, started, and 1,000 requests whose answers are all compared."""
    port = free_port()
    command = [str(Path(sys.executable).absolute()), "-m", "uvicorn", "service:app", "--log-level", "warning"]
    with subprocess.Popen([*command, "--port", str(port)], cwd=home) as service:
        address = f"http://127.0.0.1:{port}"
        try:
            wait_for(f"{address}/health", service)
            return said(
                Path(sys.executable).absolute(), "load.py", address, str(REQUESTS), cwd=home / "client"
            )
        finally:
            service.terminate()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for(url: str, service: subprocess.Popen[bytes]) -> None:
    """Until it answers; Failed where the service ends or takes two minutes."""
    for _ in range(240):
        if service.poll() is not None:
            raise Failed(f"the service ended by {service.returncode}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise Failed("the service does not answer")


TRIALS = {
    "python": try_python,
    "android": try_android,
    "ios": try_ios,
    "web": try_web,
    "tfserving": try_tfserving,
    "triton": try_triton,
    "onnxruntime": try_onnxruntime,
}
