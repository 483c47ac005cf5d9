"""What a worker does for each kind of job. Runs in a worker; imports stages and runtimes by name."""

from __future__ import annotations

import importlib
import time
from functools import singledispatch
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays, Signature, to_logical, to_physical
from convertkit.artifacts.tensors import read_npz, write_npz
from convertkit.registry import runtime_row, stage_row
from convertkit.runtimes import Runtime, Session, TimedCall
from convertkit.stages import Request, Stage
from convertkit.tracing import Tracer
from convertkit.worker.memory import PeakMemory, resident_bytes
from convertkit.workers import jobs

SESSIONS: dict[tuple[str, str, str, int], Session] = {}


@singledispatch
def perform(job: jobs.Job) -> jobs.Answer:
    """Do the job; what it raises becomes a `Failed` answer."""
    raise TypeError(f"no such job: {job!r}")


@perform.register
def convert(job: jobs.ConvertJob) -> jobs.Answer:
    """Run one stage once and measure it."""
    row = stage_row(job.stage)
    stage: Stage[Any] = importlib.import_module(f"convertkit.stages.{row.name}")
    request = Request(
        source=job.source,
        target=job.target,
        options=msgspec.convert(job.options, row.options),
        out=Path(job.out),
        scratch=Path(job.scratch),
        examples=Path(job.examples),
        calibration=Path(job.calibration) if job.calibration else None,
    )
    with PeakMemory() as memory:
        started = time.perf_counter()
        conversion = stage.convert(request)
        seconds = time.perf_counter() - started
    return jobs.Converted(
        conversion.signature, conversion.notes, seconds, memory.peak_bytes, conversion.loader
    )


@perform.register
def describe(job: jobs.DescribeJob) -> jobs.Answer:
    """Read a model's own signature."""
    return load_runtime(runtime_row(job.format).name).describe(job)


@perform.register
def infer(job: jobs.InferJob) -> jobs.Answer:
    """Run an artifact over all samples and write its outputs in the source's terms."""
    with PeakMemory() as memory:
        started = time.perf_counter()
        session = open_session(job.runtime, job.artifact, job.device, job.threads)
        outputs = run_samples(session, job.artifact.signature, read_npz(job.inputs), job.chunk)
        seconds = time.perf_counter() - started
    write_npz(job.outputs, outputs)
    return jobs.Inferred(seconds, memory.peak_bytes)


@perform.register
def bench(job: jobs.BenchJob) -> jobs.Answer:
    """Time calls of an artifact."""
    before = resident_bytes()
    session = open_session(job.runtime, job.artifact, job.device, job.threads)
    inputs = physical_inputs(job.artifact.signature, read_npz(job.inputs))
    timed_call = session.bind(inputs)
    if job.clock == "cpu":
        timed_call = cpu_timed(timed_call)
    started = time.perf_counter()
    done = 0
    while done < job.warmup_calls or time.perf_counter() - started < job.warmup_s:
        timed_call()
        done += 1
    durations = tuple(timed_call() for _ in range(job.calls))
    return jobs.Benched(durations, max(0, resident_bytes() - before))


def cpu_timed(call: TimedCall) -> TimedCall:
    """The same call, timed by the processor time of this process, nanoseconds."""

    def timed() -> int:
        started = time.process_time_ns()
        call()
        return time.process_time_ns() - started

    return timed


@perform.register
def observe(job: jobs.ObserveJob) -> jobs.Answer:
    """Watch the activations of a PyTorch model, loaded anew: hooks would slow what is timed later."""
    ranges = importlib.import_module("convertkit.pytorch.ranges")
    found = ranges.observe_artifact(job.artifact, read_npz(job.inputs), job.seconds, job.threads)
    write_npz(job.ranges, found)
    return jobs.Observed(len(found))


@perform.register
def find_origin(job: jobs.OriginJob) -> jobs.Answer:
    """Find where NaN and Inf begin in a PyTorch model, loaded anew: hooks would slow what is timed later."""
    nonfinite = importlib.import_module("convertkit.pytorch.nonfinite")
    return jobs.OriginFound(*nonfinite.find_origins(job.artifact, read_npz(job.inputs), job.threads))


@perform.register
def trace(job: jobs.TraceJob) -> jobs.Answer:
    """Run an artifact once and write what every operator gives."""
    tracer: Tracer = importlib.import_module(f"convertkit.tracing.{job.runtime}")
    signature, samples = job.artifact.signature, read_npz(job.inputs)
    batched, size = batch_size(signature, samples, len(next(iter(samples.values()))))
    given = {name: values[:size] if batched else values[0] for name, values in samples.items()}
    tensors, values = tracer.trace(job.artifact, physical_inputs(signature, given), job.threads)
    write_npz(job.values, {str(position): value for position, value in enumerate(values)})
    return jobs.Traced(tuple(tensors))


def load_runtime(name: str) -> Runtime:
    """The runtime module of that name."""
    runtime: Runtime = importlib.import_module(f"convertkit.runtimes.{name}")
    return runtime


def open_session(runtime: str, artifact: Artifact, device: str, threads: int) -> Session:
    """The loaded artifact; loaded once for as long as the worker lives and the content is the same."""
    key = (artifact.path, artifact.sha256, device, threads)
    if key not in SESSIONS:
        SESSIONS[key] = load_runtime(runtime).load(artifact, device, threads)
    return SESSIONS[key]


def physical_inputs(signature: Signature, inputs: Arrays) -> Arrays:
    """Logical inputs as the artifact takes them, under the runtime's names."""
    return {spec.runtime_name: to_physical(inputs[spec.name], spec) for spec in signature.inputs}


def run_samples(session: Session, signature: Signature, samples: Arrays, chunk: int) -> Arrays:
    """Outputs for all samples, logical, first axis = sample.

    A static batch is filled by repeating the last sample, and the surplus is cut off again. Outputs
    without a batch axis are stacked, one entry a sample, and so are run one sample at a time.
    """
    count = len(next(iter(samples.values())))
    batched, size = batch_size(signature, samples, chunk)
    parts: dict[str, list[Any]] = {spec.name: [] for spec in signature.outputs}
    for start in range(0, count, size):
        rows = np.minimum(np.arange(start, start + size), count - 1)
        if is_free_batch(signature):
            rows = np.arange(start, min(start + size, count))
        given = {name: values[rows] if batched else values[rows[0]] for name, values in samples.items()}
        raw = session.run(physical_inputs(signature, given))
        for spec in signature.outputs:
            value = to_logical(raw[spec.runtime_name], spec)
            joined = value.ndim > 0 and batched and len(value) == len(rows)
            parts[spec.name].append(value if joined else value[np.newaxis])
    return {name: np.concatenate(values)[:count] for name, values in parts.items()}


def is_free_batch(signature: Signature) -> bool:
    """True where the first axis of the first input may have any size."""
    shape = signature.inputs[0].logical_shape
    return bool(shape) and isinstance(shape[0], str)


def batch_size(signature: Signature, samples: Arrays, chunk: int) -> tuple[bool, int]:
    """Whether the artifact takes a batch axis, and how many samples a call takes."""
    spec = signature.inputs[0]
    shape = spec.logical_shape
    if samples[spec.name].ndim == len(shape) + 1:
        return False, 1
    first = shape[0] if shape else 1
    return True, chunk if isinstance(first, str) else max(1, first)
