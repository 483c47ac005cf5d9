"""Latency of several artifacts, in interleaved rounds (A B C A B C …), one running at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.axes import CallAxes
from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import Arrays
from convertkit.artifacts.tensors import write_npz
from convertkit.config.run_settings import BenchOptions
from convertkit.environment.devices import NO_GPU
from convertkit.errors import ConvertkitError
from convertkit.measurement.compiled import joined_rows, mode_of, with_forms
from convertkit.measurement.kept import KeptLatencies, asked_of_bench, stamped
from convertkit.measurement.latency import Latency, relative_width, summarize
from convertkit.registry import runtime_row
from convertkit.workers.answers import Benched
from convertkit.workers.jobs import BenchJob
from convertkit.workers.pool import Workers

WARMUP_CALLS = 5
LONGEST_ROUND_NS = 500_000_000
NARROW = 0.02  # width of a ratio's interval from which on further rounds would tell nothing new
CUDA_FORMATS = (Format.TORCH, Format.ONNX, Format.SAVEDMODEL)


class Contender(msgspec.Struct):
    """One artifact on one device, while it is being measured."""

    job: BenchJob
    environment: str
    batch: int
    rounds: list[tuple[int, ...]] = []
    loaded: Benched | None = None
    skipped: str = ""


class Bench(msgspec.Struct, frozen=True):
    """Measures the artifacts of a run, always on the same sample.

    Attributes:
        device: the GPU as `cuda:N`; None where there is none.
        sample: one sample of every input, logical, first axis = sample.
        kept: latencies of earlier runs; None: all are measured.
    """

    device: str | None
    options: BenchOptions
    sample: Arrays
    workers: Workers
    scratch: Path
    kept: KeptLatencies | None = None

    def by_path(self, artifacts: Sequence[Artifact]) -> dict[str, tuple[Latency, ...]]:
        """Latency rows of each artifact and of its compiled forms, by its path; or why there are none."""
        if self.options.skip:
            return {artifact.path: (Latency("cpu", skipped=self.options.skip),) for artifact in artifacts}
        forms = with_forms(artifacts, self.options.compile)
        if self.kept is None:
            rows = stamped(self._measure(forms))
        else:
            asked = asked_of_bench(self.device, self.options, self.sample, self.scratch)
            rows = self.kept.rows_of(forms, asked, self._measure)
        joined = joined_rows(forms, rows)
        return {artifact.path: row for artifact, row in zip(artifacts, joined, strict=True)}

    def _measure(self, artifacts: Sequence[Artifact]) -> list[tuple[Latency, ...]]:
        return measure(artifacts, self.sample, self.device, self.options, self.workers, self.scratch)

    def on_cpu(self, artifacts: Sequence[Artifact]) -> list[Latency]:
        """Latency of each artifact on the CPU alone."""
        rows = measure(artifacts, self.sample, None, self.options, self.workers, self.scratch)
        return [row[0] for row in rows]


def measure(
    artifacts: Sequence[Artifact],
    sample: Arrays,
    device: str | None,
    options: BenchOptions,
    workers: Workers,
    scratch: Path,
    batch: int | None = None,
    *,
    on_cpu: bool = True,
) -> list[tuple[Latency, ...]]:
    """Latency rows of each artifact: on the CPU, and on the GPU or the reason why not.

    Args:
        sample: one sample of every input, logical, first axis = sample.
        device: the GPU as `cuda:N`; None where there is none.
        batch: samples in each call, the same one again; None: one, or as many as the artifact is made for.
        on_cpu: False: on the GPU alone.
    """
    contenders = []
    for number, artifact in enumerate(artifacts):
        inputs, size = scratch / f"bench-{number}.npz", call_size(artifact, sample, batch)
        axes = CallAxes.of(artifact.signature.inputs, sample)
        write_npz(inputs, axes.call(sample, np.zeros(size, np.intp)))
        refusal = "" if batch in (None, size) else f"it takes {size} at a time, not {batch}"
        names = [name for name in ("cpu" if on_cpu else None, device) if name is not None]
        contenders.append([contender(artifact, inputs, size, name, options, refusal) for name in names])
    everyone = [one for row in contenders for one in row]
    for one in everyone:
        warm_up(one, options, workers)
    take_rounds(everyone, options, workers)
    return [
        (*(result(one, options) for one in row), *absent_rows(artifact, device))
        for artifact, row in zip(artifacts, contenders, strict=True)
    ]


def absent_rows(artifact: Artifact, device: str | None) -> tuple[Latency, ...]:
    """That there is no GPU, for an artifact that would run on one: none is asked about for a `.tflite`."""
    is_missed = device is None and artifact.variant.format in CUDA_FORMATS and not mode_of(artifact)
    return (Latency("cuda", skipped=NO_GPU),) if is_missed else ()


def call_size(artifact: Artifact, sample: Arrays, batch: int | None) -> int:
    """Samples in a call: as many as the artifact is made for, where that is fixed."""
    return CallAxes.of(artifact.signature.inputs, sample).batch_size or batch or 1


def take_rounds(everyone: Sequence[Contender], options: BenchOptions, workers: Workers) -> None:
    """As many rounds as asked for, in random order; further ones while they narrow what is uncertain."""
    order, until = np.random.default_rng(0), time.monotonic() + (options.seconds or 0)
    done = 0
    while done < options.rounds or (time.monotonic() < until and not all(map(is_narrow, everyone))):
        for index in order.permutation(len(everyone)):
            time_round(everyone[index], workers)
        done += 1


def is_narrow(one: Contender) -> bool:
    """True where a contender's median is known well enough, or cannot be measured."""
    return bool(one.skipped) or relative_width(one.rounds) <= NARROW


def contender(
    artifact: Artifact, inputs: Path, batch: int, device: str, options: BenchOptions, refusal: str = ""
) -> Contender:
    """An artifact on a device, not yet loaded.

    Args:
        refusal: why it is not measured; empty where it is.
    """
    row = runtime_row(artifact.variant.format)
    job = BenchJob(row.name, artifact, str(inputs), options.calls, device=device, threads=options.threads)
    one = Contender(job, row.environment, batch, skipped=refusal)
    if device != "cpu" and artifact.variant.format not in CUDA_FORMATS:
        one.skipped = f"{row.name} does not run on CUDA devices"
    return one


def warm_up(one: Contender, options: BenchOptions, workers: Workers) -> None:
    """Load, run untimed, and choose how many calls a round has: slow models get fewer."""
    job = msgspec.structs.replace(one.job, calls=2, warmup_s=options.warmup_s, warmup_calls=WARMUP_CALLS)
    answer = ask(one, job, workers)
    if answer is None:
        return
    one.loaded = answer
    affordable = LONGEST_ROUND_NS // max(1, min(answer.durations_ns))
    one.job = msgspec.structs.replace(one.job, calls=int(max(2, min(options.calls, affordable))))


def time_round(one: Contender, workers: Workers) -> None:
    """One round of timed calls; the first is dropped, caches are another model's then."""
    answer = ask(one, one.job, workers)
    if answer is not None:
        one.rounds.append(answer.durations_ns[1:])


def ask(one: Contender, job: BenchJob, workers: Workers) -> Benched | None:
    """The worker's answer; None from the moment on that it cannot be measured."""
    if one.skipped:
        return None
    try:
        answer = workers.ask(one.environment, job, "bench.log")
    except ConvertkitError as error:
        one.skipped = error.message
        return None
    assert isinstance(answer, Benched)
    return answer


def result(one: Contender, options: BenchOptions) -> Latency:
    """The contender's latency, or why there is none."""
    device, compiled = one.job.device, mode_of(one.job.artifact)
    if one.skipped or not one.rounds or one.loaded is None:
        return Latency(device, skipped=one.skipped or "no round was completed", compiled=compiled)
    row = summarize(
        one.rounds,
        device=device,
        threads=options.threads,
        batch=one.batch,
        session_bytes=one.loaded.session_bytes,
        gpu_memory=one.loaded.gpu_memory,
        left_on_cpu=one.loaded.left_on_cpu,
    )
    taken_s = one.loaded.compile_ns / 1e9 if compiled else None
    return msgspec.structs.replace(row, compiled=compiled, compile_s=taken_s)
