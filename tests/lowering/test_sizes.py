"""Polynomials of sizes: what can be told at build time is told."""

from __future__ import annotations

import pytest

tf = pytest.importorskip("tensorflow")
from convertkit.lowering.geometry.factors import arranged, factors  # noqa: E402
from convertkit.lowering.shapes import broadcast  # noqa: E402
from convertkit.lowering.sizes import (  # noqa: E402
    Size,
    derived,
    divide,
    is_equal,
    product,
    reshape_target,
    scalar,
    unknown,
)

pytestmark = pytest.mark.slow


def size(name: str, value: int = 0) -> Size:
    return unknown(name, lambda: tf.constant(value))


def test_arithmetic_is_exact() -> None:
    batch = size("batch")
    assert batch * 12 - batch * 12 == 0
    assert divide(batch * 768, batch * 12) == 64
    assert divide(batch * 12, 12) == batch
    assert (batch + 1) * 2 == batch * 2 + 2
    assert 3 + batch == batch + 3
    assert 5 - (batch + 5) == -1 * batch
    assert (batch * 12) % 12 == 0


def test_equal_only_where_it_is_certain() -> None:
    batch, length = size("batch"), size("length")
    assert is_equal(batch, batch) is True
    assert is_equal(batch, length) is None
    assert is_equal(batch, 1) is None
    assert is_equal(batch, -1) is False
    assert is_equal(batch + 1, 0) is False
    assert is_equal(batch * 2, batch * 2 + 1) is False


def test_division_that_is_not_exact_is_a_size_of_its_own() -> None:
    height = size("height", 7)
    half = divide(height, 2)
    assert half == divide(height, 2)
    assert half != height
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        assert session.run(scalar(half * 3 + height)) == 16


def test_the_size_after_two_strided_convolutions_is_one_division() -> None:
    height = size("height", 21)
    once = divide(height + 2 - 3, 2) + 1
    twice = divide(once + 2 - 3, 2) + 1
    assert twice == divide(height - 1, 4) + 1
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        assert session.run(scalar(twice)) == 6


def test_derived_sizes_with_equal_arguments_are_equal() -> None:
    batch = size("batch", 4)
    first = derived("double", lambda value: value * 2, batch)
    assert first == derived("double", lambda value: value * 2, batch)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        assert session.run(scalar(first)) == 8


def test_the_only_unknown_size_of_a_reshape_is_minus_one() -> None:
    assert reshape_target([size("batch"), 12, 64]).tolist() == [-1, 12, 64]
    assert reshape_target([2, 3]).tolist() == [2, 3]


def test_a_size_of_zero_keeps_the_others_explicit() -> None:
    with tf.Graph().as_default():
        assert not hasattr(reshape_target([size("batch"), 0]), "tolist")


def test_broadcast() -> None:
    batch = size("batch")
    assert broadcast([(batch, 1, 4), (3, 1)], lambda axis: -1) == (batch, 3, 4)
    assert broadcast([(batch,), (size("other"),)], lambda axis: -7) == (-7,)
    with pytest.raises(ValueError, match="do not broadcast"):
        broadcast([(2,), (3,)], lambda axis: -1)


def test_product() -> None:
    assert product([2, size("batch"), 3]) == size("batch") * 6


@pytest.mark.parametrize(
    ("source", "target", "parts"),
    [
        ((2, 6, 5), (2, 2, 3, 5), (2, 2, 3, 5)),
        ((2, 3, 4), (2, 12), (2, 3, 4)),
        ((4, 6), (8, 3), (4, 2, 3)),
        ((2, 3), (2, 1, 3), (2, 3)),
        ((1, 7), (7,), (7,)),
    ],
)
def test_factors_of_a_reshape(
    source: tuple[int, ...], target: tuple[int, ...], parts: tuple[int, ...]
) -> None:
    found = factors(source, target)
    assert found is not None
    assert found.sizes == parts
    assert [product(parts[n] for n in axis) for axis in found.source] == list(source)
    assert [product(parts[n] for n in axis) for axis in found.target] == list(target)
    assert [n for axis in found.target for n in axis] == list(range(len(parts)))


def test_factors_with_a_free_size() -> None:
    batch = size("batch")
    found = factors((batch, 64, 16), (batch * 8, 8, 16))
    assert found is not None
    assert found.sizes == (batch, 8, 8, 16)
    assert found.target == ((0, 1), (2,), (3,))
    assert factors((batch, 8), (size("other"), 8)) is None
    assert factors((4, 3), (6, 2)) is None


def test_what_lies_together_does_not_move() -> None:
    split = factors((2, 12, 5, 7), (2, 3, 4, 5, 7))
    assert split is not None
    lying, wanted, order = arranged(split, (0, 2, 3, 1))
    assert lying == wanted
    assert order == (0, 3, 4, 1, 2)


def test_heads_joined_with_the_batch_move_once() -> None:
    joined = factors((5, 2, 64), (5, 8, 16))  # (length, batch, width) → (length, batch · heads, width)
    assert joined is not None
    lying, wanted, order = arranged(joined, (1, 0, 2))
    assert [joined.sizes[n] for n in lying] == [2, 5, 4, 16]
    assert [joined.sizes[n] for n in wanted] == [2, 4, 5, 16]
    assert order == (1, 0, 2)
