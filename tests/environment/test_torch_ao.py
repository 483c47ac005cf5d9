"""The deprecation of torch.ao: said once a run, by version, and not where PT2E serves."""

import pytest

from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.environment import torch_ao
from convertkit.environment.torch_ao import deprecation_note, deprecation_notes
from convertkit.plan import plan
from convertkit.recipe import decode_recipe

TARGETS = [Variant(Format.TORCH, precision) for precision in (Precision.INT8, Precision.INT8_DYNAMIC)]


def notes(targets, **stages):
    recipe = decode_recipe({"stages": stages}, "test")
    return deprecation_notes(plan(Variant(Format.TORCH), targets), recipe)


@pytest.mark.parametrize("version", ["2.13.0", "2.14.1", "unknown"])
def test_a_known_version_works(version):
    assert f"works through PyTorch 2.14 (this is {version})" in deprecation_note(version)


@pytest.mark.parametrize("version", ["2.15.0", "3.0.0a0"])
def test_a_newer_version_points_to_pt2e(version):
    assert f"this is {version}; --backend pt2e" in deprecation_note(version)


def test_it_is_said_once_for_two_hops(monkeypatch):
    monkeypatch.setattr(torch_ao, "find_version", lambda row: "2.13.0+cpu")
    (said,) = notes(TARGETS)
    assert "this is 2.13.0)" in said


def test_it_is_not_said_where_nothing_rests_on_it():
    pt2e = {"backend": "pt2e"}
    assert notes(TARGETS, torch_to_torch_fx=pt2e, torch_to_torch_dynamic=pt2e) == ()
    assert notes([Variant(Format.ONNX)]) == ()
