"""Preprocessing that cannot be folded is refused before any worker starts."""

from __future__ import annotations

import pytest

from convertkit.errors import UsageError
from convertkit.run.prepare import check_foldable, target_variants
from convertkit.words import worded_recipe


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"to": "torch:int8", "samples": "x.npz"}, "torch:int8 cannot have its preprocessing folded"),
        ({"to": "onnx"}, "no samples were given"),
    ],
)
def test_what_cannot_be_folded_at_all(words: dict[str, str], said: str) -> None:
    recipe = worded_recipe(fold_preprocessing=True, **words)  # type: ignore[arg-type]
    assert recipe.sampling.fold_preprocessing
    with pytest.raises(UsageError, match=said):
        check_foldable(target_variants(recipe), recipe)
    plain = worded_recipe(**words)  # type: ignore[arg-type]
    check_foldable(target_variants(plain), plain)
