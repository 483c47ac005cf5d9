"""Artifacts beside the first of them, no nearer than it is to itself."""

import pytest

from convertkit.measurement.latency import Latency, compare, relative_width, self_noise, summarize
from convertkit.measurement.measured import beside_first


def row(*medians_ms: float, device: str = "cpu") -> Latency:
    rounds = [(int(ms * 1e6),) * 5 for ms in medians_ms]
    return summarize(rounds, device=device, threads=1, batch=1, session_bytes=0)


FIRST = row(1.00, 1.02, 0.98, 1.01, 0.99, 1.00)
AGAIN = row(1.02, 0.99, 1.00, 0.98, 1.01, 1.01)  # rounds up to 4 % apart


def test_what_the_first_differs_from_itself_is_no_difference():
    near = row(*(ms * 1.03 for ms in FIRST.rounds_ms))
    alone = beside_first([(FIRST,), (near,), (FIRST,)], "first")[1][0]
    beside = beside_first([(FIRST,), (near,), (AGAIN,)], "first")[1][0]
    assert alone.noise == 0
    assert [alone.versus[0].verdict, beside.versus[0].verdict] == ["slower", "no measurable difference"]
    assert beside.noise == self_noise(FIRST, AGAIN)
    assert beside.versus[0].artifact == "first"


@pytest.mark.parametrize(("factor", "verdict"), [(1.1, "slower"), (0.9, "faster")])
def test_what_is_beyond_the_noise_is_told(factor: float, verdict: str):
    other = row(*(ms * factor for ms in FIRST.rounds_ms))
    first, beside = beside_first([(FIRST,), (other,), (AGAIN,)], "first")
    assert first[0].versus == ()
    assert beside[0].versus[0].verdict == verdict


def test_rows_are_paired_by_device():
    gpu = row(0.1, 0.1, 0.1, 0.1, 0.1, device="cuda:0")
    other = beside_first([(FIRST, gpu), (gpu,), (FIRST, gpu)], "first")[1]
    assert [one.versus[0].ratio for one in other] == [1.0]


def test_what_was_not_measured_is_beside_nothing():
    skipped = Latency("cpu", skipped="no")
    (first,), (other,) = beside_first([(skipped,), (FIRST,), (skipped,)], "first")
    assert (first.noise, other.noise, other.versus) == (None, None, ())
    assert compare(skipped, FIRST) is None


def test_throughput_is_of_all_samples_of_a_call():
    call = summarize([(2_000_000,)], device="cpu", threads=1, batch=8, session_bytes=0)
    assert call.samples_per_second == 4000
    assert Latency("cpu", skipped="no").samples_per_second is None


def test_the_width_is_that_of_the_rounds_medians():
    assert relative_width([(5_000_000,)] * 6) == 0
    assert relative_width([(1_000_000,), (3_000_000,)] * 6) > 0.5
