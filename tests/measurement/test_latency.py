"""Latency statistics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convertkit.measurement.latency import RESAMPLES, Latency, compare, summarize

rounds = st.lists(
    st.lists(st.integers(1_000, 10**9), min_size=1, max_size=6).map(tuple), min_size=1, max_size=6
)


def of(rounds_ns):
    return summarize(rounds_ns, device="cpu", threads=2, batch=4, session_bytes=7)


def test_nanoseconds_become_milliseconds():
    row = of([(1_000_000, 2_000_000, 3_000_000)])
    assert row.p50_ms == 2.0
    assert row.p90_ms == pytest.approx(2.8)
    assert row.p99_ms == pytest.approx(2.98)
    assert row.runs == 3
    assert (row.device, row.threads, row.batch, row.session_bytes) == ("cpu", 2, 4, 7)
    assert row.skipped is None


def test_equal_calls_have_an_interval_of_no_width():
    assert of([(5_000_000,) * 4] * 3).p50_ci95_ms == (5.0, 5.0)


def test_rounds_that_differ_widen_the_interval():
    low, high = of([(1_000_000,) * 5, (9_000_000,) * 5] * 4).p50_ci95_ms
    assert low == 1.0
    assert high == 9.0


def test_rounds_of_different_lengths_are_pooled():
    row = of([(1_000_000,), (3_000_000, 3_000_000, 3_000_000)])
    assert row.runs == 4
    assert row.p50_ms == 3.0


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 99))
@settings(deadline=None)
def test_rounds_of_one_length_have_the_interval_of_whole_rounds_drawn_anew(count, calls, seed):
    rounds_ns = np.random.default_rng(seed).integers(1_000, 10**9, (count, calls))
    picks = np.random.default_rng(0).integers(0, count, (RESAMPLES, count))
    medians = [np.median(np.concatenate([rounds_ns[i] / 1e6 for i in pick])) for pick in picks]
    assert of(rounds_ns.tolist()).p50_ci95_ms == tuple(np.percentile(medians, (2.5, 97.5)))


@settings(deadline=None)  # other work on the machine is no fault of the percentiles
@given(rounds)
def test_percentiles_are_in_order(rounds_ns):
    row = of(rounds_ns)
    durations = np.concatenate(rounds_ns) / 1e6
    slack = 1 + 1e-12
    assert durations.min() <= row.p50_ms * slack
    assert row.p50_ms <= row.p90_ms * slack
    assert row.p90_ms <= row.p99_ms * slack
    assert row.p99_ms <= durations.max() * slack
    low, high = row.p50_ci95_ms
    assert durations.min() <= low * slack
    assert low <= high
    assert high <= durations.max() * slack
    assert row.runs == len(durations)


def test_the_same_durations_give_the_same_interval():
    rounds_ns = np.random.default_rng(3).integers(1_000, 9_000, (7, 5)).tolist()
    assert of(rounds_ns) == of(rounds_ns)


def test_a_skipped_row_has_no_figures():
    row = Latency("cuda", skipped="no CUDA device")
    assert row.p50_ms is None
    assert row.runs is None


def slowed(factor, *, rounds=12, noise=0.0, load=0.0):
    """Rounds of one artifact; `load` slows whole rounds down, its own and those beside it alike."""
    drift = np.random.default_rng(2)
    times = factor * (1 + load * drift.random(rounds)) * (1 + noise * (-1.0) ** np.arange(rounds))
    return of([(int(1e6 * value),) * 3 for value in times])


def test_the_medians_of_rounds_are_kept():
    assert of([(1_000_000, 2_000_000, 9_000_000), (4_000_000,)]).rounds_ms == (2.0, 4.0)


def test_what_slows_both_down_does_not_blur_their_ratio():
    one, other = slowed(3.6, load=20.0), slowed(1.0, load=20.0)
    assert one.p50_ci95_ms[0] < 3 * other.p50_ci95_ms[1]  # the medians alone say less
    versus = compare(one, other, "tflite:float32")
    assert versus.ratio == pytest.approx(3.6)
    assert versus.ci95 == pytest.approx((3.6, 3.6))
    assert (versus.verdict, versus.artifact) == ("slower", "tflite:float32")
    assert compare(other, one).verdict == "faster"


def test_noise_is_no_difference():
    one, other = slowed(1.0, noise=0.1), slowed(1.0)
    low, high = compare(one, other).ci95
    assert low < 1 < high
    assert compare(one, other).verdict == "no measurable difference"


def test_few_rounds_prove_nothing():
    assert compare(slowed(2.0, rounds=4), slowed(1.0, rounds=4)).verdict == "no measurable difference"
    assert compare(slowed(2.0, rounds=5), slowed(1.0, rounds=5)).verdict == "slower"


def test_without_rounds_the_intervals_are_compared():
    one = Latency("cpu", 1, 1, 4.0, (3.0, 5.0))
    versus = compare(one, Latency("cpu", 1, 1, 2.0, (1.0, 2.5)))
    assert (versus.ratio, versus.ci95) == (2.0, (3.0 / 2.5, 5.0))
    assert compare(one, Latency("cpu", 1, 1, 3.5, (2.5, 3.5))).verdict == "no measurable difference"


@pytest.mark.parametrize(
    "other",
    [
        None,
        Latency("cuda:0", 1, 1, 2.0, (1.0, 2.5)),
        Latency("cpu", 2, 1, 2.0, (1.0, 2.5)),
        Latency("cpu", 1, 8, 2.0, (1.0, 2.5)),
        Latency("cpu", skipped="no"),
        Latency("cpu", 1, 1, 2.0),
    ],
)
def test_only_what_was_measured_alike_is_compared(other):
    assert compare(Latency("cpu", 1, 1, 4.0, (3.0, 5.0)), other) is None
