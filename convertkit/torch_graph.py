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

from convertkit.signature import Arrays, Signature

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
CONVOLUTIONS = {
    aten.conv1d.default: nn.Conv1d,
    aten.conv2d.default: nn.Conv2d,
    aten.conv3d.default: nn.Conv3d,
}
BATCH_NORMS = {3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def export(model: nn.Module, signature: Signature, examples: Arrays) -> torch.export.ExportedProgram:
    """The model as an exported program, its dynamic axes kept."""
    inputs = tuple(torch.from_numpy(values) for values in examples.values())
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
            replace_by_layer(module, node)
    module.graph.eliminate_dead_code()
    return fx.GraphModule(module, module.graph)  # takes over what the graph uses, and no weight besides


def replace_by_layer(module: fx.GraphModule, node: fx.Node) -> None:
    """Make a node a call of an `nn` layer, where its weights are the program's own and there is a layer."""
    build = LAYERS.get(node.target)
    if build is None:
        return
    arguments = named_arguments(node)
    weight = arguments.get("weight")
    if not isinstance(weight, fx.Node) or weight.op != "get_attr":
        return
    values = {name: constant(module, value) for name, value in arguments.items()}
    layer = build(values, arguments)
    if layer is None:
        return
    name = place(module, str(weight.target), layer.eval())
    data = arguments["indices" if node.target is aten.embedding.default else "input"]
    with module.graph.inserting_before(node):
        call = module.graph.call_module(name, (data,))
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


def with_weights(layer: nn.Module, **tensors: Any) -> nn.Module:
    """The layer with these tensors as its parameters and buffers."""
    for name, tensor in tensors.items():
        if tensor is not None:
            target = getattr(layer, name)
            fresh = nn.Parameter(tensor.detach()) if isinstance(target, nn.Parameter) else tensor
            setattr(layer, name, fresh)
    return layer


def linear(values: dict[str, Any], arguments: dict[str, Any]) -> nn.Module:
    """`nn.Linear`."""
    outputs, inputs = values["weight"].shape
    layer = nn.Linear(inputs, outputs, bias=values["bias"] is not None, device="meta")
    return with_weights(layer, weight=values["weight"], bias=values["bias"])


def convolution(kind: type[nn.Module]) -> Callable[[dict[str, Any], dict[str, Any]], nn.Module]:
    """A builder of convolutions of one rank."""

    def build(values: dict[str, Any], arguments: dict[str, Any]) -> nn.Module:
        weight, groups = values["weight"], values["groups"]
        rank = weight.dim() - 2
        layer = kind(
            weight.shape[1] * groups,
            weight.shape[0],
            tuple(weight.shape[2:]),
            stride=spread(values["stride"], rank),
            padding=spread(values["padding"], rank),
            dilation=spread(values["dilation"], rank),
            groups=groups,
            bias=values["bias"] is not None,
            device="meta",
        )
        return with_weights(layer, weight=weight, bias=values["bias"])

    return build


def spread(sizes: Any, rank: int) -> tuple[int, ...]:
    """One size an axis: operators take one number for all."""
    values = tuple(sizes) if isinstance(sizes, list | tuple) else (sizes,)
    return values * rank if len(values) == 1 else values


def batch_norm(values: dict[str, Any], arguments: dict[str, Any]) -> nn.Module | None:
    """`nn.BatchNorm1d`, `2d` or `3d` by the rank of its input; None where it learns while it runs."""
    seen = arguments["input"].meta["val"]
    kind = BATCH_NORMS.get(seen.dim(), nn.BatchNorm1d)
    if values["training"] or values["running_mean"] is None:
        return None
    layer = kind(len(values["running_mean"]), eps=values["eps"])
    names = ("weight", "bias", "running_mean", "running_var")
    return with_weights(layer, **{name: values[name] for name in names})


def layer_norm(values: dict[str, Any], arguments: dict[str, Any]) -> nn.Module:
    """`nn.LayerNorm`."""
    layer = nn.LayerNorm(values["normalized_shape"], eps=values["eps"], bias=values["bias"] is not None)
    return with_weights(layer, weight=values["weight"], bias=values["bias"])


def embedding(values: dict[str, Any], arguments: dict[str, Any]) -> nn.Module:
    """`nn.Embedding`."""
    count, width = values["weight"].shape
    return with_weights(nn.Embedding(count, width, device="meta"), weight=values["weight"])


LAYERS: dict[Any, Callable[[dict[str, Any], dict[str, Any]], nn.Module | None]] = {
    aten.linear.default: linear,
    aten.batch_norm.default: batch_norm,
    aten.layer_norm.default: layer_norm,
    aten.embedding.default: embedding,
    **{operator: convolution(kind) for operator, kind in CONVOLUTIONS.items()},
}


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
