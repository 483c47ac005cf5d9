"""The corpus of wrong artifacts, on made-up outputs of six kinds of models."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest

from benchmarks import gate_corpus_channels, gate_corpus_places, gate_corpus_samples
from benchmarks.gate_corpus_case import Case, Role
from benchmarks.gate_corpus_gate import compared, grounds_of, margin
from benchmarks.gate_corpus_held_ways import WAYS as HELD_BACK
from benchmarks.gate_corpus_outputs import REAL
from benchmarks.gate_corpus_synthetic import MODELS, case
from benchmarks.gate_corpus_trials import WAYS, counts, output_wrong_db, passing, try_all
from benchmarks.gate_corpus_verdicts import reason_for

FEW = 6
MADE_HERE = {name: way for name, way in WAYS.items() if name not in REAL}


@pytest.fixture
def few_of_each(monkeypatch):
    monkeypatch.setattr(gate_corpus_channels, "MOST_CHANNELS", FEW)
    monkeypatch.setattr(gate_corpus_samples, "MOST_SAMPLES", FEW)
    monkeypatch.setattr(gate_corpus_places, "MOST_PLACES", FEW)


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("model", MODELS)
def test_the_gate_passes_what_is_right_and_nothing_that_is_wrong(model, precision, few_of_each):
    right = case(model, precision)
    grounds = grounds_of(right)
    assert compared(right, right.artifact, grounds=grounds).reason == ""
    tallies = try_all(right, lambda case, outputs: compared(case, outputs, grounds=grounds).reason, MADE_HERE)
    assert list(passing(tallies)) == []
    assert counts(tallies)[0] >= 60  # ways that apply


def test_every_way_applies_to_some_model(few_of_each):
    tried = [try_all(case(model, "float32"), lambda case, outputs: "failed", MADE_HERE) for model in MODELS]
    assert [name for name in MADE_HERE if not any(tally[name].caught for tally in tried)] == []


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_what_was_held_back_is_caught_too(precision, few_of_each):
    caught = set()
    for model in MODELS:
        right = case(model, precision)
        judge = partial(reason_for, grounds_of(right))
        tallies = try_all(right, judge, HELD_BACK)
        assert list(passing(tallies)) == []
        caught |= {name for name, tally in tallies.items() if tally.caught}
    assert caught == set(HELD_BACK)


def test_a_gate_that_passes_everything_is_told(few_of_each):
    tallies = try_all(case("frames", "int8"), lambda case, outputs: "", MADE_HERE)
    _, caught, _, passed = counts(tallies)
    assert caught == 0
    assert passed > 200


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_what_changes_nothing_is_no_way_to_be_wrong(precision):
    right = case("detector", precision)
    name = "predictions"
    values = right.artifact[name]
    role = right.roles[name]
    assert output_wrong_db(right.source[name], values, values.copy(), role, precision) is None
    near = values + 1e-6 * values.std()
    assert output_wrong_db(right.source[name], values, near, role, "int8") is None


def test_an_error_within_a_share_of_a_fixed_range_is_harmless():
    source = np.linspace(0, 1, 40, dtype=np.float32).reshape(20, 2)
    wrong = np.clip(source + 0.04, 0, 1)
    fixed, free = Role(1, range="sigmoid"), Role(1)
    assert output_wrong_db(source, source, wrong, fixed, "int8") is None
    assert output_wrong_db(source, source, wrong, fixed, "float32") is not None
    assert output_wrong_db(source, source, wrong, free, "float32") is not None


def test_margins_are_decibels_above_the_tolerance():
    source = {"y": np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)}
    artifact = {"y": (source["y"] * 1.01).astype(np.float32)}  # 40 dB everywhere
    found = margin(compared(Case("m", "tflite:int8", "int8", source, artifact), artifact))
    assert found.whole == pytest.approx(20, abs=0.01)
    assert found.slices == pytest.approx(32, abs=0.01)
    assert found.samples == pytest.approx(32, abs=0.01)
    assert found.lost == 0


def test_a_case_is_judged_with_the_noise_of_its_source():
    random = np.random.default_rng(0)
    source = {"y": random.normal(size=(64, 4)).astype(np.float32)}
    again = {"y": (source["y"] * (1 + 1e-2 * random.normal(size=(64, 4)))).astype(np.float32)}
    artifact = {"y": (source["y"] * (1 + 1e-2 * random.normal(size=(64, 4)))).astype(np.float32)}
    plain = Case("m", "tflite:float32", "float32", source, artifact)
    assert "below 60 dB" in compared(plain, artifact).reason
    assert compared(dataclasses.replace(plain, again=again), artifact).reason == ""
