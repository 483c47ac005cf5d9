"""What the modules of a package import of each other, read from their text, for types too."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator, Sequence
from pathlib import Path

Graph = dict[str, set[str]]


def files_of(folder: Path) -> dict[str, Path]:
    """Dotted name within the package to file; '' is the package itself."""
    parts = {file: file.relative_to(folder).with_suffix("").parts for file in sorted(folder.rglob("*.py"))}
    return {".".join(part for part in rest if part != "__init__"): file for file, rest in parts.items()}


def graph_of(folder: Path, package: str) -> Graph:
    """Module → the modules of the package that it imports anywhere in its text."""
    files = files_of(folder)
    return {
        name: {owner_of(found, files) for found in inner_imports(file, package)} - {name}
        for name, file in files.items()
    }


def imported(file: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: a relative import hides what is imported"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inner_imports(file: Path, package: str) -> Iterator[str]:
    """What a file imports of the package, as names within it."""
    yield from (name[len(package) + 1 :] for name in imported(file) if f"{name}.".startswith(f"{package}."))


def owner_of(name: str, files: dict[str, Path]) -> str:
    """The module that has a name, or is it."""
    while name not in files:
        name = name.rpartition(".")[0]
    return name


def top(name: str) -> str:
    """The folder, or the module at the top level, that a module belongs to."""
    return name.partition(".")[0]


def cycle_in(graph: Graph) -> list[str]:
    """The modules of one circle, nothing where there is none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def upward_in(graph: Graph, order: Sequence[str]) -> list[str]:
    """Imports of what stands higher in the order, which goes from the top down."""
    rank = {name: place for place, name in enumerate(order)}
    pairs = [(name, found) for name, imports in graph.items() for found in sorted(imports)]
    return [f"{a} imports {b}" for a, b in pairs if rank[top(a)] > rank[top(b)]]
