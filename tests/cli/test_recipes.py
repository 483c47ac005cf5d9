from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from convertkit.cli import cli
from convertkit.errors import ConvertkitError, NoRouteError, UsageError
from convertkit.plan import plan_route
from convertkit.recipe import recipe_folder, recipe_names
from convertkit.registry import STAGES


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["recipes", *arguments], standalone_mode=False)


def refusal(folder: Path, content: str) -> ConvertkitError:
    file = folder / "mine.yaml"
    file.write_text(content)
    result = run("check", str(file))
    assert isinstance(result.exception, ConvertkitError), result.output
    assert "OK" not in result.output
    assert "\n" not in str(result.exception)
    assert "mine.yaml" in result.exception.message or isinstance(result.exception, NoRouteError)
    return result.exception


def test_list_has_a_line_and_a_summary_for_each() -> None:
    lines = run("list").output.splitlines()
    assert [line.split()[0] for line in lines] == recipe_names()
    assert all(len(line.split()) > 3 for line in lines)


def test_show_prints_the_file_as_it_is() -> None:
    expected = (recipe_folder() / "server-onnx.yaml").read_text(encoding="utf-8")
    assert run("show", "server-onnx").output == expected


def test_show_of_a_misspelt_name_asks_back() -> None:
    error = run("show", "mobil-int8").exception
    assert isinstance(error, UsageError)
    assert error.hint == "did you mean 'mobile-int8'?"


@pytest.mark.parametrize("name", recipe_names())
def test_check_passes_the_recipes_that_come_along(name: str) -> None:
    result = run("check", name)
    assert result.exception is None
    assert result.output == "OK\n"


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("gatee: {}", "unknown key 'gatee'", "'gate'"),
        ("gate: {min_sqnr: 3}", "unknown key 'gate.min_sqnr'", "'min_sqnr_db'"),
        ("stages: {torch_to_onx: {}}", "unknown key 'stages.torch_to_onx'", "'torch_to_onnx'"),
        ("stages: {torch_to_onnx: {opsett: 20}}", "unknown key 'stages.torch_to_onnx.opsett'", "'opset'"),
        ("to: [tflite:int9]", "unknown variant 'tflite:int9'", "'tflite:int8'"),
        ("inputs: ['x:float32']", "'x:float32' is not", "for example"),
        ("device: gpu", "unknown device 'gpu'", "cuda"),
        ("layout: nhwc", "layout", ""),
        ("to: tflite", "array", ""),
        ("- a\n- b", "mapping", ""),
        ("a: &a [1]\nb: *a", "aliases", ""),
        ("io: int8\nio: uint8", "stands twice", ""),
        ("a: [", "not a YAML recipe", ""),
    ],
)
def test_check_says_what_is_wrong(tmp_path: Path, content: str, message: str, hint: str) -> None:
    error = refusal(tmp_path, content)
    assert error.exit_code == 2
    assert message in error.message
    assert hint in error.hint


def test_check_misses_a_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = [row for row in STAGES if row.name != "torch_to_torch_fx"]
    monkeypatch.setattr(plan_route, "__defaults__", (without,))
    error = refusal(tmp_path, "to: [torch:int8]")
    assert isinstance(error, NoRouteError)
    assert error.exit_code == 3


def test_check_without_such_a_file() -> None:
    error = run("check", "nowhere.yaml").exception
    assert isinstance(error, UsageError)


def test_the_schema_describes_every_stage_and_key() -> None:
    definitions: dict[str, Any] = json.loads(run("schema").stdout)["$defs"]
    recipe = definitions["Recipe"]
    assert recipe["additionalProperties"] is False
    assert set(definitions["StageTable"]["properties"]) == {row.name for row in STAGES}
    assert recipe["properties"]["layout"]["description"].startswith("shorthand")
    assert recipe["properties"]["io"]["description"].startswith("shorthand")
    for row in STAGES:
        properties = definitions[row.options.__name__]["properties"]
        assert set(properties) == {field.name for field in fields_of(row.options)}
        assert all(entry["description"] for entry in properties.values())


def fields_of(kind: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def test_a_description_that_goes_on_in_a_second_line_is_whole() -> None:
    definitions = json.loads(run("schema").stdout)["$defs"]
    text = definitions["OnnxToSavedmodelOptions"]["properties"]["layout"]["description"]
    assert text.endswith("where the input feeds a convolution.")
    assert "  " not in text
