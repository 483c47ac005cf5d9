"""The lowering's imports point downward, also those for types or inside functions; operators stay apart."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

import convertkit
from tests.imports import Graph, cycle_in, graph_of, top, upward_in

PACKAGE = "convertkit.lowering"
LOWERING = Path(convertkit.__file__).parent / "lowering"
COLLECTOR = "registry"


def order_of(folder: Path) -> list[str]:
    """The modules and folders from the top down, as the package's docstring lists them."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    rows = [line.partition(":")[0] for line in text.splitlines() if line.startswith("    ")]
    return [name.strip() for row in rows for name in row.split(",")]


def collected_elsewhere(graph: Graph) -> list[str]:
    """Modules outside operators/ that import it, but for the one that collects them."""
    outside = {name: imports for name, imports in graph.items() if top(name) != "operators"}
    return sorted(name for name, imports in outside.items() if "operators" in map(top, imports))


def test_no_import_cycle() -> None:
    assert cycle_in(graph_of(LOWERING, PACKAGE)) == []


def test_the_list_in_the_docstring_is_whole_and_holds() -> None:
    graph, order = graph_of(LOWERING, PACKAGE), order_of(LOWERING)
    assert sorted(order) == sorted({top(name) for name in graph} - {""})
    assert upward_in(graph, ["", *order]) == []


def test_one_module_imports_operators_and_has_all_of_them() -> None:
    graph = graph_of(LOWERING, PACKAGE)
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
    return graph_of(folder, PACKAGE)


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
    assert upward_in(graph, ["", *order_of(copy)]) == ["nodes imports results"]


def test_a_family_that_nothing_collects_is_found(copy: Path) -> None:
    (copy / "operators" / "spare.py").touch()
    graph = graph_of(copy, PACKAGE)
    assert "operators.spare" in graph
    assert "operators.spare" not in graph[COLLECTOR]


def test_a_relative_import_is_refused(copy: Path) -> None:
    with pytest.raises(AssertionError, match="relative import"):
        plant(copy, "checks.py", "from . import nodes")
