"""Latencies out of the store: what is kept is marked, what is not is measured, and both are told apart."""

import msgspec
import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.config.run_settings import BenchOptions
from convertkit.measurement import kept as module
from convertkit.measurement.kept import KeptLatencies, asked_of_bench, key_of
from convertkit.measurement.latency import Latency
from convertkit.registry import parse_variant
from convertkit.storage.store import RECORD, Store

SPEC = TensorSpec("y", "float32", ("batch", 2))
SIGNATURE = Signature((TensorSpec("x", "float32", ("batch", 3)),), (SPEC,))
SAMPLE = {"x": np.ones((1, 3), np.float32)}


def artifact(letter, **changes):
    made = Artifact(parse_variant("tflite"), f"/{letter}.tflite", SIGNATURE, letter * 64, 100)
    return msgspec.structs.replace(made, **changes)


A, B = artifact("a"), artifact("b")


class Stopwatch:
    """Measures what it is given, and remembers it."""

    def __init__(self):
        self.measured = []

    def __call__(self, artifacts):
        self.measured.append([one.sha256[0] for one in artifacts])
        number = float(len(self.measured))
        return [(Latency("cpu", 1, 1, number, (number, number), rounds_ms=(number,) * 9),) for _ in artifacts]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def asked(tmp_path):
    return asked_of_bench(None, BenchOptions(), SAMPLE, tmp_path)


def test_what_is_kept_is_not_measured_again_and_says_so(store, asked):
    watch = Stopwatch()
    (first,) = KeptLatencies(store).rows_of([A], asked, watch)
    again = KeptLatencies(store).rows_of([A, B], asked, watch)
    assert watch.measured == [["a"], ["b"]]
    assert not first[0].cached
    assert again[0] == (msgspec.structs.replace(first[0], cached=True),)
    assert not again[1][0].cached
    assert again[1][0].measured > first[0].measured


def test_measuring_again_measures_all(store, asked):
    watch = Stopwatch()
    KeptLatencies(store).rows_of([A, B], asked, watch)
    KeptLatencies(store, recalls=False).rows_of([A, B], asked, watch)
    assert watch.measured == [["a", "b"], ["a", "b"]]
    assert KeptLatencies(store).rows_of([A], asked, watch)[0][0].p50_ms == 2


@pytest.mark.parametrize(
    "change",
    [{"device": "cuda:0"}, {"options": {"rounds": 3}}, {"sample": "ff"}, {"host": ["another"]}],
    ids=str,
)
def test_another_machine_sample_or_setting_is_measured(store, asked, change):
    watch = Stopwatch()
    KeptLatencies(store).rows_of([A], asked, watch)
    KeptLatencies(store).rows_of([A], asked | change, watch)
    assert len(watch.measured) == 2


def test_so_is_what_a_runtime_of_other_code_runs(store, asked, monkeypatch):
    watch = Stopwatch()
    KeptLatencies(store).rows_of([A], asked, watch)
    monkeypatch.setattr(module, "code_hash", lambda start: "another")
    KeptLatencies(store).rows_of([A], asked, watch)
    assert len(watch.measured) == 2


def test_what_could_not_be_measured_and_what_own_code_builds_is_not_kept(store, asked):
    skipped = [(Latency("cpu", skipped="does not run"),)]
    KeptLatencies(store).rows_of([A], asked, lambda artifacts: skipped)
    assert store.kept() == []
    assert key_of(artifact("a", loader=Loader("module")), asked) is None


def test_a_flipped_bit_is_put_aside_and_measured_again(store, asked):
    watch = Stopwatch()
    KeptLatencies(store).rows_of([A], asked, watch)
    (key,) = store.kept()
    record = store.root / key / RECORD
    record.write_bytes(record.read_bytes().replace(b"1.0", b"9.0"))
    latencies = KeptLatencies(store)
    assert latencies.rows_of([A], asked, watch)[0][0].p50_ms == 2
    assert latencies.damaged == 1
