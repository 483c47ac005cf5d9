"""Which operators a TFLite file has, by the schema that ships within TensorFlow, which is not imported."""

from __future__ import annotations

import importlib.util
from collections import Counter
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

SCHEMA = "lite/python/schema_py_generated.py"


@cache
def schema() -> ModuleType | None:
    """The schema's classes, without the five seconds that TensorFlow takes; None where it is not there."""
    found = importlib.util.find_spec("tensorflow")
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        file = Path(folder) / SCHEMA
        spec = importlib.util.spec_from_file_location("convertkit_tflite_schema", file)
        if file.is_file() and spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return None


def count_operators(content: bytes) -> Counter[str]:
    """Operator → how often it stands in all subgraphs; empty where the schema is not there."""
    known = schema()
    if known is None:
        return Counter()
    model: Any = known.ModelT.InitFromPackedBuf(content, 0)
    words = {value: name for name, value in vars(known.BuiltinOperator).items() if isinstance(value, int)}
    names = [name_of(code, words, known.BuiltinOperator.CUSTOM) for code in model.operatorCodes or ()]
    return Counter(names[op.opcodeIndex] for graph in model.subgraphs for op in graph.operators or ())


def name_of(code: Any, words: dict[int, str], custom: int) -> str:
    """An operator code's name; a custom one's own name."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return str(code.customCode.decode(errors="replace")) if number == custom else words[number]
