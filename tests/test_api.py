"""The Python interface: how a recipe, arguments and settings become one recipe."""

from pathlib import Path

import pytest

import convertkit
from convertkit.api import convert
from convertkit.config.keys import set_key
from convertkit.errors import UsageError
from convertkit.recipe import Recipe, decode_recipe
from convertkit.words import merge


def merged(recipe=None, *settings, **given):
    return merge(decode_recipe(recipe or {}, "test"), {**given, "settings": settings})


def refused(call, *words):
    with pytest.raises(UsageError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


class TestMerge:
    def test_nothing_changes_nothing(self):
        assert merged() == Recipe()
        recipe = {"to": ["onnx"], "gate": {"min_sqnr_db": 3.0}, "device": "cpu", "sampling": {"mean": [0.5]}}
        assert merged(recipe) == decode_recipe(recipe, "test")

    def test_what_is_given_wins_over_the_recipe(self):
        recipe = {"to": ["onnx"], "samples": "a.npz", "device": "cpu"}
        result = merged(recipe, to=["tflite"], samples="b.npz", device="cuda")
        assert (result.to, result.samples, result.device) == (("tflite",), "b.npz", "cuda")

    def test_what_is_not_given_stays(self):
        assert merged({"to": ["onnx"], "factory": "a:b"}).factory == "a:b"

    def test_settings_win_over_all(self):
        result = merged({"device": "cpu"}, "device=auto", "to=[savedmodel]", device="cuda", to=["onnx"])
        assert (result.device, result.to) == ("auto", ("savedmodel",))

    def test_gate_takes_keys_of_its_section(self):
        recipe = merged({}, gate=["delegate=gpu", "int8.min_sqnr_db=25"])
        assert (recipe.gate.delegate, recipe.gate.int8.min_sqnr_db) == (("gpu",), 25)

    def test_the_later_setting_wins(self):
        assert merged(None, "bench.rounds=3", "bench.rounds=4").bench.rounds == 4

    def test_shorthands_reach_every_stage_that_has_the_option(self):
        result = merged(layout="source", io="uint8")
        assert result.stages.onnx_to_savedmodel.layout == "source"
        assert result.stages.savedmodel_to_tflite.io == "uint8"

    def test_shorthands_of_the_recipe_and_of_settings_do_as_well(self):
        assert merged({"io": "int8"}).stages.savedmodel_to_tflite.io == "int8"
        assert merged(None, "io=int8").stages.savedmodel_to_tflite.io == "int8"

    def test_a_stage_option_without_a_shorthand_stays(self):
        recipe = {"stages": {"onnx_to_savedmodel": {"layout": "source"}}}
        assert merged(recipe).stages.onnx_to_savedmodel.layout == "source"

    @pytest.mark.parametrize(
        ("setting", "words"),
        [
            ("gate.min_snqr_db=3", "gate.min_snqr_db"),
            ("gates.min_sqnr_db=3", "gates"),
            ("stages.torch_to_onx.opset=20", "stages.torch_to_onx"),
            ("gate.min_sqnr_db=much", "$.gate.min_sqnr_db"),
            ("stages.torch_to_onnx.opset=3", "$.stages.torch_to_onnx.opset"),
            ("to=onnx", "$.to"),
            ("stages=1", "$.stages"),
            ("stages.savedmodel_to_tflite=1", "$.stages.savedmodel_to_tflite"),
            ("=1", "unknown key"),
            (".=1", "unknown key"),
            ("gate..x=1", "unknown key"),
        ],
    )
    def test_bad_settings(self, setting, words):
        refused(lambda: merged(None, setting), words)
        refused(lambda: merged(None, setting, io="int8", layout="source"), words)

    def test_an_empty_value_goes_back_to_the_default(self):
        assert merged({"gate": {"min_sqnr_db": 3.0}}, "gate.min_sqnr_db=").gate.min_sqnr_db is None

    @pytest.mark.parametrize(
        ("given", "words"), [({"layout": "nchw"}, "layout"), ({"io": "int4"}, "io"), ({"to": [3]}, "to")]
    )
    def test_bad_arguments(self, given, words):
        refused(lambda: merged(None, **given), words)


class TestSetKey:
    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("a.b=3", 3),
            ("a.b=3.5", 3.5),
            ("a.b=x", "x"),
            ("a.b=true", True),
            ("a.b=null", None),
            ("a.b=[1, 2]", [1, 2]),
            ("a.b=c=d", "c=d"),
            (" a.b =1", 1),
            ("a.b='3'", "3"),
        ],
    )
    def test_values_are_yaml(self, setting, value):
        content = {"a": {"b": 0, "c": 1}}
        set_key(content, setting)
        assert content == {"a": {"b": value, "c": 1}}
        assert type(content["a"]["b"]) is type(value)

    @pytest.mark.parametrize("setting", ["", "a.b", "a.b:3"])
    def test_without_an_equals_sign(self, setting):
        refused(lambda: set_key({}, setting), "is not KEY=VALUE", "gate.min_sqnr_db=30")

    @pytest.mark.parametrize("setting", ["a=[1", "a={", "a=!!python/name:os.system", "a=2024-13-45", "a=@"])
    def test_a_value_that_is_not_yaml(self, setting):
        refused(lambda: set_key({}, setting), "the value is not YAML")

    @pytest.mark.parametrize("value", [1, "x", [1]])
    def test_a_key_below_a_plain_value(self, value):
        refused(lambda: set_key({"a": value}, "a.b=1"), "'a' has no keys of its own")

    def test_a_key_below_a_section_that_is_off(self):
        content = {"budget": None}
        set_key(content, "budget.sqnr_db=25")
        assert content == {"budget": {"sqnr_db": 25}}


def test_usage_errors_come_before_any_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(lambda: convert("model.pt2"), "nothing to convert to")
    refused(lambda: convert("model.pt2", to="tflit"), "did you mean 'tflite'?")
    refused(lambda: convert("model.pt2", to="tflite:int8"), "needs real samples")
    refused(lambda: convert("model.pt2", to="onnx", recipe="no-such"), "no recipe 'no-such'")
    refused(lambda: convert("model.pt2", to="onnx", device="gpu"), "unknown device")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", convertkit.PUBLIC)
def test_public_names_are_there(name):
    assert callable(getattr(convertkit, name))


def test_public_names_are_all_declared():
    assert set(convertkit.__all__) <= {*convertkit.PUBLIC, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        convertkit.nothing  # noqa: B018


def test_no_folder_takes_the_place_of_a_public_name():
    """`convertkit.blame` is a function: a folder of that name would hide it once it is imported."""
    folders = {path.parent.name for path in Path(convertkit.__file__).parent.glob("*/__init__.py")}
    assert not folders & set(convertkit.PUBLIC)


def test_an_unknown_keyword_is_named_with_the_nearest_known():
    with pytest.raises(TypeError, match=r"'sampels' .*'samples'"):
        convert("model.pt2", to="onnx", sampels="x.npz")
