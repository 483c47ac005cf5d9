"""Attention is told from a softmax at the end, and from one that weighs constants."""

import pytest

from convertkit.graphs.attention import has_attention
from convertkit.graphs.heads import Step

SCORES = Step("BATCH_MATMUL", ("q", "k"), ("scores",))
SHARES = Step("SOFTMAX", ("scores",), ("shares",))
TURNED = Step("RESHAPE", ("shares", "shape"), ("turned",))
WEIGHTED = Step("FULLY_CONNECTED", ("turned", "w"), ("more",))
MIXED = Step("BATCH_MATMUL", ("turned", "v"), ("mixed",))


def test_attention():
    assert has_attention([SCORES, SHARES, TURNED, MIXED], ["shape"])
    assert has_attention([Step("Softmax", ("a",), ("b",)), Step("MatMul", ("b", "v"), ("c",))], [])


@pytest.mark.parametrize(
    "steps",
    [
        [Step("FULLY_CONNECTED", ("x", "w"), ("scores",)), SHARES],
        [SHARES, TURNED, WEIGHTED, Step("BATCH_MATMUL", ("more", "v"), ("y",))],
        [SCORES, MIXED],
        [SHARES, TURNED, Step("BATCH_MATMUL", ("turned", "w"), ("expected",))],  # of a distribution
    ],
)  # fmt: skip
def test_no_attention(steps):
    assert not has_attention(steps, ["w", "shape"])
