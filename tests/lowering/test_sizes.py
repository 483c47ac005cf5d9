"""Polynomials of sizes: what can be told at build time is told."""

from __future__ import annotations

import pytest

tf = pytest.importorskip("tensorflow")
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
