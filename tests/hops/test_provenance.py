"""Keys of the store, and the words for why a hop that was kept runs again."""

import msgspec
import pytest

from convertkit.hops.provenance import Provenance
from convertkit.storage.store import key_parts

PARTS = {
    "stage": "a_to_b",
    "target": "onnx:float32",
    "options": {"opset": 20},
    "source": "ff",
    "versions": {"onnx": "1.23.2", "torch": "2.13.0"},
    "code": "00",
}


def made(**changes):
    return Provenance({**PARTS, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"versions": {"onnx": "1.24.0", "torch": "2.13.0"}}, "onnx 1.23.2 → 1.24.0"),
        ({"versions": {"onnx": "1.23.2"}}, "torch 2.13.0 → not installed"),
        ({"code": "01"}, "convertkit's own code of it changed"),
        ({"signature": {"inputs": []}}, "the source's signature changed"),
        (
            {"code": "01", "versions": {"onnx": "1.24.0", "torch": "2.14.0"}},
            "convertkit's own code of it changed, onnx 1.23.2 → 1.24.0, torch 2.13.0 → 2.14.0",
        ),
    ],
)  # fmt: skip
def test_what_differs_is_said(changes, words):
    before, now = made(), made(**changes)
    assert now.line == before.line
    assert now.key != before.key
    assert now.since(before_parts(before)) == words


def before_parts(provenance):
    return key_parts(**provenance.parts)


def test_another_python_is_said(monkeypatch):
    before = before_parts(made())
    monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
    assert made().since(before).startswith("python 3.")
    assert made().since(before).endswith("→ 3.99.0")


def test_tuples_that_the_store_kept_as_lists_are_no_difference():
    shaped = {"options": {"exclude": ()}, "signature": {"inputs": ({"shape": ("batch", 8)},)}}
    kept = msgspec.json.decode(msgspec.json.encode(before_parts(made(**shaped))))
    assert made(**shaped).since(kept) == ""
    assert made(**shaped, code="01").since(kept) == "convertkit's own code of it changed"


@pytest.mark.parametrize("change", [{"source": "fe"}, {"options": {"opset": 18}}, {"target": "tflite:int8"}])
def test_another_source_or_option_is_another_line(change):
    assert made(**change).line != made().line
