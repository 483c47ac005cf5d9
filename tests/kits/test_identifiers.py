"""Names of models and tensors as code takes them."""

from __future__ import annotations

import keyword

import pytest

from convertkit.kits.identifiers import RESERVED, camel, identifier, package, pascal, variables


@pytest.mark.parametrize(
    ("name", "plain"), [("a-b c", "a_b_c"), ("3d", "_3d"), ("größe", "gr_e"), ("", "model"), ("a__b", "a__b")]
)
def test_names_of_models(name: str, plain: str) -> None:
    assert identifier(name) == plain


def test_a_variable_is_no_word_of_a_language_and_no_other_tensors() -> None:
    assert variables(["123", "in", "x.y", "x y", "x_y_2", "画像", "マスク"]) == (
        "tensor_123", "in_tensor", "x_y", "x_y_2", "x_y_2_2", "model", "model_2",
    )  # fmt: skip
    assert {word for word in keyword.kwlist if word.islower()} <= RESERVED


def test_types_and_packages_begin_with_a_letter() -> None:
    assert (camel("class_scores"), pascal("_2d_model"), pascal("x")) == ("classScores", "Model2dModel", "X")
    assert [package(name) for name in ("_9_x", "Object", "My_Net")] == ["model_9_x", "object_model", "my_net"]
