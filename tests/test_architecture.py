"""The layers hold: imports point downward, the light side loads no framework, every row has what it needs."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import convertkit
from convertkit.artifacts.formats import Precision
from convertkit.cli import VERBS
from convertkit.registry import ENVIRONMENTS, FIELD_RUNTIME, RUNTIMES, STAGES
from tests.imports import cycle_in, files_of, graph_of, imported, top, upward_in

PACKAGE = Path(convertkit.__file__).parent
ROOT = PACKAGE.parent

# Folders, and modules at the top level, from the top down: each imports only from those below it. Inside a
# folder modules may import each other, as long as no circle comes of it.
LIGHT = [
    "__main__",
    "cli",
    "api",
    "frameworks",
    "fleets",
    "shipping",
    "run",
    "verbs",
    "kits",
    "bundles",
    "rescue",
    "hops",
    "attribution",
    "calibration",
    "render",
    "report",
    "validation",
    "measurement",
    "delegates",
    "samples",
    "workers",
    "environment",
    "storage",
    "words",
    "recipe",
    "plan",
    "registry",
    "config",
    "sources",
    "artifacts",
    "causes",
    "errors",
]

# The worker's side, on top of the light folders: run in a worker only, so nothing light may import it, except
# the bare packages `stages` and `runtimes`, whose `__init__` holds no more than Protocols.
WORKER = [
    "worker",
    "folding",
    "references",
    "stages",
    "backend",
    "lowering",
    "profiling",
    "tracing",
    "quantization",
    "runtimes",
    "graphs",
    "pytorch",
]

ORDER = [*WORKER, *LIGHT]
RULE = re.compile(r"must not|imports no|only in a worker", re.IGNORECASE)

FRAMEWORKS = [
    "torch",
    "tensorflow",
    "onnx",
    "onnxruntime",
    "ai_edge_litert",
    "onnx2tf",
    "transformers",
    "keras",
    "tf_keras",
    "tflite_runtime",
    "onnxscript",
    "onnxslim",
    "litert_quantizer",
    "torchao",
]

FILES = files_of(PACKAGE)
MODULES = sorted(name for name in FILES if name)


def inner_graph(folder):
    """The imports of all modules; the package itself holds no more than `__version__` and lazy names."""
    graph = graph_of(folder, "convertkit")
    return {name: found - {""} for name, found in graph.items() if name}


def strangers_in(folder):
    """Folders and modules at the top level that the lists above do not name."""
    return sorted({top(name) for name in files_of(folder) if name} - set(ORDER))


def unruly_in(folder):
    """Folders whose `__init__.py` does not say in its first line what they hold, and what they must not."""
    inits = {
        path.parent: ast.get_docstring(ast.parse(path.read_text())) for path in folder.rglob("__init__.py")
    }
    homes = {file.parent for file in folder.rglob("*.py")} - {folder}
    return sorted(home.name for home in homes if not RULE.search((inits.get(home) or "").partition("\n")[0]))


GRAPH = inner_graph(PACKAGE)


def test_every_folder_and_module_has_its_place():
    assert strangers_in(PACKAGE) == []
    assert {top(name) for name in MODULES} == set(ORDER)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_downward(name):
    assert upward_in({name: GRAPH[name]}, ORDER) == []


def test_there_are_no_cycles_for_types_either():
    assert cycle_in(GRAPH) == []


def test_every_folder_says_its_job_and_its_rule():
    assert unruly_in(PACKAGE) == []


class TestPlanted:
    """Each fault, planted in a copy, is found."""

    @pytest.fixture
    def copy(self, tmp_path):
        return Path(shutil.copytree(PACKAGE, tmp_path / "convertkit", ignore=shutil.ignore_patterns("__py*")))

    @staticmethod
    def plant(folder, module, text):
        with (folder / module).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{text}\n")

    @pytest.mark.parametrize(
        ("module", "text", "said"),
        [
            ("artifacts/digest.py", "import convertkit.recipe", "artifacts.digest imports recipe"),
            (
                "validation/gate.py",
                "if TYPE_CHECKING:\n    from convertkit.report.report import Report",
                "validation.gate imports report.report",
            ),
            (
                "plan.py",
                "def late():\n    from convertkit.stages import Request",
                "plan imports stages",
            ),
        ],
        ids=["plain", "for types only", "of the worker's side, inside a function"],
    )
    def test_an_import_upward(self, copy, module, text, said):
        self.plant(copy, module, text)
        assert upward_in(inner_graph(copy), ORDER) == [said]

    @pytest.mark.parametrize(
        "text", ["{}", "if TYPE_CHECKING:\n    {}", "def late():\n    {}"], ids=["plain", "types", "late"]
    )
    def test_a_cycle(self, copy, text):
        self.plant(copy, "samples/rows.py", text.format("from convertkit.samples.samples import Samples"))
        assert set(cycle_in(inner_graph(copy))) == {"samples.rows", "samples.samples"}

    @pytest.mark.parametrize("module", ["evidence.py", "trials/__init__.py"])
    def test_a_module_or_folder_at_the_top_level(self, copy, module):
        (copy / module).parent.mkdir(exist_ok=True)
        self.plant(copy, module, '"""Something. Must not be here."""')
        assert strangers_in(copy) == [module.partition("/")[0].removesuffix(".py")]

    @pytest.mark.parametrize(
        "text", ["", '"""Holds things."""'], ids=["without a docstring", "without a rule"]
    )
    def test_a_folder_that_does_not_say_its_rule(self, copy, text):
        (copy / "samples" / "__init__.py").write_text(text)
        (copy / "hops" / "__init__.py").unlink()
        assert unruly_in(copy) == ["hops", "samples"]


@pytest.mark.parametrize("name", [name for name in MODULES if top(name) in LIGHT])
def test_no_light_module_imports_the_workers_side_or_a_framework(name):
    assert not {top(found) for found in imported(FILES[name])} & set(FRAMEWORKS)
    assert not {top(found) for found in GRAPH[name]} & set(WORKER)


@pytest.mark.parametrize("package", ["stages", "runtimes"])
def test_these_packages_hold_protocols_only(package):
    names = {top(name) for name in imported(FILES[package])}
    assert names <= {"__future__", "collections", "pathlib", "time", "typing", "msgspec", "convertkit"}
    assert {top(found) for found in GRAPH[package]} <= set(LIGHT)


def test_the_package_itself_imports_nothing_of_its_own_at_run_time():
    tree = ast.parse(FILES[""].read_text(encoding="utf-8"))
    at_run_time = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {node.module for node in at_run_time} == {"__future__", "typing"}


def loaded_after(code, *arguments):
    """Names of the modules that a fresh interpreter has loaded after running the code."""
    script = (
        "import sys, json\n"
        "try:\n    exec(sys.argv.pop(1))\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "sys.stderr.write(json.dumps(sorted(sys.modules)))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script, code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert process.returncode == 0, process.stderr
    return set(json.loads(process.stderr))


def test_the_light_side_loads_no_framework():
    names = [f"convertkit.{name}" for name in MODULES if top(name) in LIGHT[1:]]
    loaded = loaded_after(
        f"import {', '.join(['convertkit', *names, 'convertkit.stages', 'convertkit.runtimes'])}"
    )
    assert set(names) <= loaded
    assert not loaded & set(FRAMEWORKS)
    assert not {
        name
        for name in loaded
        if name.startswith("convertkit.") and top(name[11:]) in set(WORKER) - {"stages", "runtimes"}
    }


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["-h"]])
def test_help_loads_next_to_nothing(arguments):
    code = "import runpy; sys.argv[0] = 'convertkit'; runpy.run_module('convertkit', run_name='__main__')"
    loaded = loaded_after(code, *arguments)
    assert "click" in loaded
    heavy = {"numpy", "rich", "yaml", "msgspec", "psutil", "PIL", "jinja2", "convertkit.api", *FRAMEWORKS}
    assert not loaded & heavy


@pytest.mark.parametrize("row", STAGES, ids=lambda row: row.name)
class TestEveryStage:
    def test_has_a_module_named_source_to_target(self, row):
        assert f"stages.{row.name}" in FILES
        source, _, target = row.name.partition("_to_")
        assert source == row.source.format
        assert all(target.startswith(variant.format) for variant in row.targets)

    def test_has_options_that_say_what_to_try(self, row):
        options = row.options()
        assert isinstance(options, msgspec.Struct)
        assert isinstance(options.converter, str)
        assert options.attempts(precision=Precision.INT8, has_dynamic_axes=True)

    def test_has_an_environment_that_preloads_it(self, row):
        environment = {entry.name: entry for entry in ENVIRONMENTS}[row.environment]
        assert f"convertkit.stages.{row.name}" in environment.preload

    def test_defines_convert(self, row):
        tree = ast.parse(FILES[f"stages.{row.name}"].read_text(encoding="utf-8"))
        assert "convert" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}

    def test_has_a_test(self, row):
        assert (ROOT / "tests" / "stages" / f"test_{row.name}.py").is_file()

    def test_is_in_the_readme(self, row):
        assert row.name in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_stage_module_has_a_row():
    """What a stage shares its work with has no `_to_` in its name."""
    assert {name for name in MODULES if name.startswith("stages.") and "_to_" in name} == {
        f"stages.{row.name}" for row in STAGES
    }


@pytest.mark.parametrize("row", [*RUNTIMES, FIELD_RUNTIME], ids=lambda row: row.name)
def test_every_runtime_has_its_module_and_is_preloaded(row):
    tree = ast.parse(FILES[f"runtimes.{row.name}"].read_text(encoding="utf-8"))
    assert {"load", "describe"} <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    environment = {entry.name: entry for entry in ENVIRONMENTS}[row.environment]
    assert f"convertkit.runtimes.{row.name}" in environment.preload


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda row: row.name)
def test_what_an_environment_preloads_is_there(environment):
    for name in environment.preload:
        assert not name.startswith("convertkit.") or name[11:] in FILES


@pytest.mark.parametrize(
    "table", [STAGES, (*RUNTIMES, FIELD_RUNTIME), ENVIRONMENTS], ids=["stages", "runtimes", "environments"]
)
def test_no_name_stands_twice(table):
    assert len({row.name for row in table}) == len(table)


def test_no_two_stages_make_the_same_hop():
    edges = [(row.source, target) for row in STAGES for target in row.targets]
    assert len(set(edges)) == len(edges)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_module(verb):
    assert f"cli.{verb.replace('-', '_')}" in FILES
