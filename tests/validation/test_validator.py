"""What the validator decides by itself; its runs are in test_pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from convertkit.errors import NotMeasuredError
from convertkit.validation.validator import check_comparable


def test_a_source_without_a_finite_value_cannot_be_checked() -> None:
    good = np.ones((3, 2), np.float32)
    partly = good.copy()
    partly[0, 0] = np.nan
    check_comparable({"a": good, "b": partly})
    with pytest.raises(NotMeasuredError, match="'b' has no finite value") as caught:
        check_comparable({"a": good, "b": np.full((3, 2), np.nan)})
    assert caught.value.exit_code == 8
