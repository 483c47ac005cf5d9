"""Inputs, outputs and ranges of an exported program, from its JSON."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from convertkit.artifacts.signature import Dim, TensorSpec
from convertkit.sources.expressions import WORD
from convertkit.sources.source import Findings, Kind

DTYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "float32", 28: "uint16",
    29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz", 34: "uint32",
    35: "uint64",
}  # fmt: skip  # bfloat16 is given as float32: NumPy has none
SYMBOL = re.compile(r"Symbol\('(\w+)'[^()]*\)|\b([a-z]{1,4}_?\d+)\b")
INTEGER = re.compile(r"Integer\((-?\d+)\)")
SIGNS = {"Mul": "*", "Add": "+"}
BATCH = "batch"
MOST_MOVES = 8
ATEN = "torch.ops.aten."
MOVES = frozenset(
    ["to", "_to_copy", "view", "reshape", "flatten", "squeeze", "unsqueeze", "transpose", "permute", "slice"]
)
TRANSFORMERS = "transformers."
UNLIMITED = 2**62  # torch writes sys.maxsize and its neighbours for "no limit"


def describe_program(program: dict[str, Any], refusals: tuple[str, ...]) -> Findings:
    """Findings on an exported program that passed, or did not pass, its rules.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, IndexError: the JSON is not what torch writes.
    """
    module = program["graph_module"]
    graph, signature = module["graph"], module["signature"]
    arguments = [spec["user_input"]["arg"] for spec in signature["input_specs"] if "user_input" in spec]
    names = axis_names(arguments, graph)
    inputs = tuple(spec for spec in (to_spec(arg, graph, names) for arg in arguments) if spec is not None)
    specs = signature["output_specs"]
    results = [spec["user_output"]["arg"] for spec in specs if "user_output" in spec]
    return Findings(
        Kind.EXPORTED_PROGRAM,
        inputs=inputs if all(WORD.fullmatch(spec.name) for spec in inputs) else (),
        outputs=named_outputs(module, results, graph, names),
        input_names=tuple(spec.name for spec in inputs),
        refusals=refusals,
        ranges=ranges_of(program["range_constraints"], names, inputs),
        details={
            "torch": str(program["torch_version"]),
            "operators": str(len({node["target"] for node in graph["nodes"]})),
            "tensors": str(sum("user_input" not in spec for spec in signature["input_specs"])),
            **needed_imports(module),
        },
        limits=index_limits(graph),
    )


def index_limits(graph: dict[str, Any]) -> dict[str, int]:
    """Value → rows of the smallest table that it looks up in, through conversions of its type and shape."""
    made_from: dict[str, str] = {}
    limits: dict[str, int] = {}
    for node in graph["nodes"]:
        tensors = [one["arg"]["as_tensor"]["name"] for one in node["inputs"] if "as_tensor" in one["arg"]]
        operator = node["target"].removeprefix(ATEN).partition(".")[0]
        if operator in MOVES and len(tensors) == 1 and len(node["outputs"]) == 1:
            made_from[node["outputs"][0].get("as_tensor", {}).get("name", "")] = tensors[0]
        elif operator == "embedding" and len(tensors) == 2:
            table, name = graph["tensor_values"].get(tensors[0]), tensors[1]
            for _ in range(MOST_MOVES):  # a file may claim a circle
                name = made_from.get(name, name)
            rows = table["sizes"][0].get("as_int", 0) if table and table["sizes"] else 0
            if rows > 0:
                limits[name] = min(rows, limits.get(name, rows))
    return limits


def needed_imports(module: dict[str, Any]) -> dict[str, str]:
    """The package that must be imported before torch can load the program, under the key `imports`."""
    calls = [entry["signature"] for entry in module["module_call_graph"] if entry["signature"]]
    trees = [str(call[side]) for call in calls for side in ("in_spec", "out_spec")]
    return {"imports": "transformers"} if any(f'"{TRANSFORMERS}' in tree for tree in trees) else {}


def axis_names(arguments: list[Any], graph: dict[str, Any]) -> dict[str, str]:
    """Symbol → axis name: `batch` where one symbol alone stands on axis 0, else the symbol itself.

    A symbol that stands twice in one input is a length: of a mask [time, time].
    """
    first: set[str] = set()
    lengths: set[str] = set()
    for argument in arguments:
        meta = meta_of(argument, graph)
        sizes = meta["sizes"] if meta else []
        if sizes and "as_expr" in sizes[0]:
            first |= symbols_in(sizes[0]["as_expr"]["expr_str"])
        symbols = [s for size in sizes if "as_expr" in size for s in symbols_in(size["as_expr"]["expr_str"])]
        lengths |= {symbol for symbol in symbols if symbols.count(symbol) > 1}
    first -= lengths
    return dict.fromkeys(first, BATCH) if len(first) == 1 else {}


def meta_of(argument: Any, graph: dict[str, Any]) -> Any:
    """The tensor meta of an argument; None where it is no tensor."""
    return graph["tensor_values"][argument["as_tensor"]["name"]] if "as_tensor" in argument else None


def symbols_in(expression: str) -> set[str]:
    """The symbols that an expression names."""
    return {quoted or bare for quoted, bare in SYMBOL.findall(expression)}


def to_spec(argument: Any, graph: dict[str, Any], names: dict[str, str], name: str = "") -> TensorSpec | None:
    """The spec of a graph argument; None for constants, which are no inputs of a converted model."""
    meta = meta_of(argument, graph)
    if meta is not None:
        shape = tuple(to_dim(size, names) for size in meta["sizes"])
        return TensorSpec(name or argument["as_tensor"]["name"], DTYPES[meta["dtype"]], shape)
    if "as_sym_int" in argument:
        return TensorSpec(name or argument["as_sym_int"]["as_name"], "int64", ())
    return None


def to_dim(size: dict[str, Any], names: dict[str, str]) -> Dim:
    """A size as a number or a word: `Mul(Integer(2), Symbol('s0'))` is `2*s0`."""
    if "as_int" in size:
        return int(size["as_int"])
    text = SYMBOL.sub(lambda m: names.get(m[1] or m[2], m[1] or m[2]).lower(), size["as_expr"]["expr_str"])
    text = INTEGER.sub(r"\1", text)
    tree = ast.parse(text, mode="eval").body
    return flatten(tree) if isinstance(tree, ast.Call) else text


def flatten(tree: ast.expr) -> str:
    """Products and sums in infix form; other functions as they are, with `;` between arguments."""
    if not isinstance(tree, ast.Call):
        return ast.unparse(tree)
    name = ast.unparse(tree.func)
    parts = [flatten(argument) for argument in tree.args]
    return SIGNS[name].join(parts) if name in SIGNS else f"{name}({';'.join(parts)})"


def ranges_of(
    constraints: dict[str, Any], names: dict[str, str], inputs: tuple[TensorSpec, ...]
) -> dict[str, tuple[int, int | None]]:
    """Axis name → smallest and largest size, for the axes of the inputs."""
    used = {dim for spec in inputs for dim in spec.shape if isinstance(dim, str)}
    found: dict[str, tuple[int, int | None]] = {}
    for symbol, limits in constraints.items():
        name = names.get(symbol, symbol).lower()
        low, high = limits["min_val"], limits["max_val"]
        if name in used:
            found[name] = (int(low or 0), None if high is None or high >= UNLIMITED else int(high))
    return found


def named_outputs(
    module: dict[str, Any], results: list[Any], graph: dict[str, Any], names: dict[str, str]
) -> tuple[TensorSpec, ...]:
    """The outputs of a program that returns a dict of tensors; empty where names cannot be known."""
    calls = [entry["signature"] for entry in module["module_call_graph"] if entry["fqn"] == ""]
    if not calls or not calls[0]:
        return ()
    tree = json.loads(calls[0]["out_spec"])[1]
    is_transformers = str(tree["type"]).startswith(TRANSFORMERS)
    if not is_transformers and tree["type"] not in ("builtins.dict", "collections.OrderedDict"):
        return ()
    keys = json.loads(tree["context"])
    leaves = [child["type"] is None for child in tree["children_spec"]]
    if not all(leaves) or len(keys) != len(results):
        return ()
    specs = [to_spec(arg, graph, names, str(key)) for key, arg in zip(keys, results, strict=True)]
    known = tuple(spec for spec in specs if spec is not None)
    return known if len(known) == len(specs) else ()
