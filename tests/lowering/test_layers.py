"""The lowering's imports point downward, also those for types or inside functions; operators stay apart."""

from __future__ import annotations

import ast
import graphlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import convertkit

PACKAGE = "convertkit.lowering"
LOWERING = Path(convertkit.__file__).parent / "lowering"
COLLECTOR = "registry"
Graph = dict[str, set[str]]


def graph_of(folder: Path) -> Graph:
    """Module → the modules of the package that it imports anywhere in its text; '' is the package itself."""
    parts = {file: file.relative_to(folder).with_suffix("").parts for file in folder.rglob("*.py")}
    names = {".".join(part for part in rest if part != "__init__"): file for file, rest in parts.items()}
    return {
        name: {owner_of(found, names) for found in imported(file)} - {name} for name, file in names.items()
    }


def imported(file: Path) -> Iterator[str]:
    """What a file imports of the package, as names within it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: a relative import hides what is imported"
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name[len(PACKAGE) + 1 :] for name in found if f"{name}.".startswith(f"{PACKAGE}."))


def owner_of(name: str, names: dict[str, Path]) -> str:
    """The module that has a name, or is it."""
    while name not in names:
        name = name.rpartition(".")[0]
    return name


def order_of(folder: Path) -> list[str]:
    """The modules and folders from the top down, as the package's docstring lists them."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    rows = [line.partition(":")[0] for line in text.splitlines() if line.startswith("    ")]
    return [name.strip() for row in rows for name in row.split(",")]


def cycle_in(graph: Graph) -> list[str]:
    """The modules of one circle, nothing where there is none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def top(name: str) -> str:
    return name.partition(".")[0]


def upward_in(graph: Graph, order: list[str]) -> list[str]:
    """Imports of what stands higher in the order, from the list's own top: the package itself."""
    rank = {name: place for place, name in enumerate(["", *order])}
    pairs = [(name, found) for name, imports in graph.items() for found in imports]
    return [f"{a} imports {b}" for a, b in pairs if rank[top(a)] > rank[top(b)]]


def collected_elsewhere(graph: Graph) -> list[str]:
    """Modules outside operators/ that import it, but for the one that collects them."""
    outside = {name: imports for name, imports in graph.items() if top(name) != "operators"}
    return sorted(name for name, imports in outside.items() if "operators" in map(top, imports))


def test_no_import_cycle() -> None:
    assert cycle_in(graph_of(LOWERING)) == []


def test_the_list_in_the_docstring_is_whole_and_holds() -> None:
    graph, order = graph_of(LOWERING), order_of(LOWERING)
    assert sorted(order) == sorted({top(name) for name in graph} - {""})
    assert upward_in(graph, order) == []


def test_one_module_imports_operators_and_has_all_of_them() -> None:
    graph = graph_of(LOWERING)
    assert collected_elsewhere(graph) == [COLLECTOR]
    assert graph[COLLECTOR] >= {name for name in graph if name.startswith("operators.")}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package to plant faults in."""
    return Path(shutil.copytree(LOWERING, tmp_path / "lowering"))


def plant(folder: Path, module: str, text: str) -> Graph:
    """The imports once a module ends with the text."""
    with (folder / module).open("a", encoding="utf-8") as file:
        file.write(f"\n\n{text}\n")
    return graph_of(folder)


@pytest.mark.parametrize(
    ("module", "text", "circle"),
    [
        ("sizes.py", "if TYPE_CHECKING:\n    from convertkit.lowering import value", {"sizes", "value"}),
        ("value.py", "def late():\n    import convertkit.lowering.orders", {"value", "orders"}),
        ("faults.py", "from convertkit.lowering import Lowered", {"", "faults"}),
        ("operators/reduce.py", "from convertkit.lowering.operators import pooling", {"operators.pooling"}),
    ],
    ids=["for types only", "inside a function", "through the package", "between families"],
)
def test_a_planted_cycle_is_found(copy: Path, module: str, text: str, circle: set[str]) -> None:
    assert circle <= set(cycle_in(plant(copy, module, text)))


@pytest.mark.parametrize("text", ["from {}.operators import bits", "import {}.operators.bits"])
def test_a_planted_import_of_an_operator_is_found(copy: Path, text: str) -> None:
    graph = plant(copy, "checks.py", text.format(PACKAGE))
    assert cycle_in(graph) == []
    assert collected_elsewhere(graph) == ["checks", COLLECTOR]


def test_a_planted_import_upward_is_found(copy: Path) -> None:
    graph = plant(copy, "nodes.py", "from convertkit.lowering.results import wrap")
    assert cycle_in(graph) == []
    assert upward_in(graph, order_of(copy)) == ["nodes imports results"]


def test_a_family_that_nothing_collects_is_found(copy: Path) -> None:
    (copy / "operators" / "spare.py").touch()
    graph = graph_of(copy)
    assert "operators.spare" in graph
    assert "operators.spare" not in graph[COLLECTOR]


def test_a_relative_import_is_refused(copy: Path) -> None:
    with pytest.raises(AssertionError, match="relative import"):
        plant(copy, "checks.py", "from . import nodes")
