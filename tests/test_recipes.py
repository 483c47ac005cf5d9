"""The recipes that come with convertkit: each decodes, has a route, and says true things in its comments."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from convertkit.artifacts.formats import Format, Variant
from convertkit.config.strict_yaml import StrictLoader
from convertkit.plan import plan
from convertkit.recipe import Recipe, decode_recipe, load_recipe, recipe_folder, recipe_names
from convertkit.registry import STAGES, parse_variant
from convertkit.words import worded_recipe

ROOT = Path(__file__).resolve().parents[1]
PROMISED = ["microcontroller-int8", "mobile-float16", "mobile-int8", "savedmodel-serving", "server-onnx"]
OPTION_THAT_IS_OFF = re.compile(r"^(\s*)#(?=\w+:)", re.MULTILINE)


def read(name: str) -> str:
    return (recipe_folder() / f"{name}.yaml").read_text(encoding="utf-8")


def test_the_promised_recipes_are_there() -> None:
    assert set(PROMISED) <= set(recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_it_decodes_and_has_a_summary_of_one_line(name: str) -> None:
    summary = load_recipe(name).summary
    assert summary
    assert len(summary.splitlines()) == 1
    assert len(summary) <= 88


@pytest.mark.parametrize("name", recipe_names())
def test_it_has_a_route_from_pytorch(name: str) -> None:
    targets = [parse_variant(text) for text in load_recipe(name).to]
    assert targets
    hops = plan(Variant(Format.TORCH), targets)
    assert {hop.target for hop in hops} >= set(targets)


@pytest.mark.parametrize("name", recipe_names())
def test_every_option_that_is_off_can_be_turned_on(name: str) -> None:
    text, count = OPTION_THAT_IS_OFF.subn(r"\1", read(name))
    assert count
    content = yaml.load(text, StrictLoader)
    assert content != yaml.load(read(name), StrictLoader)
    decode_recipe(content, name)


@pytest.mark.parametrize("name", recipe_names())
def test_every_setting_has_a_comment(name: str) -> None:
    settings = [line for line in read(name).splitlines() if re.match(r"\s*#?\w+:\s*[^\s#]", line)]
    bare = [line for line in settings if " # " not in line and not line.startswith("summary:")]
    assert settings
    assert not bare


@pytest.mark.parametrize("name", recipe_names())
def test_stages_and_their_options_are_those_of_the_registry(name: str) -> None:
    rows = {row.name: {field.name for field in fields_of(row.options)} for row in STAGES}
    stages = yaml.load(read(name), StrictLoader).get("stages", {})
    for stage, options in stages.items():
        assert stage in rows
        assert set(options) <= rows[stage]


def fields_of(kind: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def test_the_shorthands_reach_the_stages() -> None:
    merged = worded_recipe(recipe="microcontroller-int8")
    stages: Any = merged.stages
    assert stages.savedmodel_to_tflite.io == "int8"
    assert stages.onnx_to_savedmodel.layout == "channels-last"
    assert stages.onnx_to_savedmodel.batch == "static"


@pytest.mark.parametrize("name", ["server-onnx", "savedmodel-serving"])
def test_servers_require_a_dynamic_batch(name: str) -> None:
    assert load_recipe(name).gate.require_dynamic_axes
    assert not Recipe().gate.require_dynamic_axes


def test_they_are_found_in_a_folder_laid_out_like_the_wheel(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "convertkit", tmp_path / "convertkit", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(ROOT / "recipes", tmp_path / "convertkit" / "_recipes")
    code = "import convertkit.recipe as r; print(r.__file__); print(r.load_recipe('mobile-int8').to[0])"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == [str(tmp_path / "convertkit" / "recipe.py"), "tflite:int8"]


def test_the_wheel_takes_them_along() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"]["recipes"] == "convertkit/_recipes"


def test_the_docs_name_each_recipe_and_each_key() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    for word in (*recipe_names(), *(field.name for field in fields_of(Recipe))):
        assert f"| `{word}` |" in text
