"""How arrays are read as samples: under which name, along which axis, in which type; what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from convertkit.artifacts.signature import TensorSpec
from convertkit.errors import SamplesError
from convertkit.samples.fit import fit_samples, specs_from_arrays
from convertkit.samples.samples import Samples

COUNT = 9
X = TensorSpec("x", "float32", ("batch", 5))
STATE = TensorSpec("state", "float32", (2, "batch", 4))
MASK = TensorSpec("mask", "float32", (5, 5))
HEAT = TensorSpec("heat", "float32", ())


def values(*shape: int) -> np.ndarray:
    """Different numbers."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def fit(*inputs: TensorSpec, labels=None, axis_order="source", **arrays: np.ndarray) -> Samples:
    """The arrays fitted to the inputs."""
    return fit_samples(Samples("file", "", arrays, labels), inputs, axis_order)


def refused(*inputs: TensorSpec, **arrays: np.ndarray) -> str:
    """What is said of arrays that do not fit."""
    with pytest.raises(SamplesError) as caught:
        fit(*inputs, **arrays)
    return str(caught.value)


class TestAxes:
    STATES = values(2, COUNT, 4)

    @pytest.mark.parametrize(
        "form",
        [STATES, STATES.transpose(1, 0, 2), STATES.transpose(1, 0, 2)[:, :, np.newaxis]],
        ids=["as in a call", "sample first", "whole"],
    )
    def test_a_state_in_any_form_is_the_same_samples(self, form):
        fitted = fit(X, STATE, x=values(COUNT, 5), state=form)
        assert fitted.count == COUNT
        assert fitted.batch_axes == {"x": 0, "state": 1}
        np.testing.assert_array_equal(fitted.take([3, 1])["state"], self.STATES.transpose(1, 0, 2)[[3, 1]])
        assert fitted.notes == ()

    def test_one_state_is_every_samples(self):
        fitted = fit(X, STATE, x=values(COUNT, 5), state=values(2, 1, 4))
        assert fitted.batch_axes["state"] == 1
        np.testing.assert_array_equal(fitted.take([7])["state"], values(1, 2, 4))
        assert fitted.notes == ("array 'state' has no sample axis: every call is given the same",)

    def test_states_of_a_fixed_batch_of_one(self):
        x, state = TensorSpec("x", "float32", (1, 5)), TensorSpec("state", "float32", (2, 1, 4))
        for form in (self.STATES, self.STATES.transpose(1, 0, 2)):
            fitted = fit(x, state, x=values(COUNT, 5), state=form)
            assert fitted.batch_axes == {"x": 0, "state": 1}
            assert fitted.take([0])["state"].shape == (1, 2, 4)
        whole = fit(x, state, x=values(COUNT, 1, 5), state=values(COUNT, 2, 1, 4))
        assert whole.batch_axes == {"x": None, "state": None}

    @pytest.mark.parametrize("given", [(96, 40), (96, 1, 40)])
    def test_a_free_length_behind_a_batch_fixed_at_one_counts_no_samples(self, given):
        found = fit(TensorSpec("tokens", "float32", (1, "length")), tokens=values(*given))
        assert (found.count, found.take([95])["tokens"].shape) == (96, (1, 1, 40))
        assert found.batch_axes == {"tokens": None}

    def test_a_batch_under_another_name_on_another_axis(self):
        state = TensorSpec("state", "float32", (2, "state_1", 4))
        assert fit(X, state, x=values(COUNT, 5), state=self.STATES).batch_axes == {"x": 0, "state": 1}

    def test_time_first(self):
        spec = TensorSpec("x", "float32", ("time", "batch", 3))
        fitted = fit(spec, x=values(6, COUNT, 3))
        assert (fitted.count, fitted.batch_axes) == (COUNT, {"x": 1})
        assert fitted.take([2])["x"].shape == (1, 6, 3)

    def test_a_mask_once_or_once_a_sample(self):
        once = fit(X, MASK, x=values(COUNT, 5), mask=values(5, 5))
        each = fit(X, MASK, x=values(COUNT, 5), mask=np.stack([values(5, 5)] * COUNT))
        for fitted in (once, each):
            assert fitted.batch_axes == {"x": 0, "mask": None}
            np.testing.assert_array_equal(fitted.take([8])["mask"], values(1, 5, 5))
        assert each.notes == ()
        assert "array 'mask' has no sample axis" in once.notes[0]

    def test_a_mask_that_is_as_long_as_there_are_samples_is_still_a_mask(self):
        x = TensorSpec("x", "float32", ("batch", "time", 3))
        mask = TensorSpec("mask", "float32", ("time", "time"))
        fitted = fit(x, mask, x=values(7, 7, 3), mask=values(7, 7))
        assert fitted.batch_axes == {"x": 0, "mask": None}

    @pytest.mark.parametrize("given", [values(COUNT), np.float32(2)])
    def test_a_scalar_once_or_once_a_sample(self, given):
        fitted = fit(X, HEAT, x=values(COUNT, 5), heat=np.asarray(given))
        assert fitted.batch_axes == {"x": 0, "heat": None}
        assert fitted.take([0, 1])["heat"].shape == (2,)

    @pytest.mark.parametrize("given", [values(COUNT), values(COUNT, 1), values(1)])
    def test_a_vector_of_one_beside_a_batch(self, given):
        fitted = fit(X, TensorSpec("heat", "float32", (1,)), x=values(COUNT, 5), heat=given)
        assert fitted.batch_axes == {"x": 0, "heat": None}
        assert fitted.take([0, 1])["heat"].shape == (2, 1)

    def test_a_support_set_of_another_size_is_a_constant(self):
        other = TensorSpec("support", "float32", ("entries", 5))
        fitted = fit(X, other, x=values(COUNT, 5), support=values(4, 5))
        assert fitted.batch_axes == {"x": 0, "support": None}
        assert fit(X, other, x=values(COUNT, 5), support=values(COUNT, 5)).batch_axes["support"] == 0

    def test_labels_decide_how_many_samples_there_are(self):
        spec = TensorSpec("x", "float32", ("time", "batch", 3))
        labels = np.zeros(6, np.int64)
        assert fit(spec, labels=labels, x=values(6, COUNT, 3)).batch_axes == {"x": 1}
        assert fit(spec, labels=labels, x=values(6, COUNT, 3)).count == 6

    def test_where_axes_are_ambiguous_the_candidates_and_the_option_are_named(self):
        spec = TensorSpec("x", "float32", ("s0", "s1", 3))
        with pytest.raises(SamplesError) as caught:
            fit(spec, labels=np.zeros(COUNT, np.int64), x=values(6, COUNT, 3))
        assert "x: 6, labels: 9" in str(caught.value)
        said = "if the batch of 'x' is s0 or s1: call it batch in --input 'x:float32[s0,s1,3]'"
        assert caught.value.hint == said

    def test_a_guess_among_free_axes_is_told_with_the_option_that_decides(self):
        spec = TensorSpec("x", "float32", ("rows", "steps", 3))
        told = "samples of 'x' are stacked along 'rows'; if it is 'steps': --input 'x:float32[rows,batch,3]'"
        assert fit(spec, x=values(COUNT, 4, 3)).notes == (told,)

    @pytest.mark.parametrize("shape", [("batch", "steps", 3), ("steps", "batch", 3), ("rows", 4, 3)])
    def test_an_axis_that_is_called_batch_or_the_only_one_is_no_guess(self, shape):
        assert fit(TensorSpec("x", "float32", shape), x=values(COUNT, 4, 3)).notes == ()

    def test_an_array_without_a_sample_axis_is_told_which_axes_it_may_have_lost(self):
        spec = TensorSpec("x", "float32", ("rows", "steps", 3))
        said = "if the batch of 'x' is rows or steps: call it batch in --input 'x:float32[rows,steps,3]'"
        assert said in refused(spec, x=values(4, 3))

    def test_inputs_without_a_common_free_axis_name_theirs(self):
        left, right = TensorSpec("x", "float32", ("t", 4)), TensorSpec("y", "float32", (4, "u"))
        said = refused(left, right, x=values(6, 5, 4), y=values(COUNT, 4, 6))
        assert "the free axes are 't' of 'x' and 'u' of 'y'" in said
        assert "--input 'x:float32[batch,4]'" in said

    def test_only_constants_are_no_samples(self):
        assert "different numbers of samples" in refused(HEAT, heat=np.float32(1))

    def test_to_fit_twice_is_to_fit_once(self):
        state = TensorSpec("state", "float32", (2, "batch", 4))
        once = fit(X, state, x=values(2, 5), state=values(2, 2, 4))
        twice = fit_samples(once, (state, X))
        assert list(twice.arrays) == ["state", "x"]
        np.testing.assert_array_equal(twice.take([1])["state"], once.take([1])["state"])


class TestNames:
    def test_one_array_is_the_only_inputs_whatever_it_is_called(self):
        fitted = fit(X, images=values(COUNT, 5))
        assert list(fitted.arrays) == ["x"]
        assert fitted.notes == ("array 'images' is taken for the only input, 'x'",)

    def test_arrays_without_names_are_taken_in_order(self):
        fitted = fit(X, STATE, arr_1=values(2, COUNT, 4), arr_0=values(COUNT, 5))
        assert {name: rows.shape for name, rows in fitted.arrays.items()} == {
            "x": (COUNT, 5),
            "state": (COUNT, 2, 4),
        }
        assert fitted.notes == ("arrays without names, in order: arr_0 is 'x', arr_1 is 'state'",)

    def test_eleven_of_them_are_in_the_order_of_their_numbers(self):
        specs = [TensorSpec(f"i{n}", "float32", ("batch", n + 1)) for n in range(11)]
        arrays = {f"arr_{n}": values(COUNT, n + 1) for n in sorted(range(11), key=str)}
        assert [rows.shape[1] for rows in fit(*specs, **arrays).arrays.values()] == list(range(1, 12))

    def test_too_few_of_them_are_refused(self):
        assert "lack x, state and have arr_0" in refused(X, STATE, arr_0=values(COUNT, 5))


class TestTypes:
    @pytest.mark.parametrize("dtype", ["float16", "uint8", "int64", "bool", "float64"])
    def test_what_a_float32_can_hold_is_cast(self, dtype):
        given = (values(COUNT, 5) % 2).astype(dtype)
        fitted = fit(X, x=given)
        assert fitted.arrays["x"].dtype == np.float32
        np.testing.assert_array_equal(fitted.take(range(COUNT))["x"], given.astype(np.float32))
        assert fitted.notes == (f"array 'x' is {dtype} and was cast to float32: nothing is lost",)

    def test_fractions_of_float64_are_rounded_and_that_is_said(self):
        given = np.random.default_rng(0).normal(size=(COUNT, 5))
        fitted = fit(X, x=given)
        np.testing.assert_array_equal(fitted.take([4])["x"], given[[4]].astype(np.float32))
        assert fitted.notes == ("array 'x' is float64 and was cast to float32: fractions are rounded",)

    def test_integers_that_fit_are_cast(self):
        ids = TensorSpec("x", "int32", ("batch", 5))
        assert fit(ids, x=values(COUNT, 5).astype(np.int64)).take([1])["x"].dtype == np.int32
        assert fit(ids, x=values(COUNT, 5).astype(np.float64)).take([1])["x"].tolist() == [[5, 6, 7, 8, 9]]

    @pytest.mark.parametrize(
        ("dtype", "lost"),
        [
            ("float32", np.float64(1e300)),
            ("float32", np.int64(2**24 + 1)),
            ("float32", np.float64(2**24 + 1)),
            ("int32", np.int64(2**31)),
            ("int64", np.float32(0.5)),
            ("bool", np.int64(2)),
            ("uint8", np.int64(-1)),
        ],
    )
    def test_what_would_be_lost_is_refused_by_its_place(self, dtype, lost):
        given = np.zeros((COUNT, 5), lost.dtype)
        given[6, 1] = lost
        said = refused(TensorSpec("x", dtype, ("batch", 5)), x=given)
        assert f"array 'x' is {lost.dtype}, the model takes {dtype}" in said
        assert "in sample 6" in said
        assert f".astype('{dtype}')" in said


class TestImages:
    FIRST, LAST = (
        TensorSpec("x", "float32", ("batch", 3, 8, 6)),
        TensorSpec("x", "float32", ("batch", 8, 6, 3)),
    )
    IMAGES = values(COUNT, 8, 6, 3)

    @pytest.mark.parametrize(
        ("spec", "given", "order"),
        [
            (FIRST, IMAGES, "channels-last"),
            (LAST, np.moveaxis(IMAGES, -1, 1), "channels-first"),
            (TensorSpec("x", "float32", (3, 8, 6)), IMAGES, "channels-last"),
            (TensorSpec("x", "float32", (1, 3, 8, 6)), IMAGES[:, np.newaxis], "channels-last"),
            (TensorSpec("x", "float32", ("batch", 3, 8)), values(COUNT, 8, 3), "channels-last"),
        ],
    )
    def test_the_transpose_is_offered_by_name_and_does_it(self, spec, given, order):
        said = refused(spec, x=given)
        assert said.startswith(f"array 'x' has shape {list(given.shape)}, the model takes [")
        assert f"--set sampling.axis_order={order}" in said
        fitted = fit(spec, x=given, axis_order=order)
        taken = fitted.take([2])["x"]
        back = np.moveaxis(taken, -1, 1) if order == "channels-first" else taken
        wanted = np.moveaxis(given[2], -1, given.ndim - 4 if given.ndim > 3 else 0)
        if order == "channels-last":
            np.testing.assert_array_equal(taken[0], wanted)
        else:
            np.testing.assert_array_equal(back, given[[2]])
        assert fitted.notes == (f"array 'x' is {order} and was transposed for the model",)

    def test_what_fits_already_is_not_transposed(self):
        spec = TensorSpec("x", "float32", ("batch", 3, "height", 3))
        fitted = fit(spec, x=values(COUNT, 3, 3, 3), axis_order="channels-last")
        np.testing.assert_array_equal(fitted.take([0])["x"], values(1, 3, 3, 3))
        assert fitted.notes == ()


def test_inputs_that_only_the_samples_tell():
    arrays = {"x": values(COUNT, 5), "state": values(COUNT, 4), "mask": values(5, 5), "heat": np.float32(1)}
    assert specs_from_arrays(arrays, np.zeros(COUNT, np.int64)) == (
        X,
        TensorSpec("state", "float32", ("batch", 4)),
        TensorSpec("mask", "float32", (5, 5), batch_axis=None),
        TensorSpec("heat", "float32", (), batch_axis=None),
    )
    with pytest.raises(SamplesError, match="--input"):
        specs_from_arrays({"x": values(COUNT, 5), "mask": values(5, 5)})
