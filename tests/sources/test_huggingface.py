"""Hugging Face folders as data: what they are, what cannot be used, how their images are prepared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import handmade
import pytest

from convertkit.config.run_settings import SampleOptions
from convertkit.errors import ModelFileError
from convertkit.samples.preprocessing import with_settings
from convertkit.sources import Kind, inspect_source
from convertkit.sources.preprocessor import image_settings

CONFIG = {"model_type": "bert", "architectures": ["BertModel"], "max_position_embeddings": 64}


def made(folder: Path, config: Any = CONFIG, **files: bytes) -> Path:
    """A folder with a configuration and these files; `__` in a name is a dot."""
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def test_a_folder_is_told_by_its_configuration(tmp_path: Path) -> None:
    source = inspect_source(made(tmp_path, model__safetensors=handmade.safetensors()))
    assert (source.kind, source.refusals) == (Kind.HUGGINGFACE, ())
    assert source.ranges == {"tokens": (1, 64)}
    assert source.details["class"] == "BertModel"
    assert source.details["weights"] == "model.safetensors"


def test_a_pickle_among_the_weights_is_checked(tmp_path: Path) -> None:
    plain = inspect_source(made(tmp_path, pytorch_model__bin=handmade.torch_zip()))
    assert plain.refusals == ()
    evil = b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."
    source = inspect_source(made(tmp_path, pytorch_model__bin=handmade.torch_zip(evil)))
    assert "pytorch_model.bin: it wants to import" in source.refusals[0]


class TestShards:
    INDEX = "model.safetensors.index.json"

    def folder(self, tmp_path: Path, *names: str) -> Path:
        """A folder whose index names these files, with the first of them."""
        made(tmp_path, a__safetensors=handmade.safetensors())
        table = {str(number): name for number, name in enumerate(names)}
        (tmp_path / self.INDEX).write_text(json.dumps({"weight_map": table}))
        return tmp_path

    def test_all_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "b.safetensors").write_bytes(handmade.safetensors())
        source = inspect_source(self.folder(tmp_path, "a.safetensors", "b.safetensors"))
        assert source.details["weights"] == "a.safetensors, b.safetensors"

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("b.safetensors", "a shard of the weights is missing: 'b.safetensors'"),
            ("../b.safetensors", "outside of the folder"),
            ("/etc/passwd", "outside of the folder"),
        ],
    )
    def test_one_that_is_not_there(self, name: str, told: str, tmp_path: Path) -> None:
        with pytest.raises(ModelFileError, match=told):
            inspect_source(self.folder(tmp_path, "a.safetensors", name))


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
UNUSABLE: dict[str, tuple[Any, dict[str, bytes], str]] = {
    "no weights": (CONFIG, {}, "without weights"),
    "tensorflow": (CONFIG, {"tf_model__h5": b"x"}, r"weights of TensorFlow alone.*from_tf=True"),
    "flax": (CONFIG, {"flax_model__msgpack": b"x"}, "weights of Flax alone"),
    "pointer": (CONFIG, {"model__safetensors": LFS}, r"git-lfs pointer.*git -C .* lfs pull"),
    "text": (CONFIG, {"model__safetensors": b"hello"}, "holds no weights"),
    "no json": ("{", {}, r"config\.json is no JSON"),
    "a list": ("[]", {}, "holds no object"),
    "another program's": ({"a": 1}, {}, "names no model_type"),
    "quantized": (
        CONFIG | {"quantization_config": {"quant_method": "gptq"}},
        {},
        "quantized already, by 'gptq'",
    ),
    "diffusers": ({"_class_name": "UNet2DConditionModel"}, {}, "a part of a diffusers pipeline"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_folders_that_cannot_be_used_say_what_to_do(name: str, tmp_path: Path) -> None:
    config, files, told = UNUSABLE[name]
    with pytest.raises(ModelFileError, match=told):
        inspect_source(made(tmp_path, config, **files))


def test_folders_that_are_no_single_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelFileError, match="a PEFT adapter"):
        inspect_source(tmp_path)
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text("{}")
    with pytest.raises(ModelFileError, match=r"a diffusers pipeline.*give one of them: .*unet"):
        inspect_source(tmp_path)


@pytest.mark.parametrize(
    "name", ["bert-base-uncased", "google/vit-base-patch16-224", "openai/whisper-tiny.en"]
)
def test_a_name_on_the_hub_is_answered_by_how_to_get_it(name: str) -> None:
    with pytest.raises(ModelFileError, match="nothing is fetched") as caught:
        inspect_source(Path(name))
    assert f"hf download {name} --local-dir {name.rpartition('/')[2]}" in caught.value.hint


@pytest.mark.parametrize("name", ["model.pt", "runs/best.pt", "/no/such/folder", "./net", "a/b/c"])
def test_a_path_is_no_name_on_the_hub(name: str) -> None:
    with pytest.raises(ModelFileError, match="no such file"):
        inspect_source(Path(name) if name[0] != "." else Path.cwd() / name)


VIT = {
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 3,
    "size": {"height": 32, "width": 32},
}


class TestImages:
    def test_mean_std_and_size(self) -> None:
        wanted = {"mean": (0.5, 0.4, 0.3), "std": (0.5, 0.5, 0.5), "interpolation": "bicubic", "crop": "none"}
        assert image_settings(VIT | {"rescale_factor": 1 / 255}) == wanted

    def test_the_shorter_side_and_the_middle(self) -> None:
        found = image_settings(VIT | {"size": {"shortest_edge": 256}})
        assert (found["crop"], found["resize"]) == ("center", 256)
        assert image_settings(VIT | {"size": 224, "crop_pct": 0.875})["resize"] == 256

    @pytest.mark.parametrize("changed", [{"rescale_factor": 1 / 127.5}, {"do_rescale": False}])
    def test_another_scale_goes_into_mean_and_std(self, changed: dict[str, Any]) -> None:
        found = image_settings(VIT | changed)
        pixel, factor = 200.0, changed.get("rescale_factor", 1.0)
        ours = (pixel / 255 - found["mean"][0]) / found["std"][0]
        assert ours == pytest.approx((pixel * factor - 0.5) / 0.5)

    def test_without_normalization(self) -> None:
        found = image_settings(VIT | {"do_normalize": False})
        assert (found["mean"], found["std"]) == ((0.0,), (1.0,))

    def test_a_tokenizers_or_sounds_configuration_says_nothing(self) -> None:
        assert image_settings({"feature_extractor_type": "WhisperFeatureExtractor"}) == {}

    def test_what_was_asked_for_stays(self) -> None:
        options, notes = with_settings(SampleOptions(mean=(0.1,)), image_settings(VIT))
        assert (options.mean, options.std, options.crop) == ((0.1,), (0.5, 0.5, 0.5), "none")
        assert "std 0.5/0.5/0.5" in notes[0]
        assert "mean" not in notes[0]
        assert with_settings(SampleOptions(), {}) == (SampleOptions(), ())
