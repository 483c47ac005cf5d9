"""An exported program as a graph of `nn` layers: what torch.ao.quantization knows. Runs in a worker.

torch.export leaves `aten` operators with their weights as arguments. Quantization looks for modules
(`nn.Conv2d`, `nn.Linear`), public functions (`torch.cat`) and methods (`view`), so operators become those
again; an operator without such a form stays as it is, and stays float. Sizes are read by `Tensor.size`,
which a later torch.jit.trace keeps dynamic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from convertkit.artifacts.signature import Arrays, Signature
from convertkit.pytorch.layers import LAYERS
from convertkit.pytorch.outputs import register_dataclasses

aten = torch.ops.aten

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    aten.relu.default: functional.relu,
    aten.relu_.default: functional.relu,
    aten.hardtanh.default: functional.hardtanh,
    aten.hardtanh_.default: functional.hardtanh,
    aten.hardswish.default: functional.hardswish,
    aten.hardswish_.default: functional.hardswish,
    aten.hardsigmoid.default: functional.hardsigmoid,
    aten.leaky_relu.default: functional.leaky_relu,
    aten.sigmoid.default: torch.sigmoid,
    aten.tanh.default: torch.tanh,
    aten.add.Tensor: torch.add,
    aten.add_.Tensor: torch.add,
    aten.mul.Tensor: torch.mul,
    aten.matmul.default: torch.matmul,
    aten.cat.default: torch.cat,
    aten.zeros.default: torch.zeros,
    aten.ones.default: torch.ones,
    aten.full.default: torch.full,
    aten.arange.default: torch.arange,
    aten.mean.dim: torch.mean,
    aten.flatten.using_ints: torch.flatten,
    aten.adaptive_avg_pool2d.default: functional.adaptive_avg_pool2d,
    aten.avg_pool2d.default: functional.avg_pool2d,
    aten.max_pool1d.default: functional.max_pool1d,
    aten.max_pool2d.default: functional.max_pool2d,
}
METHODS: dict[Any, str] = {
    aten.sym_size.int: "size",
    aten.view.default: "view",
    aten.reshape.default: "reshape",
    aten.expand.default: "expand",
    aten.repeat.default: "repeat",
    aten.permute.default: "permute",
    aten.transpose.int: "transpose",
    aten.unsqueeze.default: "unsqueeze",
    aten.squeeze.dim: "squeeze",
    aten.contiguous.default: "contiguous",
}
DROPPED = (aten.dropout.default, aten.dropout_.default, aten.feature_dropout.default, aten.alias.default)


def export(model: nn.Module, signature: Signature, examples: Arrays) -> torch.export.ExportedProgram:
    """The model as an exported program, its dynamic axes kept."""
    inputs = tuple(torch.from_numpy(values) for values in examples.values())
    register_dataclasses(model, inputs)
    return torch.export.export(model, inputs, dynamic_shapes=dynamic_shapes(signature))


def dynamic_shapes(signature: Signature) -> tuple[dict[int, Any], ...]:
    """One `Dim` a name, shared by all inputs that have an axis of that name."""
    dims: dict[str, Any] = {}
    return tuple(
        {
            axis: dims.setdefault(name, torch.export.Dim(name, min=1))
            for axis, name in spec.dynamic_axes.items()
        }
        for spec in signature.inputs
    )


def layered(program: torch.export.ExportedProgram) -> fx.GraphModule:
    """The program as a graph of layers, functions and methods, in eval mode; same inputs, same outputs."""
    module = program.module(check_guards=False)
    assert isinstance(module, fx.GraphModule)
    placed: dict[str, str] = {}
    for node in list(module.graph.nodes):
        if node.op != "call_function":
            continue
        if node.target in DROPPED:
            node.replace_all_uses_with(node.args[0])
            module.graph.erase_node(node)
        elif node.target in METHODS:
            node.op, node.target = "call_method", METHODS[node.target]
        elif node.target in FUNCTIONS:
            node.target = FUNCTIONS[node.target]
        else:
            replace_by_layer(module, node, placed)
    module.graph.eliminate_dead_code()
    return fx.GraphModule(module, module.graph)  # takes over what the graph uses, and no weight besides


def replace_by_layer(module: fx.GraphModule, node: fx.Node, placed: dict[str, str]) -> None:
    """Make a node a call of an `nn` layer, where its weights are the program's own and there is a layer.

    Args:
        placed: paths of the layers so far, by what they were made of; the same weights make one layer.
    """
    build = LAYERS.get(node.target)
    if build is None:
        return
    arguments = named_arguments(node)
    weight = arguments.get("weight")
    if not isinstance(weight, fx.Node) or weight.op != "get_attr":
        return
    data = arguments.pop("indices" if node.target is aten.embedding.default else "input")
    key = f"{node.target} {sorted(arguments.items())}"
    if key not in placed:
        layer = build({name: constant(module, value) for name, value in arguments.items()}, data)
        if layer is None:
            return
        placed[key] = place(module, str(weight.target), layer.eval())
    with module.graph.inserting_before(node):
        call = module.graph.call_module(placed[key], (data,))
    call.meta = dict(node.meta)
    node.replace_all_uses_with(call)
    module.graph.erase_node(node)


def named_arguments(node: fx.Node) -> dict[str, Any]:
    """A call's arguments by the operator's own names, defaults filled in."""
    schema = node.target._schema  # type: ignore[union-attr]
    given = dict(zip((argument.name for argument in schema.arguments), node.args, strict=False))
    given |= node.kwargs
    return {
        a.name: given.get(a.name, a.default_value if a.has_default_value() else None)
        for a in schema.arguments
    }


def constant(module: fx.GraphModule, value: Any) -> Any:
    """The tensor that a `get_attr` node reads; every other value as it is."""
    if not isinstance(value, fx.Node) or value.op != "get_attr":
        return value
    owner, _, name = str(value.target).rpartition(".")
    return getattr(module.get_submodule(owner), name)


def place(module: fx.GraphModule, weight: str, layer: nn.Module) -> str:
    """Put a layer where its weight was, and return its path; a path that is taken gets a number."""
    path = weight.removesuffix(".weight").removesuffix("_weight")
    owner_path, _, name = path.rpartition(".")
    owner = module.get_submodule(owner_path)
    taken, number = name, 0
    while not is_replaceable(getattr(owner, taken, None)):
        number += 1
        taken = f"{name}_{number}"
    layer_path = f"{owner_path}.{taken}" if owner_path else taken
    setattr(owner, taken, layer)
    return layer_path


def is_replaceable(found: object) -> bool:
    """True for nothing, and for a bare holder of weights that has no parts of its own."""
    return found is None or (type(found) is nn.Module and not list(found.children()))
