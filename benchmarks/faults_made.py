"""Model files made from bytes, as the tests of the sources make theirs; payloads run a command of ours."""

from __future__ import annotations

import importlib
import json
import sys
import types
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).resolve().parents[1] / "tests" / "sources"
COMMAND = "convertkit-canary"  # found on the PATH of those who run a payload; it leaves a file


def handmade_with_canary() -> types.ModuleType:
    """`handmade`, whose payloads run our command in place of one without effect."""
    module = types.ModuleType("handmade")
    text = (SOURCES / "handmade.py").read_text().replace('"false"', f'"{COMMAND}"')
    sys.modules["handmade"] = module
    exec(compile(text.replace("('false')", f"('{COMMAND}')"), "handmade.py", "exec"), module.__dict__)
    return module


sys.path.insert(0, str(SOURCES))
handmade: Any = handmade_with_canary()
handmade_savedmodel: Any = importlib.import_module("handmade_savedmodel")


def keras_file(*layers: dict[str, Any]) -> bytes:
    """A `.keras` file of these layers beside a plain one."""
    plain = {"module": "keras.layers", "class_name": "Dense", "config": {}, "registered_name": None}
    inner = {"layers": [plain, *layers]}
    config = {"module": "keras.src.models.functional", "class_name": "Functional", "config": inner}
    members = {
        "config.json": json.dumps(config | {"registered_name": None}).encode(),
        "model.weights.h5": b"",
    }
    made: bytes = handmade.zip_bytes(members)
    return made


def tflite_file() -> bytes:
    """A `.tflite` with buffers, two subgraphs, operators and a signature."""
    flat = importlib.import_module("tests.sources.flat")
    made: bytes = flat.flatbuffer(importlib.import_module("tests.sources.test_tflite").MODEL)
    return made
