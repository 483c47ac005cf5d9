"""The models of the table: what they are given, and that the seed's are all there."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from convertkit.errors import UsageError
from convertkit.frameworks.references import REFERENCES, Reference, chosen
from convertkit.samples.inputs import parse_input
from tests.conftest import ROOT


def test_every_model_can_be_built_and_no_other() -> None:
    tree = ast.parse((ROOT / "convertkit" / "references" / "models.py").read_text(encoding="utf-8"))
    tables = [node for node in tree.body if isinstance(node, ast.AnnAssign)]
    (builders,) = [
        node.value for node in tables if isinstance(node.target, ast.Name) and node.target.id == "BUILDERS"
    ]
    assert isinstance(builders, ast.Dict)
    assert [key.value for key in builders.keys if isinstance(key, ast.Constant)] == [
        each.name for each in REFERENCES
    ]


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.name)
@pytest.mark.parametrize("is_small", [True, False], ids=["small", "whole"])
def test_samples_are_what_the_inputs_say(reference: Reference, is_small: bool) -> None:
    specs = {spec.name: spec for spec in map(parse_input, reference.options(is_small=is_small))}
    samples = reference.samples(2, is_small=is_small)
    assert {name: (values.dtype.name, values.shape[1:]) for name, values in samples.items()} == {
        name: (spec.dtype, spec.shape[1:]) for name, spec in specs.items()
    }
    assert all(spec.shape[0] == "batch" for spec in specs.values())
    again = reference.samples(2, is_small=is_small)
    assert all(np.array_equal(samples[name], again[name]) for name in samples)


def test_tokens_stay_below_the_number_of_words() -> None:
    (gpt2,) = chosen(["gpt2"])
    assert 100 < gpt2.samples(8, is_small=False)["input_ids"].max() < 50_257
    assert gpt2.samples(8, is_small=True)["input_ids"].max() < 100


def test_models_are_chosen_by_name_in_the_table_s_order() -> None:
    assert [each.name for each in chosen(["gpt2", "mlp"])] == ["mlp", "gpt2"]
    assert chosen([]) == REFERENCES
    with pytest.raises(UsageError, match="no model 'resnet50'") as raised:
        chosen(["resnet50"])
    assert "resnet-50" in raised.value.hint
