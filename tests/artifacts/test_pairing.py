"""Which tensor of an artifact is which of another, by names, shapes and what is told by hand."""

from __future__ import annotations

import pytest

from convertkit.artifacts.pairing import MOST_WAYS, align, ways
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.errors import InputError, UsageError


def spec(name: str, *shape: int | str) -> TensorSpec:
    return TensorSpec(name, "float32", shape)


IMAGE = spec("image", "batch", 3, 16, 24)
LOGICAL = Signature((IMAGE,), (spec("boxes", "batch", 4), spec("scores", "batch", 4)))
PLAIN = Signature((spec("x", 1, 16, 24, 3),), (spec("b", 1, 4), spec("a", 1, 4)))


def keys(found: Signature) -> list[str]:
    return [each.runtime_name for each in found.outputs]


def test_names_that_are_shared_decide_whatever_the_order():
    found = Signature((IMAGE,), LOGICAL.outputs[::-1])
    assert [each.name for each in align(found, LOGICAL, "m").outputs] == ["boxes", "scores"]
    assert len(ways(found, LOGICAL, "m")) == 1


def test_without_names_every_order_is_a_way_the_position_first():
    every = ways(PLAIN, LOGICAL, "m")
    assert [keys(way) for way in every] == [["b", "a"], ["a", "b"]]
    assert {way.inputs[0].axis_order for way in every} == {(0, 2, 3, 1)}


def test_shapes_leave_one_way():
    logical = Signature((IMAGE,), (spec("boxes", "batch", 4), spec("scores", "batch", 9)))
    found = Signature((IMAGE,), (spec("p", 1, 9), spec("q", 1, 4)))
    assert [keys(way) for way in ways(found, logical, "m")] == [["q", "p"]]


def test_both_axis_orders_are_ways_where_the_sizes_do_not_tell():
    square = Signature((spec("x", 1, 8, 8, 8),), (spec("y", 1, 2),))
    assert [way.inputs[0].axis_order for way in ways(square, square, "m")] == [None, (0, 2, 3, 1)]


def test_what_is_told_by_hand_wins_over_names():
    found = Signature((IMAGE,), LOGICAL.outputs)
    names = {"boxes": "scores", "scores": "boxes"}
    assert keys(ways(found, LOGICAL, "m", names)[0]) == ["scores", "boxes"]


def test_one_pair_by_hand_settles_the_other():
    assert [keys(way) for way in ways(PLAIN, LOGICAL, "m", {"boxes": "a"})] == [["a", "b"]]


def test_many_tensors_of_one_shape_are_not_tried_without_end():
    many = [spec(f"o{i}", "batch", 4) for i in range(14)]
    other = [spec(f"p{i}", 1, 4) for i in range(14)]
    assert len(ways(Signature((IMAGE,), tuple(other)), Signature((IMAGE,), tuple(many)), "m")) == MOST_WAYS


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"bexes": "a"}, "the reference has no 'bexes'"),
        ({"boxes": "c"}, "m has no 'c'"),
    ],
)
def test_a_name_that_is_not_there_is_refused(names, said):
    with pytest.raises(UsageError, match=said):
        ways(PLAIN, LOGICAL, "m", names)


def test_what_does_not_fit_is_said_with_what_to_do():
    found = Signature((spec("x", 1, 16, 24, 4),), PLAIN.outputs)
    with pytest.raises(InputError, match=r"'x:float32\[1,16,24,4\]' does not fit") as caught:
        align(found, LOGICAL, "m")
    assert "--map A=B" in str(caught.value)


def test_a_name_that_others_share_is_missed():
    found = Signature((IMAGE,), (spec("boxes", 1, 4), spec("a", 1, 4)))
    with pytest.raises(InputError, match="m has no 'scores'") as caught:
        align(found, LOGICAL, "m")
    assert "--map scores=a" in str(caught.value)
