"""Which operators at the end of a graph have to stay float, on graphs of a few operators."""

import numpy as np
import pytest

from convertkit.graphs.heads import Step, mixed_head, span, spread, weightless_tail

BOXES, SCORES = Step("MUL", ("raw", "640"), ("boxes",)), Step("LOGISTIC", ("raw",), ("scores",))
BACKBONE = Step("CONV_2D", ("image", "kernel"), ("raw",))
JOINED = Step("CONCATENATION", ("boxes", "scores"), ("joined",))
TURNED = Step("TRANSPOSE", ("joined",), ("turned",))
APART = {"boxes": 640.0, "scores": 1.0}


def head_of(*steps, spans=None, **constants):
    """The numbers of the operators that have to stay float."""
    found = mixed_head(steps, APART if spans is None else spans, constants)
    return None if found is None else found.steps


def test_a_join_of_two_units_and_what_follows_it():
    head = mixed_head([BACKBONE, BOXES, SCORES, JOINED, TURNED], APART, {})
    assert head.steps == (3, 4)
    assert head.first == "joined"
    assert head.ratio == 640
    assert head.describe() == (
        "2 operators from 'joined' on stay float: a part there has a range 640 times as wide as another"
    )


@pytest.mark.parametrize(
    ("widest", "is_apart"), [(16.0, False), (16.1, True), (0.0624, True), (0.0626, False)]
)
def test_a_factor_of_sixteen_decides(widest, is_apart):
    found = head_of(BACKBONE, BOXES, SCORES, JOINED, spans={"boxes": widest, "scores": 1.0})
    assert (found is not None) == is_apart


def test_a_join_that_weights_follow_stays_as_it_is():
    after = Step("FULLY_CONNECTED", ("turned", "weights"), ("logits",))
    assert head_of(BACKBONE, BOXES, SCORES, JOINED, TURNED, after) is None


def test_a_join_is_kept_whole_where_weights_follow_one_of_its_readers():
    after = Step("Conv", ("turned", "weights"), ("more",))
    aside = Step("RESHAPE", ("joined",), ("flat",))
    assert weightless_tail([BACKBONE, BOXES, SCORES, JOINED, TURNED, after, aside]) == [6]
    assert head_of(BACKBONE, BOXES, SCORES, JOINED, TURNED, after, aside) is None


def test_operators_beside_the_head_are_integers():
    aside = Step("LOGISTIC", ("raw",), ("other",))
    assert head_of(BACKBONE, BOXES, SCORES, JOINED, aside, TURNED) == (3, 5)


def test_a_part_of_zeros_has_no_unit():
    assert head_of(BACKBONE, BOXES, SCORES, JOINED, spans={"boxes": 640.0, "scores": 0.0}) is None


def test_what_has_no_range_does_not_count():
    chosen = Step("SELECT_V2", ("condition", "boxes", "scores"), ("chosen",))
    assert head_of(BACKBONE, BOXES, SCORES, chosen) == (3,)
    assert head_of(BACKBONE, BOXES, SCORES, chosen, spans={"scores": 1.0}) is None


def test_a_product_with_a_vector_of_several_units():
    scaled = Step("MUL", ("raw", "deviations"), ("values",))
    shifted = Step("ADD", ("values", "means"), ("output",))
    apart = np.array([1000.0, 1.0, 0.0], np.float32)
    assert head_of(BACKBONE, scaled, shifted, deviations=apart) == (1, 2)
    assert head_of(BACKBONE, scaled, shifted, deviations=apart / apart[0] + 0.1) is None


@pytest.mark.parametrize(("root", "divide"), [("RSQRT", "MUL"), ("Sqrt", "Div")])
def test_the_scale_of_a_normalization_makes_no_units(root, divide):
    deviation = Step(root, ("variance",), ("deviation",))
    normalized = Step(divide, ("raw", "deviation"), ("normalized",))
    scaled = Step("MUL", ("normalized", "scale"), ("scaled",))
    shifted = Step("ADD", ("scaled", "shift"), ("output",))
    nearly_zero = np.array([1.0, 0.7, 1e-6], np.float32)
    assert head_of(BACKBONE, deviation, normalized, scaled, shifted, scale=nearly_zero) is None
    again = Step("MUL", ("output", "scale"), ("units",))
    assert head_of(BACKBONE, deviation, normalized, scaled, shifted, again, scale=nearly_zero) == (5,)


def test_a_scalar_has_one_unit():
    assert spread(np.float32([640.0])) == 1.0
    assert spread(np.zeros(3, np.float32)) == 1.0


def test_a_range_holds_zero():
    assert span(np.float32([3.0, 5.0])) == 5.0
    assert span(np.float32([-3.0, 5.0])) == 8.0
    assert span(np.float32([-3.0, -1.0])) == 3.0
