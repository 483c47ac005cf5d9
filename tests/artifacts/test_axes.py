"""Batch axes: which calls samples make, and how the outputs of calls become one entry a sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convertkit.artifacts.axes import (
    CallAxes,
    InputAxes,
    batch_word,
    entries,
    like,
    one_sample,
    with_output_axes,
)
from convertkit.artifacts.signature import Signature, TensorSpec

X = TensorSpec("x", "float32", ("batch", 3))
STATE = TensorSpec("h", "float32", (2, "batch", 4), batch_axis=1)
HEAT = TensorSpec("heat", "float32", (), batch_axis=None)


def samples(count: int, heat: list[float] | None = None) -> dict[str, np.ndarray]:
    """Samples of the three inputs."""
    random = np.random.default_rng(0)
    heats = np.full(count, 2.0) if heat is None else np.array(heat)
    return {"x": random.normal(size=(count, 3)), "h": random.normal(size=(count, 2, 4)), "heat": heats}


def test_where_an_axis_stands_among_samples():
    assert [InputAxes((2, "batch", 4), 1).place(axis) for axis in range(3)] == [1, 0, 2]
    assert [InputAxes((5, 5), None).place(axis) for axis in range(2)] == [1, 2]


@given(st.integers(1, 40), st.integers(1, 12), st.none() | st.integers(1, 5))
def test_every_sample_is_in_one_call_in_order(count, chunk, fixed):
    specs = (X, STATE) if fixed is None else (TensorSpec("x", "float32", (fixed, 3)), STATE)
    given_samples = samples(count)
    axes = CallAxes.of(specs, given_samples)
    seen: list[int] = []
    for rows, new in axes.calls(given_samples, chunk):
        call = axes.call(given_samples, rows)
        assert call["h"].shape == (2, len(rows), 4)
        assert len(rows) == (fixed or new)
        assert (rows[new:] == rows[new - 1]).all()
        seen += rows[:new].tolist()
        np.testing.assert_array_equal(call["h"][:, 0], given_samples["h"][rows[0]])
    assert seen == list(range(count))


def test_samples_with_different_whole_inputs_do_not_share_a_call():
    given_samples = samples(6, [1, 1, 2, 2, 2, 1])
    axes = CallAxes.of((X, STATE, HEAT), given_samples)
    calls = list(axes.calls(given_samples, 32))
    assert [rows.tolist() for rows, _ in calls] == [[0, 1], [2, 3, 4], [5]]
    assert axes.call(given_samples, calls[1][0])["heat"].shape == ()


def test_a_model_without_a_batch_takes_one_sample_a_call():
    whole = {"x": np.zeros((4, 7, 3))}
    axes = CallAxes.of((TensorSpec("x", "float32", ("length", 3)),), whole)
    assert not axes.is_batched
    assert [rows.tolist() for rows, _ in axes.calls(whole, 32)] == [[0], [1], [2], [3]]
    assert axes.call(whole, np.array([2]))["x"].shape == (7, 3)


@pytest.mark.parametrize(
    ("shape", "axis", "value", "wanted"),
    [
        (("batch", 5), 0, (6, 5), (6, 5)),
        ((2, "batch", 5), 1, (2, 6, 5), (6, 2, 5)),
        (("batch_time", 5), 0, (18, 5), (6, 3, 5)),
        ((4, 5), None, (4, 5), (1, 4, 5)),
        ((1, 5), 0, (6, 5), (6, 5)),
        ((4, 5), 0, (4, 5), (1, 4, 5)),
        ((), 0, (), (1,)),
    ],
)
def test_outputs_have_one_entry_a_sample(shape, axis, value, wanted):
    spec = TensorSpec("y", "float32", shape, batch_axis=axis)
    assert entries(np.zeros(value), spec, 6).shape == wanted


@pytest.mark.parametrize(
    ("shapes", "word"),
    [
        ([("time", "batch", 3)], "batch"),
        ([(2, "N", 3), ("s0", 3)], "N"),
        ([("s0", "s1")], "s0"),
        ([(2, "s0", 3), ("s1", 4)], "s1"),
        ([(12, "s0", 3)], "s0"),
        ([("s0", "s1", 3), ("s0", "s0")], "s1"),
        ([("s0", "s0")], None),
        ([(3, "h", "w")], None),
        ([(1, 3)], None),
    ],
)
def test_the_name_of_the_batch(shapes, word):
    assert batch_word(tuple(TensorSpec(f"i{n}", "float32", shape) for n, shape in enumerate(shapes))) == word


class TestOutputs:
    @staticmethod
    def axes(*shapes, is_seen=True):
        outputs = tuple(TensorSpec(f"o{n}", "float32", shape) for n, shape in enumerate(shapes))
        found = with_output_axes(Signature((X, STATE), outputs), is_seen=is_seen)
        return [spec.batch_axis for spec in found.outputs]

    def test_by_the_inputs_names(self):
        assert self.axes(("batch", 3), (2, "batch", 4), ("batch_s1", 4), (5, 5)) == [0, 1, 0, None]

    def test_a_file_may_call_a_free_axis_fixed_or_by_another_name(self):
        assert self.axes((1, 3), (2, "unk__7", 4), is_seen=False) == [0, 1]

    def test_an_artifact_has_its_sources(self):
        source = Signature((X, STATE), (TensorSpec("y", "float32", (2, "batch"), batch_axis=1),))
        made = Signature((X, TensorSpec("h", "float32", (2, 1, 4))), (TensorSpec("y", "float32", (2, 1)),))
        assert [spec.batch_axis for spec in like(made, source).inputs] == [0, 1]
        assert like(made, source).outputs[0].batch_axis == 1


def test_one_sample_of_a_call():
    call = {"x": np.zeros((2, 3)), "h": np.zeros((2, 2, 4)), "heat": np.float32(1)}
    shapes = {name: np.shape(values) for name, values in one_sample((X, STATE, HEAT), call).items()}
    assert shapes == {"x": (1, 3), "h": (2, 1, 4), "heat": ()}
