"""Keras files: told by their content, and refused where they would build more than plain layers."""

from __future__ import annotations

import json
from typing import Any

import handmade
import pytest
from conftest import Inspect

from convertkit.artifacts.formats import Format
from convertkit.errors import ModelFileError
from convertkit.sources import Kind
from convertkit.sources.keras_file import refusals_of


def layer(name: str, module: str = "keras.layers", **more: Any) -> dict[str, Any]:
    """A layer as a configuration names it."""
    return {"module": module, "class_name": name, "config": {}, "registered_name": None, **more}


def keras(*layers: dict[str, Any]) -> bytes:
    """A `.keras` file of these layers."""
    config = layer("Functional", "keras.src.models.functional", config={"layers": layers})
    return handmade.zip_bytes({"config.json": json.dumps(config).encode(), "model.weights.h5": b""})


def test_plain_layers_pass(inspect: Inspect) -> None:
    source = inspect(keras(layer("Dense")), "m.keras")
    assert (source.kind, source.format, source.refusals) == (Kind.KERAS, Format.KERAS, ())
    assert inspect(b"\x89HDF\r\n\x1a\n" + bytes(20), "m.h5").kind is Kind.KERAS


@pytest.mark.parametrize(
    ("strange", "name"),
    [
        (layer("Lambda"), "Lambda"),
        (layer("Mine", "my_package.layers"), "Mine"),
        (layer("system", "os"), "system"),
        (layer("Mine", "", registered_name="My>Mine"), "Mine"),
        (layer("Dense", config={"activation": layer("__lambda__")}), "__lambda__"),
        (layer("Dense", "kerasx.layers"), "Dense"),
        (layer("TFSMLayer"), "TFSMLayer"),
    ],
)
def test_what_is_no_plain_layer_is_a_reason_to_refuse(
    inspect: Inspect, strange: dict[str, Any], name: str
) -> None:
    source = inspect(keras(layer("Dense"), strange), "m.keras")
    assert source.refusals == (f"it is built of {name}, which are not plain layers of Keras",)


def test_a_legacy_configuration_has_no_modules() -> None:
    assert refusals_of({"class_name": "Sequential", "config": [{"class_name": "Dense"}]}) == ()
    assert refusals_of({"class_name": "Sequential", "config": [{"class_name": "Lambda"}]})


def test_what_only_has_the_name_is_told(inspect: Inspect) -> None:
    with pytest.raises(ModelFileError, match="no Keras file, although it is called one"):
        inspect(b"hello, this is text", "m.keras")
