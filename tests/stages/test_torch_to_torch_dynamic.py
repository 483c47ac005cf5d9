"""PyTorch → PyTorch with INT8 weights, loaded back by the runtime and judged against the float model."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.errors import MissingDependencyError, StageError
from tests.conftest import FIXTURES, ROOT, Lab, fixture_samples, sqnr_db
from tests.pytorch import folders
from tests.stages.odd import SAMPLES, odd_sources

pytestmark = pytest.mark.slow

STAGE, TARGET = "torch_to_torch_dynamic", "torch:int8-dynamic"
FORMS = [("model.state_dict.pt", "state-dict"), ("model.pt2", "exported-program")]


@pytest.fixture(scope="module")
def odd(lab: Lab) -> dict[str, Artifact]:
    """Models that quantization has trouble with."""
    return odd_sources(lab)


def made(lab: Lab, name: str, form: tuple[str, str] = FORMS[0], **options: Any) -> Artifact:
    """A fixture with INT8 weights."""
    return lab.convert(STAGE, lab.fixture(name, *form), TARGET, fixture_samples(name), options)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["digits", "mlp", "transformer", "two_inputs"])
def test_it_agrees_at_several_batches(lab: Lab, name: str, form: tuple[str, str]) -> None:
    source = lab.fixture(name, *form)
    artifact = made(lab, name, form)
    assert artifact.signature == source.signature
    few = {key: values[:16] for key, values in fixture_samples(name).items()}
    for chunk in (1, 3, 16):
        wanted, got = lab.infer(source, few, chunk), lab.infer(artifact, few, chunk)
        for key in wanted:
            assert 28 < sqnr_db(wanted[key], got[key]) < 60, (chunk, key)  # quantized, and well


def test_accuracy_on_held_out_digits_falls_by_less_than_a_point(lab: Lab) -> None:
    labels = np.load(FIXTURES / "digits" / "samples.npz")["labels"]
    right = [
        float(np.mean(lab.infer(artifact, fixture_samples("digits"))["output"].argmax(axis=1) == labels))
        for artifact in (lab.fixture("digits"), made(lab, "digits"))
    ]
    assert right[0] - right[1] <= 0.01


def test_a_scale_a_row_keeps_samples_apart(lab: Lab) -> None:
    samples = {key: values[:8].copy() for key, values in fixture_samples("mlp").items()}
    for values in samples.values():
        values[0] *= 300
    rest = {key: values[1:] for key, values in samples.items()}
    source = lab.fixture("mlp", *FORMS[0])
    figures = {}
    for activations in ("per-tensor", "per-row"):
        artifact = made(lab, "mlp", activations=activations)
        wanted, got = lab.infer(source, samples, 8)["output"], lab.infer(artifact, samples, 8)["output"]
        figures[activations] = sqnr_db(wanted[1:], got[1:])
        alone = lab.infer(artifact, rest, 7)["output"]  # no pixel is negative, so that rows share their sign
        assert np.array_equal(alone, got[1:]) == (activations == "per-row")
    assert figures["per-tensor"] < 10
    assert figures["per-row"] > 30


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_channel", [True, False])
def test_rows_of_any_form(lab: Lab, form: tuple[str, str], per_channel: bool) -> None:
    options = {"activations": "per-row", "per_channel": per_channel}
    for name in ("transformer", "two_inputs"):
        source, artifact = lab.fixture(name, *form), made(lab, name, form, **options)
        few = {key: values[:16] for key, values in fixture_samples(name).items()}
        wanted, got = lab.infer(source, few, 3), lab.infer(artifact, few, 3)
        assert all(28 < sqnr_db(wanted[key], got[key]) < 60 for key in wanted)


@pytest.mark.parametrize("form", FORMS)
def test_an_mlp_is_a_quarter_of_its_size(lab: Lab, form: tuple[str, str]) -> None:
    source = lab.fixture("mlp", *form)
    assert made(lab, "mlp", form).size_bytes <= 0.30 * source.size_bytes


def test_the_file_names_its_engine_runs_no_code_to_load_and_holds_no_path(lab: Lab) -> None:
    artifact = made(lab, "two_inputs", engine="fbgemm")
    with zipfile.ZipFile(artifact.path) as archive:
        members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert members["extra/engine"] == b"fbgemm"
    assert not any(name.endswith(".debug_pkl") for name in members)
    code = b"".join(content for name, content in members.items() if name.startswith("code/"))
    assert b"quantized.linear_dynamic" in code
    assert b"__setstate__" not in code
    assert str(ROOT).encode() not in Path(artifact.path).read_bytes()


def test_attention_is_quantized_by_way_of_the_exported_graph(lab: Lab) -> None:
    source, artifact = lab.fixture("transformer", *FORMS[0]), made(lab, "transformer")
    assert artifact.size_bytes < 0.4 * source.size_bytes  # with float attention 0.64


def test_per_tensor_weights_make_another_file(lab: Lab) -> None:
    fine, coarse = made(lab, "mlp"), made(lab, "mlp", per_channel=False)
    assert coarse.size_bytes < fine.size_bytes


@pytest.mark.parametrize("name", ["branch", "recurrent", "words"])
def test_layers_and_control_flow_of_all_kinds(lab: Lab, odd: dict[str, Artifact], name: str) -> None:
    few = {key: values[:16] for key, values in SAMPLES[name].items()}
    artifact = lab.convert(STAGE, odd[name], TARGET, few)
    for chunk in (1, 3):
        wanted, got = lab.infer(odd[name], few, chunk), lab.infer(artifact, few, chunk)
        assert 30 < sqnr_db(wanted["output"], got["output"]) < 60


def test_a_branch_that_the_example_did_not_take_is_kept(lab: Lab, odd: dict[str, Artifact]) -> None:
    artifact = lab.convert(STAGE, odd["branch"], TARGET, SAMPLES["branch"])
    large = {"x": SAMPLES["branch"]["x"][:8] * 1000}
    wanted, got = lab.infer(odd["branch"], large), lab.infer(artifact, large)
    assert sqnr_db(wanted["output"], got["output"]) > 30


@pytest.mark.parametrize(
    ("name", "kinds"), [("upsampling", "Conv2d, ConvTranspose2d"), ("layerless", "Layerless")]
)
def test_a_model_without_such_layers_is_refused(
    lab: Lab, odd: dict[str, Artifact], name: str, kinds: str
) -> None:
    with pytest.raises(StageError, match=f"nothing in this model could be quantized: it has {kinds}"):
        lab.convert(STAGE, odd[name], TARGET, SAMPLES[name])


def test_torchscript_is_refused_with_what_to_give_instead(lab: Lab) -> None:
    with pytest.raises(StageError, match=r"give the state dict with --factory, or the exported program"):
        made(lab, "mlp", ("model.torchscript.pt", "torchscript"))


def test_an_engine_that_gives_wrong_results_is_not_run(lab: Lab) -> None:
    artifact = made(lab, "mlp")
    path = lab.path("model.int8-dynamic.pt")
    with zipfile.ZipFile(artifact.path) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"onednn" if name.endswith("extra/engine") else old.read(name))
    wrong = Artifact(artifact.variant, str(path), artifact.signature, "other", 0, artifact.loader)
    with pytest.raises(MissingDependencyError, match="cannot run the quantization engine 'onednn'"):
        lab.infer(wrong, {"pixels": fixture_samples("mlp")["pixels"][:2]})


def test_a_folder_of_hugging_face_whose_types_of_tokens_are_a_view(lab: Lab) -> None:
    folder = lab.path("bert")
    folder.mkdir()
    source = lab.source(str(folders.bert(folder, type_vocab_size=1)), Loader("huggingface"), tokens(8, 7))
    assert [spec.name for spec in source.signature.inputs] == ["input_ids", "attention_mask"]  # no types
    artifact = lab.convert(STAGE, source, TARGET, tokens(8, 7))
    assert artifact.signature == source.signature
    for chunk in (1, 3):
        wanted, got = lab.infer(source, tokens(8, 7), chunk), lab.infer(artifact, tokens(8, 7), chunk)
        for key in wanted:
            assert 25 < sqnr_db(wanted[key], got[key]) < 60, (chunk, key)


def tokens(count: int, length: int) -> dict[str, np.ndarray]:
    """Seeded sentences of the folder's words, all of a length."""
    words = np.random.default_rng(0).integers(3, 17, (count, length))
    return {"input_ids": words, "attention_mask": np.ones_like(words)}
