"""Every operator that a PyTorch model runs, and the module whose work it is. Runs in a worker.

Operators are seen by a dispatch mode, under inference mode, where composite ones (`linear`, `dropout`) stay
whole. Modules are told by the nodes of an exported program, by forward hooks on any other module, and by the
graph of TorchScript, whose submodules run no hooks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import fx, nn
from torch.utils._python_dispatch import TorchDispatchMode

from convertkit.pytorch.load import Module

SCOPE = re.compile(r"(\w+)\([^()]*\)")
NO_MODULES = frozenset(["SELF", "UNKNOWN_INSTANCE"])

Run = Callable[[], Any]


class Call(NamedTuple):
    """One call of an operator: `log` of `aten.log.default`.

    Attributes:
        module: path of the module that it is part of; empty for the model itself, and where unknown.
        arguments: by the operator's own names, without those left at their defaults.
        is_random: whether it may draw random numbers.
    """

    operator: str
    module: str
    arguments: dict[str, Any]
    is_random: bool


Around = Callable[[Call, Run], Any]
Place = Callable[[str], str]


def watch(model: Module, inputs: Sequence[torch.Tensor], around: Around) -> Any:
    """Run a model once and return what it returns.

    Args:
        around: called for every operator with what runs it; returns what that gave.
    """
    if isinstance(model, torch.jit.ScriptModule):
        place: Place = ScriptPlaces(model)
        run: Callable[..., Any] = model
    elif isinstance(model, fx.GraphModule):
        walker = Walker(model)
        place, run = walker.place, walker.run
    else:
        stack: list[str] = []
        place, run = (lambda _: stack[-1] if stack else ""), model
        if isinstance(model, nn.Module):
            with tracked(model, stack), torch.inference_mode(), Operators(place, around):
                return run(*inputs)
    with torch.inference_mode(), Operators(place, around):
        return run(*inputs)


class Operators(TorchDispatchMode):
    """Hands every operator to a function, with its place."""

    supports_higher_order_operators = True  # whose bodies are not looked into

    def __init__(self, place: Place, around: Around) -> None:
        super().__init__()
        self._place = place
        self._around = around

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The operator's result, by way of the function."""
        given = kwargs or {}
        name = func.__name__.partition(".")[0]
        is_random = torch.Tag.nondeterministic_seeded in getattr(func, "tags", ())
        call = Call(name, self._place(name), named(func, args, given), is_random)
        return self._around(call, lambda: func(*args, **given))


def named(operator: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """A call's arguments by name; by number where the operator has no schema."""
    schema = getattr(operator, "_schema", None)
    names = [a.name for a in schema.arguments] if schema is not None else map(str, range(len(args)))
    return dict(zip(names, args, strict=False)) | kwargs


class Walker(fx.Interpreter):
    """Runs a graph and knows the module of the node that runs."""

    def __init__(self, model: fx.GraphModule) -> None:
        super().__init__(model)
        self._node: fx.Node | None = None

    def run_node(self, n: fx.Node) -> Any:
        """The node's value."""
        self._node = n
        return super().run_node(n)

    def place(self, operator: str) -> str:
        """The module of the node that runs."""
        return module_of(self._node) if self._node is not None else ""


def module_of(node: fx.Node) -> str:
    """Path of the innermost module that a node was exported from."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()]
    return str(paths[-1]) if paths else ""


@contextmanager
def tracked(model: nn.Module, stack: list[str]) -> Iterator[None]:
    """Within it, the stack holds the paths of the modules that are running, innermost last."""
    handles = []
    for path, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(lambda *_, path=path: stack.append(path)))
        handles.append(module.register_forward_hook(lambda *_: leave(stack), always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def leave(stack: list[str]) -> None:
    """The innermost module is done."""
    stack.pop()


class ScriptPlaces:
    """Modules of TorchScript's operators, by counting: the second `linear` that runs is the graph's second.

    Where control flow makes counting idle, only operators that one module alone has are placed.
    """

    def __init__(self, model: torch.jit.ScriptModule) -> None:
        self._paths: dict[str, list[str]] = {}
        self._nested: set[str] = set()
        self._seen: Counter[str] = Counter()
        self._read(model.inlined_graph, is_nested=False)

    def __call__(self, operator: str) -> str:
        """The module of the next call of an operator."""
        number, paths = self._seen[operator], self._paths.get(operator, [])
        self._seen[operator] += 1
        if len(set(paths)) == 1:
            return paths[0]
        return paths[number] if operator not in self._nested and number < len(paths) else ""

    def _read(self, block: Any, *, is_nested: bool) -> None:
        for node in block.nodes():
            operator = node.kind().rpartition("::")[2]
            self._paths.setdefault(operator, []).append(scope_of(node))
            if is_nested:
                self._nested.add(operator)
            for inner in node.blocks():
                self._read(inner, is_nested=True)


def scope_of(node: Any) -> str:
    """Path of a TorchScript node's module: `encoder.conv` of `encoder(Encoder).conv(Conv2d)`."""
    return ".".join(name for name in SCOPE.findall(node.getModuleHierarchy()) if name not in NO_MODULES)
