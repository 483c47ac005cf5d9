"""Events of ONNX Runtime's profile: loops and what they hold, fused nodes and their modules."""

from __future__ import annotations

from typing import Any

import onnx
import pytest

pytest.importorskip("onnxruntime")
from convertkit.profiling.onnxruntime import modules_as_run, own_durations


def event(start: int, duration: int, thread: int = 1) -> dict[str, Any]:
    return {"ts": start, "dur": duration, "tid": thread}


def test_a_loop_takes_what_its_body_does_not() -> None:
    loop, inner, other, after = event(0, 100), event(10, 30), event(40, 50), event(100, 7)
    assert own_durations([loop, inner, other, after]) == [20, 30, 50, 7]
    assert own_durations([after, other, inner, loop]) == [7, 50, 30, 20]


def test_what_only_overlaps_or_runs_in_another_thread_is_not_inside() -> None:
    assert own_durations([event(0, 10), event(5, 10)]) == [10, 10]
    assert own_durations([event(0, 10), event(2, 5, thread=2)]) == [10, 5]


def node(kind: str, name: str, inputs: list[str], output: str, module: str = "") -> onnx.NodeProto:
    made = onnx.helper.make_node(kind, inputs, [output], name=name)
    if module:
        made.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=str(["", module, output]))
    return made


def test_nodes_as_run_belong_to_modules_by_name_and_by_what_they_give() -> None:
    file = [
        node("MatMul", "linear", ["x", "w"], "product", "head.linear"),
        node("Gelu", "gelu", ["product"], "act", "head"),
        node("QuantizeLinear", "quantize", ["act", "s"], "act_q"),
        node("DequantizeLinear", "dequantize", ["act_q", "s"], "act_d"),
    ]
    as_run = [
        node("QLinearMatMul", "linear", ["x", "w"], "new_name"),
        node("BiasGelu", "BiasGelu_token_3", ["new_name"], "act"),
        node("QuantizeLinear", "quantize", ["act", "s"], "renamed"),
        node("DequantizeLinear", "dequantize", ["renamed", "s"], "act_d"),
        node("Conv", "product_nchwc", ["x", "w"], "reorder_token_3"),
        node("Reorder", "made_up", ["act_d"], "made_up"),
    ]
    graphs = [onnx.helper.make_graph(nodes, "g", [], []) for nodes in (file, as_run)]
    assert modules_as_run(*graphs) == {
        "linear": "head.linear",
        "BiasGelu_token_3": "head",
        "quantize": "head",
        "dequantize": "head",
        "product_nchwc": "head.linear",
        "made_up": "",
    }
