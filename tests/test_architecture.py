"""The layers hold: imports point downward, the light side loads no framework, every row has what it needs."""

import ast
import graphlib
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import convertkit
from convertkit.artifacts.formats import Precision
from convertkit.cli import VERBS
from convertkit.registry import ENVIRONMENTS, FIELD_RUNTIME, RUNTIMES, STAGES

PACKAGE = Path(convertkit.__file__).parent
ROOT = PACKAGE.parent

# Each layer imports only from the layers above it in this list. Modules of one layer do not import each
# other; a package stands for all of its modules, which may.
LAYERS = [
    ["errors"],
    ["artifacts"],
    ["sources"],
    ["config"],
    ["registry"],
    ["plan"],
    ["recipe"],
    ["storage"],
    ["environment"],
    ["workers"],
    ["samples"],
    ["measurement"],
    ["validation"],
    ["report"],
    ["render"],
    ["calibration"],
    ["attribution"],
    ["hops"],
    ["rescue"],
    ["verbs"],
    ["run"],
    ["api"],
    ["cli"],
    ["__main__"],
]

# The worker's side, on top of the light layers: run in a worker only, so nothing light may import it, except
# the bare packages `stages` and `runtimes`, whose `__init__` holds no more than Protocols.
WORKER_LAYERS = [
    ["pytorch"],
    ["runtimes"],
    ["graphs"],
    ["tracing"],
    ["lowering"],
    ["backend"],
    ["stages"],
    ["worker"],
]

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

LIGHT = {name for layer in LAYERS for name in layer}
WORKER = {name for layer in WORKER_LAYERS for name in layer}
RANKS = {name: rank for rank, layer in enumerate([*LAYERS, *WORKER_LAYERS]) for name in layer}


def module_files():
    """Dotted name within the package (empty for the package itself) to file."""
    files = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        files[".".join(part for part in parts if part != "__init__")] = file
    return files


FILES = module_files()


def imported_names(tree):
    """Dotted names of all that a module imports, wherever in it the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide what is imported"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def without_types(tree):
    """The tree without its `if TYPE_CHECKING:` blocks."""
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"))
    ]
    return tree


def imports_of(name, *, at_run_time=False):
    """Modules of the package that a module imports; at run time, or for its annotations as well."""
    found = set()
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    for imported in imported_names(without_types(tree) if at_run_time else tree):
        if imported.split(".")[0] != "convertkit":
            continue
        inner = imported.partition(".")[2]
        found.add(inner if inner in FILES else inner.rpartition(".")[0])
    return found - {"", name}  # the package itself holds no more than `__version__` and lazy names


def top(name):
    return name.partition(".")[0]


MODULES = sorted(name for name in FILES if name)


def test_every_module_has_its_layer():
    """A new module is one more word in the lists above; a removed one is one word less."""
    assert {top(name) for name in MODULES} == LIGHT | WORKER
    assert not LIGHT & WORKER
    assert sum(len(layer) for layer in [*LAYERS, *WORKER_LAYERS]) == len(RANKS)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_downward(name):
    upward = {
        found
        for found in imports_of(name)
        if top(found) != top(name) and RANKS[top(found)] >= RANKS[top(name)]
    }
    assert not upward, f"{name} imports {sorted(upward)}"


@pytest.mark.parametrize("name", [name for name in MODULES if top(name) in LIGHT])
def test_no_light_module_imports_the_workers_side_or_a_framework(name):
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    outside = {top(imported) for imported in imported_names(tree)}
    assert not outside & set(FRAMEWORKS)
    assert not {top(found) for found in imports_of(name)} & WORKER


def test_there_are_no_cycles():
    """Two modules of one package may name each other's types, no more."""
    graph = {name: imports_of(name, at_run_time=True) for name in MODULES}
    assert list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("package", ["stages", "runtimes"])
def test_these_packages_hold_protocols_only(package):
    names = {top(name) for name in imported_names(ast.parse(FILES[package].read_text(encoding="utf-8")))}
    assert names <= {"__future__", "collections", "pathlib", "time", "typing", "msgspec", "convertkit"}
    assert {top(found) for found in imports_of(package)} <= LIGHT


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
    names = [f"convertkit.{name}" for name in MODULES if top(name) in LIGHT - {"__main__"}]
    loaded = loaded_after(
        f"import {', '.join(['convertkit', *names, 'convertkit.stages', 'convertkit.runtimes'])}"
    )
    assert set(names) <= loaded
    assert not loaded & set(FRAMEWORKS)
    assert not {
        name
        for name in loaded
        if name.startswith("convertkit.") and top(name[11:]) in WORKER - {"stages", "runtimes"}
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
    assert f"cli.{verb}" in FILES
