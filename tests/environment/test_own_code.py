"""The hash over a stage's own code moves with every file that the stage leads to, and with no other."""

import ast
import shutil

import pytest

from convertkit.environment import own_code
from convertkit.environment.own_code import closure, code_hash
from convertkit.registry import STAGES

LOWERING = "stages/onnx_to_savedmodel.py"
EXPORT = "stages/torch_to_onnx.py"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package that may be changed."""
    copy = shutil.copytree(own_code.PACKAGE, tmp_path / "convertkit", ignore=shutil.ignore_patterns("__py*"))
    monkeypatch.setattr(own_code, "PACKAGE", copy)
    forget()
    yield copy
    forget()


def forget():
    for function in (own_code.code_hash, own_code.closure, own_code.imports_of):
        function.cache_clear()


def changes(package, start, changed):
    before = code_hash(start)
    with (package / changed).open("a") as file:
        file.write("\n# a remark\n")
    forget()
    return code_hash(start) != before


@pytest.mark.parametrize(
    "changed",
    ["lowering/operators/pooling.py", "stages/onnx_to_savedmodel.py", "worker/perform.py", "__init__.py"],
)
def test_it_moves_with_what_the_stage_leads_to(package, changed):
    assert changes(package, LOWERING, changed)


@pytest.mark.parametrize("changed", ["lowering/operators/pooling.py", "cli/convert.py", "render/table.py"])
def test_it_stays_with_what_the_stage_does_not_use(package, changed):
    assert not changes(package, EXPORT, changed)


@pytest.mark.parametrize("row", STAGES, ids=lambda row: row.name)
def test_every_stage_leads_to_files_of_the_workers_side_alone(row):
    found = closure(f"stages/{row.name}.py")
    assert len(found) > 10
    assert not [
        name for name in found if name.partition("/")[0] in ("cli", "run", "render", "report", "hops")
    ]


def test_what_is_imported_by_a_computed_name_counts(package):
    assert "pytorch/ao_static.py" in closure("stages/torch_to_torch_fx.py")
    assert "pytorch/pt2e.py" in closure("stages/torch_to_torch_fx.py")


def test_imports_are_those_of_the_syntax():
    """They are told by a pattern, which must miss none that Python finds."""
    for path in own_code.PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert files(by_syntax(ast.parse(text))) <= files(own_code.imported(text)), path


def files(names):
    return {file for dotted in names for file in own_code.files_of(dotted)}


def by_syntax(tree):
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name.partition(".")[2] for name in names if name.partition(".")[0] == "convertkit")
