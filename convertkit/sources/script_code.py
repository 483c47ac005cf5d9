"""The rules that TorchScript code is held to: it may compute, and nothing else.

TorchScript is a language of its own with Python's syntax; torch.jit.load compiles it and runs `__setstate__`.
Its operators reach further than a model needs: `torch.save` writes any file, `aten::from_file` maps one, and
`torch.classes` make C++ objects. So:

1. Code is parsed by `ast`. It must be printable ASCII without line continuations, as torch prints it, so
   that both parsers see the same; what Python cannot parse is refused.
2. Only the kinds of statement and expression that torch prints are allowed: no import, lambda, decorator.
3. `torch.NAME` and `ops.NAMESPACE.NAME` must be on the list of operators, also outside calls.
4. `VALUE.NAME` must be such an operator or a name that the archive's own classes define; a name that torch
   has and that is refused stays refused when the archive defines it too.
5. No `__getstate__`, `__setstate__`, nor `torch.classes`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from convertkit.sources.operators import is_allowed, method_names

NODES = (
    ast.Module, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.Assign, ast.AnnAssign,
    ast.AugAssign, ast.Expr, ast.Return, ast.If, ast.For, ast.While, ast.Pass, ast.Break, ast.Continue,
    ast.Assert, ast.Raise, ast.With, ast.withitem, ast.Call, ast.keyword, ast.Name, ast.Attribute,
    ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Dict, ast.Constant, ast.UnaryOp, ast.BinOp, ast.BoolOp,
    ast.Compare, ast.IfExp, ast.Starred, ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
    ast.Delete, ast.ListComp, ast.comprehension,
)  # fmt: skip
BASES = {"Module", "NamedTuple", "Enum", "Interface", "ModuleInterface", "ModuleList", "ModuleDict"}
STATE_METHODS = {"__setstate__", "__getstate__", "__reduce__", "__del__"}
ROOTS = {"torch", "ops"}
PRINTED = re.compile(r"[\x20-\x7e\n]*")
CONTINUATION = re.compile(r"\\\n")


def parse(source: bytes) -> ast.Module | None:
    """The code's tree; None where it is not as torch prints it."""
    try:
        text = source.decode("ascii")
        if not PRINTED.fullmatch(text) or CONTINUATION.search(text):
            return None
        return ast.parse(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def defined_names(trees: Iterable[ast.Module]) -> set[str]:
    """Names of the functions, classes and attributes that the archive's own code defines."""
    names: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            if isinstance(node, ast.ClassDef):
                names |= {name for statement in node.body for name in field_names(statement)}
    return names


def field_names(statement: ast.stmt) -> Iterator[str]:
    """Names of the attribute that a statement of a class body declares."""
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id
    elif isinstance(statement, ast.Assign):
        yield from (target.id for target in statement.targets if isinstance(target, ast.Name))
        for value in ast.walk(statement.value):  # __parameters__, __buffers__, __annotations__
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value
        for target in statement.targets:  # __annotations__["0"] = …
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                yield str(target.slice.value)


def breaches(tree: ast.Module, defined: set[str]) -> Iterator[str]:
    """What the code does that is not on the list, in a few words each."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if not isinstance(node, NODES):
            yield type(node).__name__.lower()
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from definition_breaches(node)
        elif isinstance(node, ast.Attribute):
            yield from attribute_breaches(node, defined, is_inner=id(node) in inner)
        elif isinstance(node, ast.Name) and node.id in ROOTS and id(node) not in inner:
            yield node.id
        elif isinstance(node, ast.Call):
            yield from getattr_breaches(node, defined)


def definition_breaches(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    """A class of an unknown base, a method that runs at load, a decorator."""
    if node.decorator_list:
        yield "a decorator"
    if isinstance(node, ast.FunctionDef):
        if node.name in STATE_METHODS:
            yield node.name
    elif node.keywords or not all(isinstance(base, ast.Name) and base.id in BASES for base in node.bases):
        yield "a class of an unknown kind"


def attribute_breaches(node: ast.Attribute, defined: set[str], *, is_inner: bool) -> Iterator[str]:
    """Rules 3 to 5 for one `value.name`."""
    path = dotted(node)
    root = path[0] if path else ""
    if root in ROOTS:
        name = ".".join(path[1:]) if root == "ops" else "aten." + ".".join(path[1:])
        if not is_inner and not is_allowed(name):
            yield ".".join(path)
    elif root == "__torch__":
        if path[1:3] == ["torch", "classes"]:
            yield ".".join(path)
    elif root != "CONSTANTS":
        yield from name_breaches(node.attr, defined)


def getattr_breaches(node: ast.Call, defined: set[str]) -> Iterator[str]:
    """`getattr(value, 'name')`, which torch prints for names that are no identifiers."""
    if isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr", "setattr", "delattr"):
        second = node.args[1] if len(node.args) == 2 else None
        if isinstance(second, ast.Constant) and isinstance(second.value, str):
            yield from name_breaches(second.value, defined)
        else:
            yield node.func.id


def name_breaches(name: str, defined: set[str]) -> Iterator[str]:
    """A method or attribute that is refused, or that nobody defines."""
    allowed, refused = method_names()
    if name in refused or name in STATE_METHODS or not (name in allowed or name in defined):
        yield name


def dotted(node: ast.expr) -> list[str]:
    """`a.b.c` as its parts; [] where the root is not a plain name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


def forward_arguments(tree: ast.Module, class_name: str) -> tuple[str, ...]:
    """Names of forward's arguments, without self; () where the class has no forward."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "forward":
                    return tuple(argument.arg for argument in method.args.args[1:])
    return ()
