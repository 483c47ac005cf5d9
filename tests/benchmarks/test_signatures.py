"""A tenth of the corpus of signatures, and what its judge says of artifacts that are wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Lab

pytestmark = pytest.mark.slow
A_TENTH = [
    ("late-batch", "torchscript"),
    ("optional", "state-dict"),
    ("bound", "pt2"),
    ("named", "onnx"),
    ("numbers", "pt2"),
]


@pytest.mark.parametrize(("name", "kind"), A_TENTH)
def test_it_ships_and_is_the_source_at_other_sizes(lab: Lab, tmp_path: Path, name: str, kind: str) -> None:
    from benchmarks.signatures_models import BY_NAME
    from benchmarks.signatures_try import try_case

    rows = try_case(BY_NAME[name], kind, lab.workers, tmp_path)
    assert [(row.precision, row.outcome) for row in rows] == [("float32", "right"), ("int8", "right")], rows


def test_every_model_is_there_once_and_there_are_enough() -> None:
    from benchmarks.signatures_models import BY_NAME, CASES

    assert len(BY_NAME) == len(CASES) >= 40


def test_the_judge_tells_what_is_wrong() -> None:
    from benchmarks.signatures_try import sqnr_db

    values = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    assert sqnr_db(values, values) == 200.0
    assert sqnr_db(values, values[::-1]) < 8
    assert sqnr_db(values, values[:, :4]) == -np.inf
    assert sqnr_db(values, np.full_like(values, np.nan)) == -np.inf
    assert sqnr_db(np.arange(4), np.arange(4) + 1) < 8
