"""Statistics of durations: percentiles, and bootstrap intervals of medians and of their ratios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array
from convertkit.workers.answers import GpuMemory

RESAMPLES = 1000
FEWEST_ROUNDS = 5  # with fewer, chance alone has all of them on one side too often


Faster = Literal["faster", "slower", "no measurable difference"]


class Versus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Latency beside that of another artifact, measured alike.

    Attributes:
        artifact: the other one's variant, in full.
        ratio: this one's time / the other's, the median over rounds.
        ci95: bootstrap 95 % interval of the ratio.
        verdict: `faster` or `slower` where the whole interval says so, of five rounds or more, and is further
            from 1 than the noise.
    """

    artifact: str
    ratio: float
    ci95: tuple[float, float]
    verdict: Faster


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Latency of one artifact on one device; milliseconds. Either measured, or `skipped` with the reason.

    Attributes:
        batch: samples in each call.
        p50_ci95_ms: bootstrap 95 % interval of p50, over rounds.
        session_bytes: what loading the artifact added to resident memory.
        rounds_ms: the median of each round; artifacts that were measured together have rounds side by side.
        versus: beside the float artifact of the same format, then beside the source.
        gpu_memory: what the artifact takes of the GPU; null on the CPU.
        left_on_cpu: operators that run on the CPU although a GPU was asked for; such a row is partial.
        noise: how far from itself an artifact seemed to be that was measured twice beside this one, as a
            fraction of its time; null where none was.
        measured: when, ISO 8601, UTC; rows of the same moment were measured together.
        cached: True where an earlier run measured it.
        compiled: the mode of torch.compile that a PyTorch model was run by; empty: it was run as it is.
        compile_s: what compiling took before, with the first call, seconds.
    """

    device: str
    threads: int | None = None
    batch: int | None = None
    p50_ms: float | None = None
    p50_ci95_ms: tuple[float, float] | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    runs: int | None = None
    session_bytes: int | None = None
    skipped: str | None = None
    rounds_ms: tuple[float, ...] = ()
    versus: tuple[Versus, ...] = ()
    gpu_memory: GpuMemory | None = None
    left_on_cpu: tuple[str, ...] = ()
    noise: float | None = None
    measured: str = ""
    cached: bool = False
    compiled: str = ""
    compile_s: float | None = None

    @property
    def samples_per_second(self) -> float | None:
        """Throughput at the median; None where nothing was measured."""
        return None if not self.p50_ms else (self.batch or 1) / self.p50_ms * 1e3


def summarize(
    rounds_ns: Sequence[Sequence[int]],
    *,
    device: str,
    threads: int,
    batch: int,
    session_bytes: int,
    gpu_memory: GpuMemory | None = None,
    left_on_cpu: tuple[str, ...] = (),
) -> Latency:
    """Percentiles over all calls; the interval resamples whole rounds, since calls of a round are alike."""
    rounds = [np.asarray(calls, np.float64) / 1e6 for calls in rounds_ns]
    durations = np.concatenate(rounds)
    random = np.random.default_rng(0)
    picks = random.integers(0, len(rounds), (RESAMPLES, len(rounds)))
    if len({len(calls) for calls in rounds}) == 1:
        medians = np.median(np.stack(rounds)[picks].reshape(RESAMPLES, -1), axis=1)
    else:
        medians = np.array([np.median(np.concatenate([rounds[i] for i in pick])) for pick in picks])
    low, high = np.percentile(medians, (2.5, 97.5))
    p50, p90, p99 = (float(value) for value in np.percentile(durations, (50, 90, 99)))
    return Latency(
        device,
        threads,
        batch,
        p50,
        (float(low), float(high)),
        p90,
        p99,
        len(durations),
        session_bytes,
        rounds_ms=tuple(float(np.median(calls)) for calls in rounds),
        gpu_memory=gpu_memory,
        left_on_cpu=left_on_cpu,
    )


def relative_width(rounds_ns: Sequence[Sequence[int]]) -> float:
    """Width of the 95 % interval of the rounds' medians, as a fraction of their median."""
    medians = np.array([np.median(calls) for calls in rounds_ns], np.float64)
    median, low, high = paired(medians)
    return (high - low) / median


def compare(one: Latency | None, other: Latency | None, artifact: str = "") -> Versus | None:
    """The latency of `one` beside that of `other`; None where they were not measured alike.

    Rounds are compared one by one, since what else ran on the machine slowed both down. Without rounds the
    interval is that of the medians' own intervals.

    Args:
        artifact: the variant of `other`.
    """
    if one is None or other is None or not one.p50_ms or not other.p50_ms:
        return None
    if (one.device, one.threads, one.batch) != (other.device, other.threads, other.batch):
        return None
    if len(one.rounds_ms) > 1 and len(one.rounds_ms) == len(other.rounds_ms):
        ratio, low, high = paired(np.asarray(one.rounds_ms) / np.asarray(other.rounds_ms))
    elif one.p50_ci95_ms and other.p50_ci95_ms:
        ratio = one.p50_ms / other.p50_ms
        low, high = one.p50_ci95_ms[0] / other.p50_ci95_ms[1], one.p50_ci95_ms[1] / other.p50_ci95_ms[0]
    else:
        return None
    is_enough = not one.rounds_ms or len(one.rounds_ms) >= FEWEST_ROUNDS
    verdict: Faster = "no measurable difference"
    margin = 1 + (one.noise or 0)
    if is_enough and (low > margin or high < 1 / margin):
        verdict = "slower" if low > 1 else "faster"
    return Versus(artifact, ratio, (low, high), verdict)


def self_noise(one: Latency, again: Latency) -> float | None:
    """How far an artifact is from itself, measured twice: the far end of the ratio's interval, less 1."""
    versus = compare(one, again)
    return None if versus is None else max(versus.ci95[1], 1 / versus.ci95[0]) - 1


def paired(ratios: Array) -> tuple[float, float, float]:
    """The median of the rounds' ratios, and its bootstrap 95 % interval."""
    picks = np.random.default_rng(0).integers(0, len(ratios), (RESAMPLES, len(ratios)))
    low, high = np.percentile(np.median(ratios[picks], axis=1), (2.5, 97.5))
    return float(np.median(ratios)), float(low), float(high)
