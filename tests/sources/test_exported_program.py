from __future__ import annotations

import copy
import json
from typing import Any

import handmade
import pytest
from conftest import Inspect

from convertkit.artifacts.signature import TensorSpec
from convertkit.errors import ModelFileError
from convertkit.sources.expressions import is_safe_guard, is_safe_size
from convertkit.sources.operators import is_allowed_target
from convertkit.sources.program_signature import index_limits


def changed(path: str, value: Any, document: Any = None) -> Any:
    """The plain program with one field changed; `path` is the way to it, by dots."""
    document = copy.deepcopy(handmade.program() if document is None else document)
    place = document
    *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    for part in way:
        place = place[part]
    place[last] = value
    return document


NODE = "graph_module/graph/nodes/0"
CALL = "graph_module/module_call_graph/0/signature"
SYMBOL = "graph_module/graph/sym_int_values/sym_size/as_expr"


def tree(**node: Any) -> str:
    return json.dumps([1, {"type": "builtins.dict", "context": "null", "children_spec": [], **node}])


ENUM = json.dumps({"__enum__": True, "fqn": "antigravity:X", "name": "a"})
FACTORY = {"default_factory_module": "os", "default_factory_name": "system", "dict_context": []}
HOSTILE = {
    "expr_str": (f"{SYMBOL}/expr_str", handmade.CODE),
    "expr_str in a size": ("graph_module/graph/tensor_values/x/sizes/0/as_expr/expr_str", handmade.CODE),
    "expr_str in a symbol": (f"{SYMBOL}/expr_str", f'Symbol("{handmade.CODE}")'),
    "hint": (f"{SYMBOL}/hint", {"as_int": handmade.CODE}),
    "range": ("range_constraints/s77/min_val", handmade.CODE),
    "range symbol": ("range_constraints", {handmade.CODE: {"min_val": 0, "max_val": 1}}),
    "guard": ("guards_code", [handmade.CODE]),
    "target": (f"{NODE}/target", "torch.os.system"),
    "target by operator": (f"{NODE}/target", "_operator.call"),
    "target that writes": (f"{NODE}/target", "torch.ops.aten.save.default"),
    "target that maps a file": (f"{NODE}/target", "torch.ops.aten.from_file.default"),
    "custom operator": (f"{NODE}/target", "torch.ops.mylib.op.default"),
    "torchbind": (f"{NODE}/target", "torch.ops.higher_order.call_torchbind"),
    "extension": (f"{NODE}/target", "#ns:op"),
    "operator argument": (f"{NODE}/inputs/0/arg", {"as_operator": "torch.os.system"}),
    "node name": (f"{NODE}/name", f"x={handmade.CODE}"),
    "output name": (f"{NODE}/outputs/0", {"as_tensor": {"name": f"x={handmade.CODE}"}}),
    "input name": ("graph_module/graph/inputs/1", {"as_tensor": {"name": f"x={handmade.CODE}"}}),
    "keyword name": (f"{NODE}/inputs/0/name", f"x={handmade.CODE}"),
    "name with a line end": (f"{NODE}/name", "x\n"),
    "parameter name": ("graph_module/signature/input_specs/0/parameter/parameter_name", 'w")+f("'),
    "module name": ("graph_module/module_call_graph/1/fqn", 'w")+f("'),
    "argument names": (f"{CALL}/forward_arg_names", [f"x={handmade.CODE}"]),
    "enum in a tree": (f"{CALL}/out_spec", tree(context=ENUM)),
    "enum in a tree's key": (f"{CALL}/in_spec", tree(context=f"[{ENUM}]")),
    "defaultdict": (f"{CALL}/in_spec", tree(type="collections.defaultdict", context=FACTORY)),
    "type of its own": (f"{CALL}/in_spec", tree(type="mylib.Output")),
    "key of a tree": (f"{CALL}/in_spec", tree(context=json.dumps(["x'+f()+'"]))),
    "custom object": ("graph_module/graph/custom_obj_values", {"o": {"name": "o", "class_fqn": "a.B"}}),
    "custom input": ("graph_module/signature/input_specs/0", {"custom_obj": {"arg": {}}}),
    "unknown field": (f"{NODE}/surprise", 1),
    "text in a number": ("graph_module/graph/tensor_values/x/dtype", handmade.CODE),
    "function it was traced from": (f"{NODE}/metadata/source_fn_stack", "a,b(c)"),
}


def test_the_plain_program_is_described(inspect: Inspect) -> None:
    source = inspect(handmade.pt2(), "model.pt2")
    assert source.refusals == ()
    assert source.inputs == (TensorSpec("x", "float32", ("batch", 3)),)
    assert source.outputs == (TensorSpec("y", "float32", ("batch", 2)),)
    assert source.input_names == ("x",)
    assert source.ranges == {"batch": (2, 64)}


def test_outputs_of_transformers_are_named(inspect: Inspect) -> None:
    leaf = {"type": None, "context": None, "children_spec": []}
    spec = tree(type="transformers.modeling_outputs.Base", context='["last"]', children_spec=[leaf])
    source = inspect(handmade.pt2(changed(f"{CALL}/out_spec", spec)), "model.pt2")
    assert source.refusals == ()
    assert [output.name for output in source.outputs] == ["last"]
    assert source.details["imports"] == "transformers"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs_are_refused(inspect: Inspect, name: str) -> None:
    path, value = HOSTILE[name]
    assert inspect(handmade.pt2(changed(path, value)), "model.pt2").refusals


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("use_pickle", True),
        ("path_name", "../../x"),
        ("path_name", "custom_obj_0"),
        ("path_name", "opaque_obj_0"),
    ],
)
def test_payloads_that_are_pickled_are_refused(inspect: Inspect, field: str, value: Any) -> None:
    config = changed(f"config/layer.weight/{field}", value, handmade.weights())
    assert inspect(handmade.pt2(config=config), "model.pt2").refusals


@pytest.mark.parametrize(
    "member",
    [
        "data__aotinductor__model__a.so",
        "data__constants__custom_obj_0",
        "models__second.json",
        "MODELS__other.json",
        "data__weights__evil",
    ],
)
def test_further_members_are_refused(inspect: Inspect, member: str) -> None:
    assert inspect(handmade.pt2(**{member: b"{}"}), "model.pt2").refusals


def test_a_hostile_graph_inside_a_graph_is_refused(inspect: Inspect) -> None:
    inner = changed(f"{NODE}/target", "torch.os.system")["graph_module"]["graph"]
    outer = changed(f"{NODE}/inputs/0/arg", {"as_graph": {"name": "true_graph_0", "graph": inner}})
    (reason,) = inspect(handmade.pt2(outer), "model.pt2").refusals
    assert "torch.os.system" in reason


def test_damaged_programs_are_unusable(inspect: Inspect) -> None:
    for document in ([], {}, {"graph_module": 1}, changed("graph_module/graph", {})):
        with pytest.raises(ModelFileError, match="damaged"):
            inspect(handmade.pt2(document or {"graph_module": {}}), "model.pt2")


@pytest.mark.parametrize("document", [b"{", b"[" * 100_000, b"\xff\xfe{\x00}\x00"])
def test_json_that_cannot_be_read_is_damaged(inspect: Inspect, document: bytes) -> None:
    with pytest.raises(ModelFileError, match="damaged"):
        inspect(handmade.pt2(document), "model.pt2")


def test_the_old_format_says_what_to_do(inspect: Inspect) -> None:
    members = {"version": b"7.3", "serialized_exported_program.json": b"{}"}
    with pytest.raises(ModelFileError, match="save it again"):
        inspect(handmade.zip_bytes(members), "model.pt2")


@pytest.mark.parametrize(
    "text",
    [
        "s0",
        "2*s0 + 1",
        "Mul(Integer(2), Symbol('s27', positive=True))",
        "Max(1, u0)",
        "Mod(s0, 8)",
        "Eq(s0, 3)",
        "Float('0.5', precision=53)",
        "-s3//2",
    ],
)
def test_sizes_that_compute_pass(text: str) -> None:
    assert is_safe_size(text)


@pytest.mark.parametrize(
    "text",
    [
        handmade.CODE,
        "s0.__class__",
        "Mul(open('x'))",
        "exec",
        "Symbol('__import__')",
        "Mul('f()')",
        "(lambda: 1)()",
        "[s0 for s0 in f()]",
        "Symbol('s0', x='f()')",
        "s0!",
        "f'{s0}'",
        "Integer('f()')",
        "s0[0]",
        "(s0:=1)",
        "Symbol",
        "",
        "(",
    ],
)
def test_sizes_that_may_run_are_refused(text: str) -> None:
    assert not is_safe_size(text)


@pytest.mark.parametrize(
    "text",
    [
        "L['x'].size()[0] == L['y'].size()[1]",
        "2 <= L['x'].size()[0] <= 64",
        "Mod(L['a']['b'].size()[1], 8) == 0",
        "L['x'].stride()[0] != 1",
    ],
)
def test_guards_that_compare_pass(text: str) -> None:
    assert is_safe_guard(text)


@pytest.mark.parametrize(
    "text",
    [
        handmade.CODE,
        "L['x'].__class__",
        "L['x'].size.__self__",
        "torch.os.system('a')",
        "L[\"'+f()+'\"].size()",
        "math.__loader__",
        "L['x'].save()",
        "args[0]",
    ],
)
def test_guards_that_may_run_are_refused(text: str) -> None:
    assert not is_safe_guard(text)


def test_targets() -> None:
    for target in (
        "torch.ops.aten.add.Tensor",
        "_operator.mul",
        "torch.sym_max",
        "torch.ops.higher_order.cond",
    ):
        assert is_allowed_target(target)
    for target in (
        "torch.ops.aten.add.Tensor.__class__",
        "torch.ops.aten",
        "_operator.attrgetter",
        "math.os",
        "",
    ):
        assert not is_allowed_target(target)


def node(operator: str, output: str, *tensors: str) -> dict[str, Any]:
    arguments = [{"name": "x", "arg": {"as_tensor": {"name": name}}} for name in tensors]
    outputs = [{"as_tensor": {"name": output}}]
    return {"target": f"torch.ops.aten.{operator}", "inputs": arguments, "outputs": outputs}


def test_integers_stay_below_the_rows_of_the_tables_they_look_up() -> None:
    tables = {name: {"sizes": [{"as_int": rows}, {"as_int": 4}]} for name, rows in (("t", 50), ("u", 30))}
    graph = {
        "tensor_values": tables,
        "nodes": [
            node("to.dtype", "wide", "ids"),
            node("embedding.default", "a", "t", "wide"),
            node("embedding.default", "b", "u", "wide"),
            node("embedding.default", "c", "t", "kinds"),
            node("add.Tensor", "sum", "wide", "wide"),
            node("embedding.default", "d", "t", "sum"),
        ],
    }
    assert index_limits(graph) == {"ids": 30, "kinds": 50, "sum": 50}


def test_a_circle_of_conversions_ends() -> None:
    views = [node("view.default", "a", "b"), node("view.default", "b", "a")]
    nodes = [*views, node("embedding.default", "c", "t", "a")]
    graph = {"tensor_values": {"t": {"sizes": [{"as_int": 9}]}}, "nodes": nodes}
    assert set(index_limits(graph).values()) == {9}
