"""Into which factors a reshape cuts its axes, and which of them have to move."""

from __future__ import annotations

import pytest

tf = pytest.importorskip("tensorflow")
from convertkit.lowering.geometry.factors import arranged, factors  # noqa: E402
from convertkit.lowering.sizes import Size, product, unknown  # noqa: E402

pytestmark = pytest.mark.slow


def size(name: str, value: int = 0) -> Size:
    return unknown(name, lambda: tf.constant(value))


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
