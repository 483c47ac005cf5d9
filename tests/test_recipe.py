"""Recipes: what is not understood is refused with one line that names the key, and the nearest known one."""

import json

import msgspec
import pytest

from convertkit import recipe as module
from convertkit.config.run_settings import GateOptions
from convertkit.errors import UsageError
from convertkit.recipe import Recipe, decode_recipe, find_recipe, load_recipe, recipe_names, recipe_schema
from convertkit.registry import STAGES
from convertkit.words import worded_recipe

FULL = """\
summary: everything at once
to: [onnx, 'tflite:int8']
samples: samples.npz
inputs: ['image:float32[batch,1,8,8]']
bind: [rate=16000]
batch: 1
static: false
output_names: [a, b]
factory: models:build
factory_args: {num_classes: 3}
allow_missing: ['head.*']
allow_extra: ['loss.*']
layout: source
io: int8
backend: torch.ao
quality: high
device: cpu
stages:
  torch_to_onnx: {exporter: torchscript, opset: 21}
  onnx_to_savedmodel: {batch: static, sample_data: false}
  savedmodel_to_tflite: {per_channel: false}
sampling: {calibration: 10, mean: [0.5, 0.5, 0.5], color: bgr}
gate: {min_sqnr_db: 30, max_accuracy_drop: 0.02}
budget: {sqnr_db: 25, minutes: 5}
bench: {rounds: 3, threads: 2}
limits: {job_seconds: 60, memory_bytes: 1000000}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of recipes that come with the package, and an empty current folder."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "mobile-int8.yaml").write_text("summary: for phones\nto: ['tflite:int8']\n")
    (shipped / "server-onnx.yaml").write_text("to: [onnx]\n")
    (shipped / "notes.txt").write_text("no recipe")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(module, "recipe_folder", lambda: shipped)
    return here


@pytest.fixture
def load(folder):
    def write_and_load(text):
        data = text if isinstance(text, bytes) else text.encode()
        (folder / "r.yaml").write_bytes(data)
        return load_recipe("r.yaml")

    return write_and_load


def refused(call, *words):
    with pytest.raises(UsageError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return caught.value


class TestReading:
    def test_every_key(self, load):
        recipe = load(FULL)
        assert recipe.to == ("onnx", "tflite:int8")
        assert recipe.stages.torch_to_onnx.opset == 21
        assert recipe.stages.onnx_to_savedmodel.sample_data is False
        assert recipe.stages.onnx_to_savedmodel.layout == "auto"
        assert recipe.sampling.mean == (0.5, 0.5, 0.5)
        assert recipe.gate == GateOptions(30.0, 0.02)
        assert recipe.limits.job_seconds == 60.0

    def test_every_field_of_a_recipe_is_in_that_example(self, load):
        assert {field.name for field in msgspec.structs.fields(Recipe)} == set(msgspec.yaml.decode(FULL))

    @pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "---\n"])
    def test_an_empty_recipe_is_the_defaults(self, load, text):
        assert load(text) == Recipe()

    def test_every_stage_has_its_options(self):
        for row in STAGES:
            assert getattr(Recipe().stages, row.name) == row.options()

    @pytest.mark.parametrize("text", ["[gpu, nnapi]", "gpu,nnapi", "'gpu, nnapi'"])
    def test_a_list_of_choices_may_be_words_between_commas(self, load, text):
        assert load(f"gate: {{delegate: {text}}}" if "[" in text else f"gate:\n  delegate: {text}").gate == (
            GateOptions(delegate=("gpu", "nnapi"))
        )

    def test_a_word_that_is_no_choice_of_a_list(self, load):
        error = refused(lambda: load("gate: {delegate: gpx}"), "gate.delegate cannot be 'gpx'")
        assert error.hint == "did you mean 'gpu'?"

    def test_a_recipe_survives_plain_values(self, load):
        recipe = load(FULL)
        assert decode_recipe(msgspec.to_builtins(recipe), "again") == recipe

    def test_the_schema_is_json_and_names_every_key(self):
        text = json.dumps(recipe_schema())
        for word in ("min_sqnr_db", "torch_to_onnx", "keep_shape", "job_seconds"):
            assert word in text


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("text", "key", "nearest"),
        [
            ("sumary: x", "sumary", "summary"),
            ("gates: {}", "gates", "gate"),
            ("gate: {min_snqr_db: 3}", "gate.min_snqr_db", "min_sqnr_db"),
            ("stages: {torch_to_onx: {}}", "stages.torch_to_onx", "torch_to_onnx"),
            ("stages: {torch_to_onnx: {op_set: 20}}", "stages.torch_to_onnx.op_set", "opset"),
            ("sampling: {colour: rgb}", "sampling.colour", "color"),
            ("bench: {round: 3}", "bench.round", "rounds"),
            ("limits: {memory: 3}", "limits.memory", "memory_bytes"),
        ],
    )
    def test_at_every_depth(self, load, text, key, nearest):
        error = refused(lambda: load(text), f"unknown key '{key}'", "r.yaml")
        assert error.hint == f"did you mean '{nearest}'?"

    def test_nothing_near_lists_what_there_is(self, load):
        error = refused(lambda: load("xyzzy: 1"), "'xyzzy'")
        assert error.hint.startswith("known: summary, to, samples")

    @pytest.mark.parametrize("text", ["1: x", "null: x", "true: x", "1.5: {a: b}", "gate: {2: 3}"])
    def test_keys_that_are_no_words(self, load, text):
        refused(lambda: load(text), "unknown key")

    @pytest.mark.parametrize(
        ("text", "key"),
        [("to: [onnx]\nto: [tflite]", "to"), ("gate: {min_sqnr_db: 1, min_sqnr_db: 2}", "min_sqnr_db")],
    )
    def test_a_key_that_stands_twice(self, load, text, key):
        refused(lambda: load(text), f"'{key}' stands twice")


class TestWrongValues:
    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("device: no", "$.device"),
            ("summary: yes", "$.summary"),
            ("summary: 3", "$.summary"),
            ("summary: 2024-01-01", "$.summary"),
            ("to: onnx", "$.to"),
            ("to: [1]", "$.to"),
            ("layout: nhwc", "layout cannot be 'nhwc'"),
            ("io: float16", "io cannot be 'float16'"),
            ("gate: 3", "$.gate"),
            ("gate:", "$.gate"),
            ("gate: []", "$.gate"),
            ("gate: {min_sqnr_db: '30'}", "$.gate.min_sqnr_db"),
            ("gate: {min_sqnr_db: .nan}", "$.gate.min_sqnr_db"),
            ("gate: {min_sqnr_db: .inf}", "$.gate.min_sqnr_db"),
            ("gate: {max_accuracy_drop: 1.5}", "$.gate.max_accuracy_drop"),
            ("gate: {max_accuracy_drop: -0.1}", "$.gate.max_accuracy_drop"),
            ("gate: {require_dynamic_axes: 1}", "$.gate.require_dynamic_axes"),
            ("stages: {torch_to_onnx: {opset: 14}}", "$.stages.torch_to_onnx.opset"),
            ("stages: {torch_to_onnx: {opset: 20.5}}", "$.stages.torch_to_onnx.opset"),
            ("stages: {onnx_to_savedmodel: {batch: 3}}", "$.stages.onnx_to_savedmodel.batch"),
            ("sampling: {calibration: 0}", "$.sampling.calibration"),
            ("sampling: {std: [0]}", "$.sampling.std"),
            ("bench: {calls: 1}", "$.bench.calls"),
            ("bench: {rounds: -1}", "$.bench.rounds"),
            ("limits: {job_seconds: 0}", "$.limits.job_seconds"),
            ("limits: {job_seconds: .nan}", "$.limits.job_seconds"),
            ("limits: {memory_bytes: 1e9}", None),
        ],
    )
    def test_are_refused_with_their_place(self, load, text, place):
        if place is None:  # YAML 1.1 reads 1e9 as a word
            refused(lambda: load(text), "memory_bytes")
        else:
            refused(lambda: load(text), place, "r.yaml")

    @pytest.mark.parametrize("text", ["- onnx", "onnx", "3", "false", "0", "''"])
    def test_a_recipe_is_a_mapping(self, load, text):
        refused(lambda: load(text), "a recipe is a mapping")


class TestNotYaml:
    @pytest.mark.parametrize(
        "text",
        [
            "to: [onnx",
            "a: b: c",
            "\tto: x",
            b"\xff\xfe\x00x",
            b"\x80\x04K\x01.",
            "summary: !!python/object/apply:os.system ['true']",
            "summary: !unknown x",
            "summary: 2024-13-45",
            "bench: {rounds: 0b_}",
            "? [a]\n: b",
            "{a: 1}: 2",
            "--- {}\n--- {}",
            "[" * 5000,
        ],
    )
    def test_is_told_in_one_line(self, load, text):
        refused(lambda: load(text), "r.yaml is not a YAML recipe")

    def test_aliases_are_refused_before_they_expand(self, load):
        bomb = "a: &a [x, x]\n" + "".join(
            f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        )
        refused(lambda: load(bomb), "aliases are not allowed")

    def test_a_huge_file_is_not_read(self, load, folder, monkeypatch):
        monkeypatch.setattr(module, "LARGEST_BYTES", 100)
        refused(lambda: load("summary: " + "x" * 200), "no recipe is that large")


class TestFinding:
    def test_by_name(self, folder):
        assert recipe_names() == ["mobile-int8", "server-onnx"]
        assert load_recipe("mobile-int8").to == ("tflite:int8",)

    def test_by_path(self, folder):
        (folder / "mine.yaml").write_text("to: [savedmodel]")
        assert load_recipe("mine.yaml").to == ("savedmodel",)
        assert load_recipe(str(folder / "mine.yaml")).to == ("savedmodel",)

    def test_a_name_wins_over_a_file_of_the_same_name(self, folder):
        (folder / "mobile-int8").write_text("to: [onnx]")
        assert load_recipe("mobile-int8").to == ("tflite:int8",)

    @pytest.mark.parametrize(
        ("name", "nearest"), [("mobile-in8", "mobile-int8"), ("server_onnx", "server-onnx"), ("mobile", None)]
    )
    def test_a_misspelt_name(self, folder, name, nearest):
        error = refused(lambda: find_recipe(name), f"no recipe '{name}'")
        assert nearest is None or error.hint == f"did you mean '{nearest}'?"

    @pytest.mark.parametrize("name", ["../shipped/mobile-int8", ".", "", "no/such.yaml", "x" * 300, "a\0b"])
    def test_what_is_no_recipe(self, folder, name):
        refused(lambda: find_recipe(name), "no recipe")

    def test_a_file_that_cannot_be_read(self, folder, monkeypatch):
        (folder / "r.yaml").write_text("{}")

        def refuse(*arguments, **options):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("pathlib.Path.read_text", refuse)
        refused(lambda: load_recipe("r.yaml"), "r.yaml", "Permission denied")


def test_recipes_that_ship_have_a_summary_and_can_be_read():
    for name in recipe_names():
        recipe = load_recipe(name)
        assert recipe.summary, name
        assert recipe.to, name


@pytest.mark.parametrize(
    ("content", "key", "hint"),
    [
        ({"sampling": {"crop": "middle"}}, "sampling.crop", "known: center, none"),
        ({"sampling": {"color": "grey"}}, "sampling.color", "did you mean 'gray'?"),
        ({"sampling": {"accept": ["range", "classses"]}}, "sampling.accept", "did you mean 'classes'?"),
        ({"layout": "nhwc"}, "layout", "known: auto, source, channels-last"),
        ({"stages": {"savedmodel_to_tflite": {"quantizer": "lite"}}}, "quantizer", "did you mean 'litert'?"),
    ],
)
def test_a_word_that_is_no_choice_is_told_with_those_there_are(content, key, hint):
    with pytest.raises(UsageError) as caught:
        decode_recipe(content, "options")
    assert key in caught.value.message
    assert caught.value.hint == hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("quality", "rounding"), [("fast", "nearest"), ("default", "auto"), ("high", "best")]
)
def test_quality_is_a_shorthand_for_rounding_of_every_stage_that_has_it(quality, rounding):
    stages = worded_recipe(quality=quality).stages
    assert stages.savedmodel_to_tflite.rounding == stages.onnx_to_onnx_int8.rounding == rounding
    named = worded_recipe(settings=["stages.onnx_to_onnx_int8.rounding=compensated"]).stages
    assert named.onnx_to_onnx_int8.rounding == "compensated"
    assert named.savedmodel_to_tflite.rounding == "auto"


class TestFactoryArguments:
    def test_they_are_a_json_object_or_a_mapping(self):
        wanted = {"num_classes": 3, "pretrained": False}
        assert worded_recipe(factory_args=json.dumps(wanted)).factory_args == wanted
        assert worded_recipe(factory_args=wanted).factory_args == wanted

    @pytest.mark.parametrize("text", ["3", "{num_classes: 3}", "[1]", "num_classes=3"])
    def test_anything_else_is_told_with_an_example(self, text):
        with pytest.raises(UsageError, match="is no JSON object") as caught:
            worded_recipe(factory_args=text)
        assert caught.value.hint == """for example --factory-args '{"num_classes": 3}'"""
