"""The cases of ONNX's backend suite, which of them count, and ONNX's own comparison."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner

SUITES = ("node", "simple", "pytorch-operator", "pytorch-converted")
RANDOM = {
    "Bernoulli",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Multinomial",
}


@dataclass(frozen=True)
class Case:
    """One case of the suite.

    Attributes:
        sets: pairs of inputs and expected outputs.
        excluded: why it is not counted, empty where it is.
    """

    suite: str
    name: str
    model: onnx.ModelProto
    sets: list[tuple[list[Any], list[Any]]]
    rtol: float
    atol: float
    excluded: str


def cases() -> list[Case]:
    """All cases of the installed wheel, in a fixed order."""
    found = []
    for suite in SUITES:
        for test in load_model_tests(kind=suite):
            model = test.model or onnx.load(os.path.join(test.model_dir, "model.onnx"))
            found.append(
                Case(suite, test.name, model, _sets(test), test.rtol, test.atol, reason(test.name, model))
            )
    return found


def _sets(test: Any) -> list[tuple[list[Any], list[Any]]]:
    if test.data_sets is not None:
        return [([_array(x) for x in ins], [_array(x) for x in outs]) for ins, outs in test.data_sets]
    folders = sorted(Path(test.model_dir).glob("test_data_set_*"))
    return [(_files(folder, "input"), _files(folder, "output")) for folder in folders]


def _files(folder: Path, kind: str) -> list[Any]:
    paths = sorted(folder.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.split("_")[1]))
    return [numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes())) for path in paths]


def _array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def reason(name: str, model: onnx.ModelProto) -> str:
    """Why a case is outside the lowering's scope, empty where it is inside."""
    kinds = {value.type.WhichOneof("value") for value in [*model.graph.input, *model.graph.output]}
    types = element_types(model)
    operators = _operators(model.graph)
    domains = {domain for domain, _ in operators} - {"", "ai.onnx"}
    names = {operator for _, operator in operators}
    if domains:
        return f"domain {', '.join(sorted(domains))}"
    for word in ("Sequence", "Optional"):
        is_used = any(word in operator for operator in names - {"ReverseSequence"})
        if is_used or f"{word.lower()}_type" in kinds:
            return f"{word.lower()} types"
    if kinds - {"tensor_type"}:
        return "other types than tensors"
    if "STRING" in types or any("String" in operator or operator == "RegexFullMatch" for operator in names):
        return "strings"
    if names & RANDOM or "bernoulli" in name:
        return "random numbers"
    if "training" in name and names & {"Dropout", "BatchNormalization"}:
        return "training mode"
    return ""


def element_types(model: onnx.ModelProto) -> set[str]:
    return {
        onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)
        for value in [*model.graph.input, *model.graph.output]
    }


def _operators(graph: onnx.GraphProto) -> set[tuple[str, str]]:
    found = set()
    for node in graph.node:
        found.add((node.domain, node.op_type))
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                found |= _operators(attribute.g)
    return found


def compared(case: Case, outputs: Any, expected: Any) -> None:
    """ONNX's own comparison: types, shapes, and its tolerances."""
    Runner.assert_similar_outputs(expected, list(outputs), case.rtol, case.atol, None)
