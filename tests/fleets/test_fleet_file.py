"""FLEET.yaml: jobs settled before the first one starts, and one line for what cannot be."""

import pytest

from convertkit.errors import UsageError
from convertkit.fleets.fleet_file import load_fleet
from convertkit.fleets.job import key_of


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a fleet's file into the current folder, which holds a few models."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.onnx", "b.onnx", "x/model.pt2", "y/model.pt2", "p/net.onnx", "q/net.onnx"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())

    def written(text):
        (tmp_path / "fleet.yaml").write_text(text)
        return load_fleet(tmp_path.joinpath("fleet.yaml").relative_to(tmp_path))

    return written


def names(fleet):
    return [job.name for job in fleet.jobs]


def test_an_entry_may_be_a_path_a_pattern_or_a_mapping(write):
    fleet = write(
        "defaults: {to: [onnx]}\nmodels: ['*.onnx', {model: x/model.pt2}, {model: a.onnx, name: mine}]"
    )
    assert names(fleet) == ["a", "b", "x", "mine"]
    assert fleet.jobs[0].folder == "build/fleet/a"


def test_words_of_an_entry_win_over_the_defaults(write):
    fleet = write("defaults: {to: [onnx], batch: 4}\nmodels: [{model: a.onnx, to: [tflite:float32]}]")
    assert fleet.jobs[0].recipe.to == ("tflite:float32",)
    assert fleet.jobs[0].recipe.batch == 4


def test_each_recipe_is_a_job_of_its_own(write):
    fleet = write("models: [{model: a.onnx, samples: s.npz, recipes: [mobile-int8, server-onnx]}]")
    assert names(fleet) == ["a-mobile-int8", "a-server-onnx"]


def test_models_of_the_same_name_take_their_folders(write):
    assert names(write("defaults: {to: [onnx]}\nmodels: ['?/net.onnx']")) == ["p-net", "q-net"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: []", "names no model"),
        ("- a.onnx", "a fleet is a mapping"),
        ("models: a.onnx", "a fleet is a mapping"),
        ("models: [{name: a}]", "has no model"),
        ("models: [a.onnx]", "nothing to convert to"),
        ("models: [{model: a.onnx, too: [onnx]}]", "unknown key 'too'"),
        ("defaults: {too: [onnx]}\nmodels: [a.onnx]", "unknown key 'too'"),
        ("models: [{model: a.onnx, to: [tflight]}]", "tflight"),
        ("models: [{model: a.onnx, to: [onnx], quality: best}]", "quality"),
        ("models: [{model: '*.h5', to: [keras]}]", "no file is like"),
        ("models: [{model: a.onnx, to: [onnx]}, {model: a.onnx, to: [onnx]}]", "2 jobs are called"),
        ("latency: often\nmodels: [{model: a.onnx, to: [onnx]}]", "latency cannot be 'often'"),
        ("models: [{model: a.onnx, recipes: [nowhere]}]", "no recipe 'nowhere'"),
        ("models: [a: b: c]", "is not YAML"),
    ],
)
def test_what_cannot_be_settled_is_told_in_one_line(write, text, message):
    with pytest.raises(UsageError, match=message) as caught:
        write(text)
    assert "\n" not in str(caught.value)


def test_a_job_is_the_same_as_long_as_nothing_that_it_is_made_of_changes(write, tmp_path):
    text = "models: [{model: a.onnx, to: [onnx]}]"
    key = key_of(write(text).jobs[0])
    assert key_of(write(text).jobs[0]) == key
    assert key_of(write("models: [{model: a.onnx, to: [onnx], batch: 1}]").jobs[0]) != key
    (tmp_path / "a.onnx").write_bytes(b"another")
    assert key_of(write(text).jobs[0]) != key
