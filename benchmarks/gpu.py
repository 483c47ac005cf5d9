"""Models, runtimes and memory on a GPU, offline, in one JSON; `make bench-gpu`.

Children measure, one at a time, alone on the card; what exports and compiles runs before, side by side. A
child that fails or hangs loses its own rows, which say so; what the time does not reach says so too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil

from benchmarks.gpu_order import WARMING, Order, orders
from benchmarks.gpu_page import page
from benchmarks.gpu_rows import key, read_rows
from convertkit.environment.devices import check_device, gpu_names
from convertkit.environment.nvml import card_used_bytes, driver_version
from convertkit.environment.versions import package_versions

PACKAGES = (
    "torch",
    "triton",
    "onnx",
    "onnxscript",
    "onnxruntime-gpu",
    "ai-edge-litert",
    "transformers",
    "numpy",
)
LONGEST_CHILD_S = 150.0
TAIL = 400


@dataclass(frozen=True)
class Child:
    """A process that measures, or prepares."""

    process: subprocess.Popen[bytes]
    log: Path
    named: dict[str, str]


class Bench:
    """The rows so far, and the time that is left.

    Args:
        seconds: no child is started after that.
    """

    def __init__(self, folder: Path, device: str, seconds: float) -> None:
        self.folder, self.device = folder, device
        self.ends = time.monotonic() + seconds
        self.rows: list[dict[str, Any]] = []
        self.file = folder / "rows.jsonl"
        self.warming = folder / f"rows.jsonl{WARMING}"
        for file in (self.file, self.warming):
            file.unlink(missing_ok=True)
        self._children = 0

    @property
    def left_s(self) -> float:
        """Seconds until no child is started."""
        return self.ends - time.monotonic()

    def start(self, named: dict[str, str], module: str, *arguments: str, **environment: str) -> Child:
        """A child; its words go to a file of its own.

        Args:
            named: the row that says how it ended, where it ended badly.
        """
        self._children += 1
        log = self.folder / f"child-{self._children}.log"
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=log.open("w"),
            stderr=subprocess.STDOUT,
            env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(self.folder / "inductor"), **environment},
            start_new_session=True,
        )
        return Child(process, log, named)

    def wait(self, child: Child) -> None:
        """Until it ends, with all that it started."""
        try:
            code = child.process.wait(max(1.0, min(LONGEST_CHILD_S, self.left_s)))
        except subprocess.TimeoutExpired:
            code = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        if code is None:
            self.rows.append({**child.named, "error": "ended: it took too long"})
        elif code:
            last = child.log.read_text(errors="replace").strip().splitlines()[-1:] or [f"ended by {code}"]
            self.rows.append({**child.named, "error": last[0][:TAIL]})

    def prepare(self, wanted: list[Order]) -> None:
        """Export and warm the compilers' caches, as many side by side as there are cores for."""
        side_by_side = max(1, (os.cpu_count() or 1) - 2)
        waiting = []
        for order in wanted:
            pair = (order.model, order.precision)
            batches = map(str, order.batches)
            waiting.append(("benchmarks.gpu_export", (*pair, str(self.folder), *batches), pair))
        for order in wanted:
            if order.compiled_forms:
                pair = (order.model, order.precision)
                waiting.append(("benchmarks.gpu_case", (encoded(order.warming()),), pair))
        running: list[Child] = []
        while (waiting and self.left_s > 0) or running:
            while waiting and len(running) < side_by_side:
                module, arguments, (model, precision) = waiting.pop(0)
                named = {"model": model, "precision": precision, "form": module}
                running.append(self.start(named, module, *arguments, TORCHINDUCTOR_COMPILE_THREADS="2"))
            self.wait(running.pop(0))

    def measure(self, order: Order) -> None:
        """One child, alone."""
        named = {"model": order.model, "precision": order.precision, "form": "all"}
        if self.left_s <= 0:
            self.rows.append({**named, "error": "not reached: the time was up"})
            return
        self.wait(self.start(named, "benchmarks.gpu_case", encoded(order)))

    def extra(self, module: str, *arguments: str) -> None:
        """A child with rows of its own kind."""
        named = {"model": module.rpartition("_")[2], "precision": "", "form": "all"}
        self.wait(self.start(named, module, self.device, str(self.folder), str(self.file), *arguments))

    def all_rows(self) -> list[dict[str, Any]]:
        """What the children wrote, with the seconds that compiling took, and how some ended."""
        compiled_s = {
            key(row): row["first_call_s"] for row in read_rows(self.warming) if "first_call_s" in row
        }
        written = read_rows(self.file)
        for row in written:
            if key(row) in compiled_s:
                row["compile_s"] = compiled_s[key(row)]
        return [*written, *self.rows]


def chosen(wanted: list[Order], given: argparse.Namespace) -> list[Order]:
    """What of it is asked for; all where nothing is said."""
    kept = []
    for order in wanted:
        forms = tuple(form for form in order.forms if form in given.forms or not given.forms)
        is_model = order.model in given.only or not given.only
        is_precision = order.precision in given.precisions or not given.precisions
        is_tuned = not order.is_last or any(form in order.compiled_forms for form in forms)
        if is_model and is_precision and forms and is_tuned:
            kept.append(msgspec.structs.replace(order, forms=forms))
    return kept


def encoded(order: Order) -> str:
    return msgspec.json.encode(order).decode()


def machine(device: str) -> dict[str, Any]:
    """Where it ran."""
    return {
        "gpus": gpu_names(),
        "driver": driver_version(),
        "cpu": platform.processor(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "card_used_before_bytes": None if device == "cpu" else card_used_bytes(device),
        "python": platform.python_version(),
        "packages": package_versions(PACKAGES),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", help="cpu (a rehearsal), cuda, cuda:N")
    parser.add_argument("--out", type=Path, default=Path("build/gpu"))
    parser.add_argument("--seconds", type=float, default=290, help="start nothing after that")
    parser.add_argument("--tflite", type=Path, help="a folder of .tflite files for LiteRT's GPU accelerator")
    parser.add_argument("--page", default="", help="a Markdown page to write")
    parser.add_argument("--only", nargs="*", default=[], help="models")
    parser.add_argument("--precisions", nargs="*", default=[], help="float32, float16")
    parser.add_argument("--forms", nargs="*", default=[], help="eager, 'compile default', onnxruntime …")
    parser.add_argument("--quick", action="store_true", help="small batches, few rounds: a rehearsal")
    given = parser.parse_args()
    device = check_device(given.device) or "cpu"
    folder = given.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder, device, given.seconds)
    started = time.monotonic()
    place = machine(device)
    wanted = chosen(orders(device, folder, bench.file, given.quick), given)
    first, last = ([order for order in wanted if order.is_last is late] for late in (False, True))
    bench.prepare(first)
    prepared_s = time.monotonic() - started
    if not given.forms:
        bench.extra("benchmarks.gpu_product")
    for order in first:
        bench.measure(order)
    for order in last:
        bench.measure(order)
    if given.tflite:
        bench.extra("benchmarks.gpu_litert", str(given.tflite))
    seconds = time.monotonic() - started
    found = {"device": device, "machine": place, "seconds": seconds, "prepared_s": prepared_s}
    (folder / "gpu.json").write_text(json.dumps({**found, "rows": bench.all_rows()}, indent=1))
    shutil.rmtree(folder / "inductor", ignore_errors=True)
    words = page([json.loads((folder / "gpu.json").read_text())])
    print(words)
    if given.page:
        Path(given.page).write_text(words)


if __name__ == "__main__":
    main()
