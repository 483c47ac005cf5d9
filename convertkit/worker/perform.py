"""What a worker does for each kind of job. Runs in a worker; imports stages and runtimes by name."""

from __future__ import annotations

import importlib
import time
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.axes import CallAxes, entries, joined
from convertkit.artifacts.signature import Array, Arrays, Signature, to_logical, to_physical
from convertkit.artifacts.tensors import read_npz, write_npz
from convertkit.folding import Folder
from convertkit.profiling import Profiler
from convertkit.registry import runtime_row, stage_row
from convertkit.runtimes import Runtime, Session, cpu_timed
from convertkit.stages import Stage
from convertkit.tracing import Tracer
from convertkit.worker.chunks import Chunk, allowed_bytes
from convertkit.worker.memory import GpuGauge, PeakMemory, resident_bytes
from convertkit.worker.requests import request_of
from convertkit.worker.sizes import compressed_bytes, weights_bytes
from convertkit.workers import answers, jobs
from convertkit.workers.built import BuildJob
from convertkit.workers.folded import Folded, FoldJob
from convertkit.workers.profiled import ProfileJob

SESSIONS: dict[tuple[str, str, str, int, bool, str], Session] = {}
CHUNKS: dict[tuple[int, int, str], Chunk] = {}


@singledispatch
def perform(job: jobs.Job) -> answers.Answer:
    """Do the job; what it raises becomes a `Failed` answer."""
    raise TypeError(f"no such job: {job!r}")


@perform.register
def convert(job: jobs.ConvertJob) -> answers.Answer:
    """Run one stage once and measure it."""
    row = stage_row(job.stage)
    stage: Stage[Any] = importlib.import_module(f"convertkit.stages.{row.name}")
    request = request_of(job)
    with PeakMemory() as memory:
        started = time.perf_counter()
        conversion = stage.convert(request)
        seconds = time.perf_counter() - started
    return answers.Converted(
        conversion.signature,
        conversion.notes,
        seconds,
        memory.peak_bytes,
        conversion.loader,
        conversion.transformations,
        weights_bytes(request.out, job.target.format),
        compressed_bytes(request.out),
    )


@perform.register
def build(job: BuildJob) -> answers.Answer:
    """Write the weights of a reference model."""
    written: answers.Answer = importlib.import_module("convertkit.references.seeded").write_weights(job)
    return written


@perform.register
def describe(job: jobs.DescribeJob) -> answers.Answer:
    """Read a model's own signature."""
    return load_runtime(runtime_row(job.format).name).describe(job)


@perform.register
def fold(job: FoldJob) -> answers.Answer:
    """Put normalisation into an artifact."""
    folder: Folder = importlib.import_module(f"convertkit.folding.{job.artifact.variant.format}")
    folder.fold(job.artifact, job.fold, Path(job.out))
    return Folded()


@perform.register
def infer(job: jobs.InferJob) -> answers.Answer:
    """Run an artifact over all samples and write its outputs in the source's terms."""
    with PeakMemory() as memory:
        started = time.perf_counter()
        session = open_session(job.runtime, job.artifact, job.device, job.threads)
        samples = read_npz(job.inputs)
        outputs = run_samples(session, job.artifact.signature, samples, chunk_of(session, job, samples))
        seconds = time.perf_counter() - started
    write_npz(job.outputs, outputs)
    return answers.Inferred(seconds, memory.peak_bytes)


@perform.register
def bench(job: jobs.BenchJob) -> answers.Answer:
    """Time calls of an artifact."""
    before, runtime = resident_bytes(), load_runtime(job.runtime)
    gauge = GpuGauge(runtime, job.device)
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
    added = max(0, resident_bytes() - before)
    return answers.Benched(durations, added, gauge.added(), session.left_on_cpu, session.compile_ns)


@perform.register
def start(job: jobs.StartJob) -> answers.Answer:
    """Load an artifact and call it once."""
    runtime = load_runtime(job.runtime)
    inputs = physical_inputs(job.artifact.signature, read_npz(job.inputs))
    runtime_bytes = resident_bytes()
    with PeakMemory() as memory:
        began = time.perf_counter_ns()
        session = runtime.load(job.artifact, "cpu", job.threads)
        loaded = time.perf_counter_ns()
        session.run(inputs)
        ended = time.perf_counter_ns()
    return answers.Started(loaded - began, ended - loaded, runtime_bytes, memory.peak_bytes)


@perform.register
def observe(job: jobs.ObserveJob) -> answers.Answer:
    """Watch the activations of a PyTorch model, loaded anew: hooks would slow what is timed later."""
    ranges = importlib.import_module("convertkit.pytorch.ranges")
    found = ranges.observe_artifact(job.artifact, read_npz(job.inputs), job.seconds, job.threads)
    write_npz(job.ranges, found)
    return answers.Observed(len(found))


@perform.register
def find_origin(job: jobs.OriginJob) -> answers.Answer:
    """Find where NaN and Inf begin in a PyTorch model, loaded anew: hooks would slow what is timed later."""
    nonfinite = importlib.import_module("convertkit.pytorch.nonfinite")
    return answers.OriginFound(*nonfinite.find_origins(job.artifact, read_npz(job.inputs), job.threads))


@perform.register
def measure_sensitivities(job: jobs.SensitivityJob) -> answers.Answer:
    """Find what leaving operators of an INT8 file float gains and costs."""
    module = importlib.import_module("convertkit.stages.tflite_sensitivity")
    found: answers.Sensitivities = module.measure(request_of(job.convert), job.groups)
    return found


@perform.register
def profile(job: ProfileJob) -> answers.Answer:
    """Find which operators take the time."""
    profiler: Profiler = importlib.import_module(f"convertkit.profiling.{job.runtime}")
    given = physical_inputs(job.artifact.signature, read_npz(job.inputs))
    trace = Path(job.trace)
    return profiler.profile(job.artifact, given, job.threads, job.calls, job.seconds, trace)


@perform.register
def refine(job: jobs.RefineJob) -> answers.Answer:
    """Refine an ONNX graph for INT8."""
    answer: answers.Refined = importlib.import_module("convertkit.quantization.refine_file").refine_file(job)
    return answer


@perform.register
def tokenize(job: jobs.TokenizeJob) -> answers.Answer:
    """Write lines of text as samples."""
    answer: answers.Tokenized = importlib.import_module("convertkit.pytorch.tokens").tokenize(job)
    return answer


@perform.register
def trace(job: jobs.TraceJob) -> answers.Answer:
    """Run an artifact once and write what every operator gives."""
    tracer: Tracer = importlib.import_module(f"convertkit.tracing.{job.runtime}")
    signature, samples = job.artifact.signature, read_npz(job.inputs)
    axes = CallAxes.of(signature.inputs, samples)
    rows, _ = next(axes.calls(samples, len(next(iter(samples.values())))))
    given = physical_inputs(signature, axes.call(samples, rows))
    tensors, values = tracer.trace(job.artifact, given, job.threads)
    write_npz(job.values, {str(position): value for position, value in enumerate(values)})
    return answers.Traced(tuple(tensors))


@perform.register
def unpack(job: jobs.UnpackJob) -> answers.Answer:
    """Write the tensors of a file as arrays."""
    answer: answers.Unpacked = importlib.import_module("convertkit.pytorch.tensor_file").unpack(job)
    return answer


def load_runtime(name: str) -> Runtime:
    """The runtime module of that name."""
    runtime: Runtime = importlib.import_module(f"convertkit.runtimes.{name}")
    return runtime


def open_session(runtime: str, artifact: Artifact, device: str, threads: int) -> Session:
    """The loaded artifact; loaded once for as long as the worker lives and the content is the same."""
    compiled = artifact.loader.compiled if artifact.loader else ""
    key = (artifact.path, artifact.sha256, device, threads, artifact.in_float32, compiled)
    if key not in SESSIONS:
        SESSIONS[key] = load_runtime(runtime).load(artifact, device, threads)
    return SESSIONS[key]


def physical_inputs(signature: Signature, inputs: Arrays) -> Arrays:
    """Logical inputs as the artifact takes them, under the runtime's names."""
    return {spec.runtime_name: to_physical(inputs[spec.name], spec) for spec in signature.inputs}


def chunk_of(session: Session, job: jobs.InferJob, samples: Arrays) -> Chunk:
    """How many samples share a call of this artifact at these sizes, as calls before have told."""
    key = (id(session), job.chunk, str({name: values.shape[1:] for name, values in samples.items()}))
    if key not in CHUNKS:
        CHUNKS[key] = Chunk(job.chunk, allowed_bytes(job.call_bytes, job.memory_bytes))
    return CHUNKS[key]


def run_samples(session: Session, signature: Signature, samples: Arrays, chunk: Chunk) -> Arrays:
    """Outputs for all samples, logical, first axis = sample.

    A fixed batch is filled by repeating the last sample, and the surplus is cut off again. An output
    without a batch axis has one entry a call.
    """
    axes = CallAxes.of(signature.inputs, samples)
    parts: dict[str, list[Array]] = {spec.name: [] for spec in signature.outputs}
    counts: list[int] = []
    if axes.batch_size is None and chunk.is_open and chunk.size == 1:
        first = physical_inputs(signature, axes.call(samples, np.arange(1)))
        chunk.probe(lambda: session.run(first))
    for rows, new in axes.calls(samples, lambda: chunk.size):
        given = physical_inputs(signature, axes.call(samples, rows))
        raw = chunk.watch(len(rows), lambda given=given: session.run(given))  # type: ignore[misc]
        for spec in signature.outputs:
            value = to_logical(raw[spec.runtime_name], spec)
            parts[spec.name].append(
                entries(value, spec, len(rows))[:new] if axes.is_batched else value[np.newaxis]
            )
        counts.append(len(rows))
    return {name: joined(name, values, counts) for name, values in parts.items()}
