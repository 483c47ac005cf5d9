"""Statistics of durations: percentiles and a bootstrap interval of the median."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

RESAMPLES = 1000


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Latency of one artifact on one device; milliseconds. Either measured, or `skipped` with the reason.

    Attributes:
        batch: samples in each call.
        p50_ci95_ms: bootstrap 95 % interval of p50, over rounds.
        session_bytes: what loading the artifact added to resident memory.
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


def summarize(
    rounds_ns: Sequence[Sequence[int]], *, device: str, threads: int, batch: int, session_bytes: int
) -> Latency:
    """Percentiles over all calls; the interval resamples whole rounds, since calls of a round are alike."""
    rounds = [np.asarray(calls, np.float64) / 1e6 for calls in rounds_ns]
    durations = np.concatenate(rounds)
    random = np.random.default_rng(0)
    picks = random.integers(0, len(rounds), (RESAMPLES, len(rounds)))
    medians = [np.median(np.concatenate([rounds[i] for i in pick])) for pick in picks]
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
    )
