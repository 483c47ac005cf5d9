"""Which of convertkit's own code an artifact depends on: a hash over a stage and all that it imports."""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
BY_NAME = {
    "pytorch/backends.py": ("pytorch/*.py",),
    "__init__.py": (),  # its names lead to the parent's side, and only where they are asked for
}
"""Files that lead to others than those they name, and to which."""
STARTS = ("worker/main.py", "worker/perform.py")


@functools.cache
def code_hash(start: str) -> str:
    """SHA-256 over a file of convertkit and every other one that it leads to, by name and content.

    Args:
        start: as `stages/torch_to_onnx.py`.
    """
    digest = hashlib.sha256()
    for name in sorted(closure(start) | closure(*STARTS)):
        content = (PACKAGE / name).read_bytes()
        digest.update(b"%d:%s:%d:" % (len(name), name.encode(), len(content)) + content)
    return digest.hexdigest()


@functools.cache
def closure(*starts: str) -> frozenset[str]:
    """The files, and every file of convertkit that they import, one by way of another."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += imports_of(name)
    return frozenset(found)


@functools.cache
def imports_of(name: str) -> tuple[str, ...]:
    """Files of convertkit that a file imports anywhere in its text."""
    if name in BY_NAME:
        return tuple(path.relative_to(PACKAGE).as_posix() for g in BY_NAME[name] for path in PACKAGE.glob(g))
    tree = ast.parse((PACKAGE / name).read_bytes())
    return tuple(sorted({file for dotted in imported(tree) for file in files_of(dotted)}))


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names within convertkit of all that a module imports, of modules and of what is in them."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name.partition(".")[2] for name in names if name.partition(".")[0] == "convertkit")


def files_of(dotted: str) -> list[str]:
    """The files of a module and of the folders it lies in; none for a name that is no module."""
    parts = dotted.split(".") if dotted else []
    found = ["/".join([*parts[:depth], "__init__.py"]) for depth in range(len(parts) + 1)]
    found.append("/".join(parts) + ".py")
    return [name for name in found if (PACKAGE / name).is_file()]
