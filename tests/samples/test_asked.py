"""What is asked of the inputs: sizes that are fixed, names, bounds, constants; and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest

from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import UsageError
from convertkit.samples.asked import Asked, parse_bound
from convertkit.samples.examples import axis_sizes
from convertkit.samples.inputs import take_bounds
from convertkit.samples.reading import read_samples
from convertkit.samples.samples import Samples

X = TensorSpec("x", "float32", ("s0", 3, 48, "s1"))
RATE = TensorSpec("rate", "int64", ())
STATE = TensorSpec("state", "float32", (2, "s0", 8))
KNOWN = (X, RATE, STATE)


def shapes(asked: Asked) -> dict[str, tuple[int | str, ...]]:
    """The shape of each input."""
    return {spec.name: spec.shape for spec in asked.specs(KNOWN)}


class TestInputs:
    def test_names_and_sizes_take_the_place_of_the_files_own_in_every_input(self):
        asked = Asked.of(["x:float32[batch,3,48,320]"])
        assert shapes(asked) == {"x": ("batch", 3, 48, 320), "rate": (), "state": (2, "batch", 8)}

    def test_a_fixed_batch_is_fixed_in_every_input(self):
        assert shapes(Asked.of(["x:float32[4,3,48,width]"]))["state"] == (2, 4, 8)

    def test_outputs_follow(self):
        known = Signature(KNOWN, (TensorSpec("y", "float32", ("s0", "s1", 5)),))
        found = Asked.of(["x:float32[batch,3,48,320]"]).signature(known)
        assert found.outputs[0].shape == ("batch", 320, 5)

    def test_an_input_that_a_file_does_not_have_is_told_with_those_it_has(self):
        known = Signature(KNOWN, (TensorSpec("y", "float32", ("s0", 5)),))
        with pytest.raises(UsageError, match=r"the model has no input 'stat'.*state"):
            Asked.of(["stat:float32[2,batch,8]"]).signature(known)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("y:float32[1]", "the model has no input 'y'"),
            ("x:float32[batch,3,48]", "does not fit x:float32"),
            ("x:int64[batch,3,48,width]", "does not fit x:float32"),
            ("x:float32[batch,3,64,width]", "the model fixes that axis at 48"),
            ("x:float32[batch,3,height,width]", "the model fixes that axis at 48"),
        ],
    )
    def test_what_is_not_the_models_own_is_refused(self, text, said):
        with pytest.raises(UsageError) as caught:
            Asked.of([text]).specs(KNOWN)
        assert said in str(caught.value)

    def test_one_axis_has_one_name(self):
        with pytest.raises(UsageError, match="it is one axis"):
            Asked.of(["x:float32[batch,3,48,width]", "state:float32[2,other,8]"]).specs(KNOWN)

    def test_a_files_own_names_of_axes_stay_as_they_stand_in_it(self):
        known = (TensorSpec("x:0", "float32", ("p2o.Dim.0", 3, "p2o.Dim.1")),)
        asked = Asked.of(["x:0:float32[batch,3,p2o.Dim.1=16..64]"])
        assert asked.specs(known)[0].shape == ("batch", 3, "p2o.Dim.1")
        assert asked.ranges == {"p2o.Dim.1": (16, 64)}

    @pytest.mark.parametrize("known", [KNOWN, ()])
    def test_no_other_such_name_is_given_to_an_axis(self, known):
        with pytest.raises(UsageError, match="'p2o\\.Dim' is neither a size nor a name"):
            Asked.of(["x:float32[batch,3,48,p2o.Dim]"]).specs(known)

    def test_where_a_file_tells_nothing_what_is_told_counts(self):
        assert Asked.of(["a:float32[batch,3]"]).specs(()) == (TensorSpec("a", "float32", ("batch", 3)),)


class TestBounds:
    @pytest.mark.parametrize(
        ("text", "plain", "found"),
        [
            ("width=16..512", "width", {"width": (16, 512)}),
            ("x:float32[batch, 48, width = 16..]", "x:float32[batch, 48, width]", {"width": (16, None)}),
            ("x:float32[b=1..8,w=2..4]", "x:float32[b,w]", {"b": (1, 8), "w": (2, 4)}),
            ("x:float32[batch,3]", "x:float32[batch,3]", {}),
        ],
    )
    def test_they_stand_alone_or_in_an_input(self, text, plain, found):
        assert take_bounds(text) == (plain, found)

    @pytest.mark.parametrize("text", ["width=0..4", "width=5..4"])
    def test_no_size_at_all_is_refused(self, text):
        with pytest.raises(UsageError, match="holds no size"):
            take_bounds(text)

    def test_sizes_are_tried_within_them_and_within_the_files_own(self):
        asked = Asked.of(["x:float32[batch,3,48,width=16..40]"])
        inputs = asked.specs((X,))
        samples = Samples("file", "", {"x": np.zeros((9, 3, 48, 32), np.float32)})
        ranges = asked.limited({"s1": (20, 1000), "s0": (1, 3)}, (X,))
        assert ranges == {"width": (20, 40), "batch": (1, 3)}
        assert axis_sizes(inputs, samples, ranges) == {"batch": [1, 3], "width": []}
        wider = Asked.of(["width=16..64"]).limited({}, ())
        assert axis_sizes(inputs, samples, wider)["width"] == [48, 16, 64]

    def test_a_bound_of_no_axis_is_refused(self):
        with pytest.raises(UsageError, match=r"no free axis 'widht'.*the free axes are s0, s1"):
            Asked.of(["widht=16..64"]).check_bounds(Signature(KNOWN, ()))


class TestBind:
    def test_a_constant_takes_the_place_of_an_input(self, tmp_path):
        asked = Asked.of([], ["rate=16000"])
        inputs = asked.specs((X, RATE))
        assert [spec.is_bound for spec in inputs] == [False, True]
        np.savez(tmp_path / "s.npz", x=np.zeros((5, 3, 48, 8), np.float32))
        samples, fitted = read_samples(tmp_path / "s.npz", inputs, SampleOptions(), asked=asked)
        assert samples.take([0, 4])["rate"].tolist() == [16000, 16000]
        assert fitted[1].batch_axis is None
        assert "input 'rate' is bound: 16000 takes its place" in samples.notes

    def test_synthetic_samples_have_it_too(self):
        asked = Asked.of([], ["rate=8000"])
        samples, _ = read_samples(None, asked.specs((X, RATE)), SampleOptions(), asked=asked)
        assert set(samples.take([0, 1])["rate"].tolist()) == {8000}

    def test_one_number_fills_a_fixed_shape_and_a_list_a_free_one(self):
        scale = TensorSpec("scale", "float32", (2,))
        assert Asked.of([], ["scale=0.5"]).constant(scale).tolist() == [0.5, 0.5]
        free = TensorSpec("scale", "float32", ("n",))
        assert Asked.of([], ["scale=[1, 2, 3]"]).specs((free,))[0].shape == (3,)

    @pytest.mark.parametrize("bind", ["rate=0.5", "rate=[1, 2]", "x=1.5"])
    def test_what_does_not_fit_is_refused(self, bind):
        fixed = TensorSpec("x", "int64", (2, 2))
        with pytest.raises(UsageError, match="does not fit"):
            Asked.of([], [bind]).specs((fixed, RATE))

    @pytest.mark.parametrize("text", ["rate", "rate=", "=3", "rate=fast", "rate={a: 1}"])
    def test_what_is_no_binding_is_refused(self, text):
        with pytest.raises(UsageError, match="NAME=VALUE"):
            parse_bound(text)

    def test_where_a_file_tells_nothing_the_inputs_have_to_be_told(self):
        with pytest.raises(UsageError, match="does not tell its inputs"):
            Asked.of([], ["rate=1"]).specs(())
        assert Asked.of(["rate:int64[]"], ["rate=1"]).specs(())[0].is_bound

    def test_an_unknown_name_is_refused(self):
        with pytest.raises(UsageError, match=r"no input 'rat'.*did you mean 'rate'"):
            Asked.of([], ["rat=1"]).specs(KNOWN)


class TestStatic:
    SAMPLES = Samples(
        "file",
        "",
        {
            "x": np.zeros((9, 3, 48, 32), np.float32),
            "rate": np.zeros(9, np.int64),
            "state": np.zeros((9, 2, 8), np.float32),
        },
    )
    SIGNATURE = Signature(
        (X, RATE, TensorSpec("state", "float32", (2, "s0", 8), batch_axis=1)),
        (TensorSpec("y", "float32", ("s0", "s1")),),
    )

    @pytest.mark.parametrize(
        ("asked", "x", "state", "y"),
        [
            (Asked(batch=4), (4, 3, 48, "s1"), (2, 4, 8), (4, "s1")),
            (Asked(is_static=True), (1, 3, 48, 32), (2, 1, 8), (1, 32)),
            (Asked(is_static=True, batch=2), (2, 3, 48, 32), (2, 2, 8), (2, 32)),
            (Asked(), ("s0", 3, 48, "s1"), (2, "s0", 8), ("s0", "s1")),
        ],
    )
    def test_axes_are_fixed_in_inputs_and_outputs(self, asked, x, state, y):
        found = asked.settled(self.SIGNATURE, self.SAMPLES)
        assert (found.inputs[0].shape, found.inputs[2].shape, found.outputs[0].shape) == (x, state, y)
        assert found.inputs[2].batch_axis == 1


class TestOutputNames:
    known = Signature(
        (X,), (TensorSpec("boxes", "float32", (4,)), TensorSpec("scores", "float32", (5,), key="s"))
    )

    def test_they_are_taken_in_order_and_the_models_own_become_keys(self):
        found = Asked.of([], output_names=("scores", "b")).named(self.known)
        assert [(spec.name, spec.key) for spec in found.outputs] == [("scores", "boxes"), ("b", "s")]

    def test_names_that_stay_keep_their_keys(self):
        assert Asked.of([], output_names=("boxes", "scores")).named(self.known) == self.known

    def test_none_leave_all_as_it_is(self):
        assert Asked.of([]).named(self.known) is self.known

    @pytest.mark.parametrize(
        ("names", "said"),
        [
            (("a",), "--output-names has 1, the model gives 2: boxes, scores"),
            (("a", "b", "c"), "--output-names has 3, the model gives 2"),
            (("a", "a"), "'a' would be the name of two tensors"),
            (("a", "x"), "'x' would be the name of two tensors"),
            (("a", ""), "a name is empty"),
        ],
    )
    def test_what_cannot_be_is_refused_in_one_line(self, names, said):
        with pytest.raises(UsageError) as caught:
            Asked.of([], output_names=names).named(self.known)
        assert said in str(caught.value)
