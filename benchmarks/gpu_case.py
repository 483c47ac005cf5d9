"""Measure one model in one precision: eager, compiled, ONNX Runtime, in interleaved rounds in one process.

`python -m benchmarks.gpu_case ORDER`, the order as JSON.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from benchmarks.gpu_export import OUTPUT, cast, onnx_file, reference_file
from benchmarks.gpu_models import SUBJECTS, made
from benchmarks.gpu_order import Order
from benchmarks.gpu_rows import add_row
from convertkit.artifacts.signature import Array
from convertkit.causes import first_line
from convertkit.measurement.latency import summarize
from convertkit.runtimes import Session, TimedCall
from convertkit.runtimes import onnxruntime as onnx_runtime
from convertkit.runtimes import torch as torch_runtime
from convertkit.validation.compare import output_metrics
from convertkit.worker.memory import GpuGauge

LONGEST_ROUND_NS = 30_000_000
MOST_CALLS = 50
LOOPED = "mlp"  # the model of the seed's loop
PASSES = 1000


class Contender:
    """One form of the model at one batch.

    Attributes:
        forward: starts a forward pass without waiting for it; None where the runtime waits by itself.
    """

    def __init__(self, form: str, call: TimedCall, forward: Callable[[], object] | None) -> None:
        self.form, self.call, self.forward = form, call, forward
        self.row: dict[str, Any] = {}
        self.rounds: list[list[int]] = []
        warm = [call() for _ in range(10)]
        self.calls = int(max(2, min(MOST_CALLS, LONGEST_ROUND_NS // max(1, min(warm)))))

    def time_round(self) -> None:
        """A round of timed calls; the first is dropped, caches are another's then."""
        torch_runtime.use_tf32("tf32" in self.form)
        self.rounds.append([self.call() for _ in range(self.calls + 1)][1:])


def eager_model(order: Order) -> torch.nn.Module:
    """The model on the device, in its precision."""
    model = made(order.model)
    return (model.half() if order.precision == "float16" else model).to(order.device)


def open_onnx(order: Order, form: str) -> Session:
    """ONNX Runtime on the exported file."""
    path = str(onnx_file(Path(order.folder), order.model, order.precision))
    return onnx_runtime.open_session(
        path, order.device, order.threads, is_tf32="tf32" in form, is_graph="graph" in form
    )


def compiled(form: str, model: torch.nn.Module) -> Any:
    """The model as the form wants it: as it is, or by one of the compiler's modes."""
    words = form.split()
    return torch.compile(model, mode=words[1], dynamic=False) if words[0] == "compile" else model


def opened(order: Order, form: str, model: torch.nn.Module, batch: int, wanted: Array | None) -> Contender:
    """A form: loaded, run once, compared with the CPU's outputs where they are given, and warm."""
    is_onnx = form.startswith("onnxruntime")
    runtime: Any = onnx_runtime if is_onnx else torch_runtime
    inputs = cast(SUBJECTS[order.model].inputs(batch), order.precision)
    torch_runtime.use_tf32("tf32" in form)
    gauge = GpuGauge(runtime, order.device)
    started = time.perf_counter()
    form_model = None if is_onnx else compiled(form, model)
    session: Session = (
        open_onnx(order, form) if is_onnx else torch_runtime.TorchSession(form_model, (OUTPUT,), order.device)
    )
    got = next(iter(session.run(inputs).values()))
    call = session.bind(inputs)
    first_call_s = time.perf_counter() - started
    tensors = [torch.from_numpy(value).to(order.device) for value in inputs.values()]
    one = Contender(form, call, None if is_onnx else lambda: form_model(*tensors))
    one.row = {
        "first_call_s": first_call_s,
        "gpu_memory": msgspec.to_builtins(gauge.added()),
        "left_on_cpu": session.left_on_cpu,
    }
    if wanted is not None:
        found = output_metrics("output", wanted, got[: len(wanted)].astype(np.float32))
        one.row |= {"sqnr_db": found.sqnr_db, "top1_agreement": found.top1_agreement}
    return one


def loop_seconds(order: Order, one: Contender) -> float | None:
    """The seed's loop: a thousand calls one behind the other, and one wait for the last, seconds."""
    if one.forward is None:
        return None
    torch_runtime.use_tf32("tf32" in one.form)
    started = time.perf_counter()
    with torch.inference_mode():
        for _ in range(PASSES):
            one.forward()
    if order.device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def measure(order: Order, batch: int, model: torch.nn.Module) -> Iterator[dict[str, Any]]:
    """A row for every form at one batch: the failures first, then what interleaved rounds give."""
    file = reference_file(Path(order.folder), order.model, order.precision, batch)
    wanted = None if order.is_warming else np.load(file)
    contenders = []
    for form in order.forms:
        try:
            contenders.append(opened(order, form, model, batch, wanted))
        except Exception as error:  # one form that fails does not end the rest
            yield {
                "form": form,
                "batch": batch,
                "error": f"{type(error).__name__}: {first_line(error)}"[:300],
            }
    if order.is_warming:
        yield from ({"form": one.form, "batch": batch, **one.row} for one in contenders)
        return
    random = np.random.default_rng(0)
    for _ in range(order.rounds):
        for index in random.permutation(len(contenders)):
            contenders[index].time_round()
    for one in contenders:
        found = summarize(
            one.rounds, device=order.device, threads=order.threads, batch=batch, session_bytes=0
        )
        assert found.p50_ms
        timed = {"samples_per_s": 1000 * batch / found.p50_ms}
        if order.model == LOOPED:
            timed["loop_s"] = loop_seconds(order, one)
        yield {"form": one.form, "batch": batch, **msgspec.to_builtins(found), **one.row, **timed}


def main() -> None:
    warnings.filterwarnings("ignore")
    order = msgspec.json.decode(sys.argv[1], type=Order)
    torch.set_num_threads(order.threads)
    torch._dynamo.config.recompile_limit = 64  # forms and batches share one model
    model = eager_model(order)
    for batch in order.batches:
        for row in measure(order, batch, model):
            add_row(order.rows, {"model": order.model, "precision": order.precision, **row})


if __name__ == "__main__":
    main()
