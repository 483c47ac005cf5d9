"""A bundle is compared as the run that it was made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from convertkit.errors import UsageError
from convertkit.recipe import Recipe
from convertkit.report.difference import Allowed
from convertkit.verbs.compare import compare_any


def test_a_bundle_beside_its_run_and_beside_itself(whole: Path) -> None:
    for before, after in ((whole.parent / "run", whole), (whole, whole)):
        found = compare_any(before, after, Recipe(), Allowed())
        assert not found.regressions
        assert found.environment == {}


def test_an_artifact_beside_a_bundle_is_refused(whole: Path) -> None:
    with pytest.raises(UsageError, match="is no run, and the other one is"):
        compare_any(whole, whole.parent / "run" / "model.tflite", Recipe(), Allowed())
