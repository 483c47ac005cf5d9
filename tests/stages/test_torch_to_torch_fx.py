"""PyTorch → PyTorch INT8, loaded back by the runtime and judged against the float model."""

from __future__ import annotations

import zipfile
from typing import Any

import msgspec
import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.config.torch_options import TorchToTorchFxOptions
from convertkit.errors import StageError
from convertkit.registry import parse_variant
from convertkit.workers.answers import Converted
from convertkit.workers.jobs import ConvertJob
from tests.conftest import FIXTURES, Lab, fixture_samples, sqnr_db
from tests.stages.odd import GRAPH, SAMPLES, odd_sources

pytestmark = pytest.mark.slow

STAGE, TARGET = "torch_to_torch_fx", "torch:int8"
FORMS = [("model.state_dict.pt", "state-dict"), ("model.pt2", "exported-program")]


@pytest.fixture(scope="module")
def odd(lab: Lab) -> dict[str, Artifact]:
    """Models that quantization has trouble with."""
    return odd_sources(lab)


def calibration(name: str) -> Arrays:
    """Half of a fixture's samples, at most 64."""
    samples = fixture_samples(name)
    count = min(64, len(next(iter(samples.values()))) // 2)
    return {key: values[:count] for key, values in samples.items()}


def made(lab: Lab, name: str, form: tuple[str, str] = FORMS[0], **options: Any) -> Artifact:
    """A fixture in INT8."""
    return lab.convert(STAGE, lab.fixture(name, *form), TARGET, calibration(name), options)


def notes(lab: Lab, source: Artifact, samples: Arrays, **options: Any) -> str:
    """What the stage has to say of a conversion."""
    scratch = lab.path("scratch")
    scratch.mkdir()
    chosen = msgspec.convert({"engine": "x86"} | options, TorchToTorchFxOptions)
    job = ConvertJob(
        STAGE,
        source,
        parse_variant(TARGET),
        msgspec.to_builtins(chosen),
        str(lab.path("model.int8.pt")),
        str(scratch),
        str(lab.write({key: values[:2] for key, values in samples.items()})),
        str(lab.write(samples)),
    )
    answer = lab.workers.ask("torch", job, "lab.log")
    assert isinstance(answer, Converted)
    return "\n".join(answer.notes)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["digits", "mlp", "transformer", "two_inputs"])
def test_it_agrees_at_several_batches_on_samples_that_calibration_never_saw(
    lab: Lab, name: str, form: tuple[str, str]
) -> None:
    source = lab.fixture(name, *form)
    artifact = made(lab, name, form)
    assert artifact.signature == source.signature
    rest = {key: values[-16:] for key, values in fixture_samples(name).items()}
    for chunk in (1, 3, 16):
        wanted, got = lab.infer(source, rest, chunk), lab.infer(artifact, rest, chunk)
        for key in wanted:
            assert 21 < sqnr_db(wanted[key], got[key]) < 60, (chunk, key)  # quantized, and well


@pytest.mark.parametrize("form", FORMS)
def test_accuracy_on_held_out_digits_falls_by_less_than_a_point(lab: Lab, form: tuple[str, str]) -> None:
    held_out = {"image": fixture_samples("digits")["image"][64:]}
    labels = np.load(FIXTURES / "digits" / "samples.npz")["labels"][64:]
    right = [
        float(np.mean(lab.infer(artifact, held_out)["output"].argmax(axis=1) == labels))
        for artifact in (lab.fixture("digits"), made(lab, "digits", form))
    ]
    assert right[0] - right[1] <= 0.01


@pytest.mark.parametrize("form", FORMS)
def test_an_mlp_is_a_quarter_of_its_size(lab: Lab, form: tuple[str, str]) -> None:
    source = lab.fixture("mlp", *form)
    assert made(lab, "mlp", form).size_bytes <= 0.30 * source.size_bytes


@pytest.mark.parametrize(
    "options",
    [{"engine": "fbgemm"}, {"engine": "qnnpack"}, {"calibration": "minmax"}, {"per_channel": False}],
)
def test_every_other_option_makes_a_sound_artifact(lab: Lab, options: dict[str, Any]) -> None:
    few = {"image": fixture_samples("digits")["image"][-64:]}
    wanted = lab.infer(lab.fixture("digits"), few)["output"]
    artifact = made(lab, "digits", **options)
    assert artifact.sha256 != made(lab, "digits").sha256
    assert sqnr_db(wanted, lab.infer(artifact, few)["output"]) > 15
    with zipfile.ZipFile(artifact.path) as archive:
        engine = next(archive.read(name) for name in archive.namelist() if name.endswith("/extra/engine"))
    assert engine.decode() == options.get("engine", "x86")


def test_the_notes_say_what_was_quantized_and_the_engine(lab: Lab) -> None:
    said = notes(lab, lab.fixture("mlp", *FORMS[0]), calibration("mlp"))
    assert "2 of 2 weights of the module are INT8, 100% of their values" in said
    assert "engine: x86" in said


def test_rounding_with_compensation_gains_at_the_same_size_and_gives_the_same_bytes(lab: Lab) -> None:
    few = {"image": fixture_samples("digits")["image"][-64:]}
    wanted = lab.infer(lab.fixture("digits"), few)["output"]
    plain, refined, again = (made(lab, "digits", rounding=way) for way in ("nearest", *["compensated"] * 2))
    figures = [sqnr_db(wanted, lab.infer(one, few)["output"]) for one in (plain, refined)]
    assert figures[1] > figures[0] + 3
    assert refined.size_bytes <= 1.01 * plain.size_bytes
    assert members(refined.path) == members(again.path)


def test_what_is_quantized_part_by_part_cannot_be_rounded_so(lab: Lab, odd: dict[str, Artifact]) -> None:
    with pytest.raises(StageError, match=r"needs a model that torch\.fx traces"):
        lab.convert(STAGE, odd["branch"], TARGET, SAMPLES["branch"], {"rounding": "compensated"})


def test_a_program_of_pt2e_holds_integers_and_no_path(lab: Lab) -> None:
    source = lab.fixture("mlp", *FORMS[0])
    artifact = made(lab, "mlp", backend="pt2e")
    assert artifact.size_bytes <= 0.30 * source.size_bytes
    with zipfile.ZipFile(artifact.path) as archive:
        program = archive.read(
            next(name for name in archive.namelist() if name.endswith("models/model.json"))
        )
    assert b"quantize_per_tensor" in program
    assert b".py" not in program
    rest = {key: values[-16:] for key, values in fixture_samples("mlp").items()}
    wanted, got = lab.infer(source, rest), lab.infer(artifact, rest)
    assert all(30 < sqnr_db(wanted[key], got[key]) < 60 for key in wanted)


def test_a_transformer_that_fx_would_leave_float_is_exported_first(lab: Lab) -> None:
    said = notes(lab, lab.fixture("transformer", *FORMS[0]), calibration("transformer"))
    assert "8 of 8 weights of its exported graph are INT8" in said


def test_what_no_tracer_takes_is_quantized_part_by_part_and_says_where(
    lab: Lab, odd: dict[str, Artifact]
) -> None:
    said = notes(lab, odd["branch"], SAMPLES["branch"])
    assert "2 of 3 weights of the module, part by part are INT8" in said
    assert "float: seldom.weight" in said  # calibration never ran it
    assert "the module: TraceError" in said
    assert "in Branch.forward, odd_models.py line 20" in said
    artifact = lab.convert(STAGE, odd["branch"], TARGET, SAMPLES["branch"])
    wanted, got = lab.infer(odd["branch"], SAMPLES["branch"]), lab.infer(artifact, SAMPLES["branch"])
    assert 20 < sqnr_db(wanted["output"], got["output"]) < 60


@pytest.mark.parametrize("name", ["recurrent", "words"])
def test_recurrent_layers_and_embeddings_take_integer_weights(
    lab: Lab, odd: dict[str, Artifact], name: str
) -> None:
    assert "100% of their values" in notes(lab, odd[name], SAMPLES[name])
    artifact = lab.convert(STAGE, odd[name], TARGET, SAMPLES[name])
    wanted, got = lab.infer(odd[name], SAMPLES[name]), lab.infer(artifact, SAMPLES[name])
    assert 25 < sqnr_db(wanted["output"], got["output"]) < 60


@pytest.mark.parametrize("engine", ["x86", "fbgemm"])
def test_transposed_convolutions_stay_float(lab: Lab, odd: dict[str, Artifact], engine: str) -> None:
    samples = SAMPLES["upsampling"]
    assert "float: up.weight" in notes(lab, odd["upsampling"], samples, engine=engine)
    artifact = lab.convert(STAGE, odd["upsampling"], TARGET, samples, {"engine": engine})
    wanted, got = lab.infer(odd["upsampling"], samples), lab.infer(artifact, samples)
    assert 25 < sqnr_db(wanted["output"], got["output"]) < 60


def test_an_exported_program_is_quantized_in_all_its_layers(lab: Lab, odd: dict[str, Artifact]) -> None:
    said = notes(lab, odd["graph"], GRAPH, engine="fbgemm")
    assert "4 of 5 weights of the exported program are INT8" in said
    assert "float: up.weight" in said
    artifact = lab.convert(STAGE, odd["graph"], TARGET, GRAPH, {"engine": "fbgemm"})
    for chunk in (1, 3):
        wanted, got = lab.infer(odd["graph"], GRAPH, chunk), lab.infer(artifact, GRAPH, chunk)
        assert 20 < sqnr_db(wanted["output"], got["output"]) < 60


def test_a_model_without_layers_is_refused(lab: Lab, odd: dict[str, Artifact]) -> None:
    with pytest.raises(StageError, match="nothing in this model could be quantized: it has Layerless"):
        lab.convert(STAGE, odd["layerless"], TARGET, SAMPLES["layerless"])


def test_torchscript_is_refused_with_what_to_give_instead(lab: Lab) -> None:
    with pytest.raises(StageError, match=r"give the state dict with --factory, or the exported program"):
        made(lab, "mlp", ("model.torchscript.pt", "torchscript"))


def test_without_calibration_samples_it_is_refused(lab: Lab) -> None:
    scratch, source = lab.path("scratch"), lab.fixture("mlp", *FORMS[0])
    scratch.mkdir()
    job = ConvertJob(
        STAGE, source, parse_variant(TARGET), {"engine": "x86"}, str(lab.path("m")), str(scratch), ""
    )
    with pytest.raises(StageError, match="needs calibration samples"):
        lab.workers.ask("torch", job, "lab.log")


def test_what_the_worker_did_before_leaves_no_trace(lab: Lab) -> None:
    """PyTorch numbers the classes of a process, and the file holds their names."""
    first, second = (members(made(lab, "mlp").path) for _ in range(2))
    assert first == second


def members(path: str) -> dict[str, bytes]:
    """The records of an archive, whose folder has the file's name."""
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
