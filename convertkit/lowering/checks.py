"""What is refused before any work: broken graphs, unknown opsets, operators that are missing."""

from __future__ import annotations

import onnx
from onnx import checker, inliner

from convertkit.errors import ModelFileError, StageError
from convertkit.lowering.declare import LATEST_OPSET
from convertkit.lowering.engine import walk
from convertkit.lowering.faults import UnsupportedOperators, describe, first_line
from convertkit.lowering.registry import OPERATORS, find

DEFAULT_DOMAINS = ("", "ai.onnx")


def checked(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with all functions written out, fit to be lowered.

    Raises:
        ModelFileError: the graph fails onnx.checker, or its opset is newer than known.
        UnsupportedOperators: operators without a lowering; all are named.
    """
    opsets = opsets_of(model)
    if "" not in opsets:
        raise ModelFileError("the graph names no opset of the default ONNX domain")
    if opsets[""] > LATEST_OPSET:
        raise ModelFileError(f"opset {opsets['']} is newer than {LATEST_OPSET}, the newest one known")
    _check(model)
    model = expanded(model)
    _refuse_missing(model.graph, opsets_of(model))
    return model


def _check(model: onnx.ModelProto) -> None:
    try:
        checker.check_model(model)
    except checker.ValidationError as error:
        raise ModelFileError(f"the graph fails onnx.checker: {first_line(error)}") from error
    except ValueError as error:  # past 2 GiB a model cannot be serialized, nor checked in memory
        if "2GB" not in str(error) and "2GiB" not in str(error) and "exceed" not in str(error).lower():
            raise ModelFileError(f"the graph cannot be checked: {first_line(error)}") from error


def opsets_of(model: onnx.ModelProto) -> dict[str, int]:
    """Domain → version; the default domain is ''."""
    return {"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import}


def expanded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its functions, and operators that ONNX defines by others, written out."""
    if model.functions:
        model = inliner.inline_local_functions(model)
    names: set[str] = set()
    walk(model.graph, lambda node: names.add(node.op_type) if node.domain in DEFAULT_DOMAINS else None)
    opset = opsets_of(model)[""]
    defined = [name for name in sorted(names - set(OPERATORS)) if _is_function(name, opset)]
    if not defined:
        return model
    try:
        return inliner.inline_selected_functions(
            model, [("", name) for name in defined], inline_schema_functions=True
        )
    except Exception as error:
        raise StageError(f"cannot write out {', '.join(defined)}: {first_line(error)}") from error


def _is_function(name: str, opset: int) -> bool:
    try:
        schema = onnx.defs.get_schema(name, opset)
    except onnx.defs.SchemaError:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)


def _refuse_missing(graph: onnx.GraphProto, opsets: dict[str, int]) -> None:
    missing: dict[str, list[str]] = {}

    def visit(node: onnx.NodeProto) -> None:
        if find(node, opsets.get("" if node.domain in DEFAULT_DOMAINS else node.domain, 1)) is None:
            name = node.op_type if node.domain in DEFAULT_DOMAINS else f"{node.domain}::{node.op_type}"
            missing.setdefault(name, []).append(describe(node))

    walk(graph, visit)
    if missing:
        parts = [
            f"{name}: {', '.join(nodes[:4])}{' …' if len(nodes) > 4 else ''}"
            for name, nodes in sorted(missing.items())
        ]
        raise UnsupportedOperators("no lowering for " + "; ".join(parts))
