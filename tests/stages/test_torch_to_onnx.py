"""PyTorch → ONNX, judged by ONNX Runtime against PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.errors import StageError
from convertkit.graphs.onnx_graph import module_path
from convertkit.registry import parse_variant
from convertkit.workers.answers import Converted
from convertkit.workers.jobs import ConvertJob
from tests.conftest import ROOT, Lab, fixture_samples, sqnr_db
from tests.stages import odd_models

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "exporter"),
    [
        *((name, "dynamo") for name in ("digits", "mlp", "transformer", "two_inputs")),
        # the tracer writes a fixed batch into the Reshapes of an exported transformer: see test_pipeline
        *((name, "torchscript") for name in ("digits", "mlp", "two_inputs")),
    ],
)
def test_outputs_agree_and_names_and_batch_are_kept(lab: Lab, name: str, exporter: str) -> None:
    source, samples = lab.fixture(name), fixture_samples(name)
    made = lab.convert("torch_to_onnx", source, "onnx", samples, {"exporter": exporter})
    assert [s.name for s in made.signature.inputs] == list(samples)
    assert [s.name for s in made.signature.outputs] == [s.name for s in source.signature.outputs]
    assert all(spec.shape[0] == "batch" for spec in (*made.signature.inputs, *made.signature.outputs))
    few = {key: values[:5] for key, values in samples.items()}
    wanted, got = lab.infer(source, few), lab.infer(made, few)
    assert all(sqnr_db(wanted[key], got[key]) > 100 for key in wanted)


@pytest.mark.parametrize(
    ("file", "kind"), [("model.torchscript.pt", "torchscript"), ("model.safetensors", "safetensors")]
)
def test_other_sources_give_the_same_outputs(lab: Lab, file: str, kind: str) -> None:
    samples = {key: values[:4] for key, values in fixture_samples("digits").items()}
    source = lab.fixture("digits", file, kind)
    exporter = "torchscript" if kind == "torchscript" else "dynamo"
    made = lab.convert("torch_to_onnx", source, "onnx", samples, {"exporter": exporter})
    wanted = lab.infer(lab.fixture("digits"), samples)["output"]
    assert sqnr_db(wanted, lab.infer(made, samples)["output"]) > 100


def test_names_of_torchscript_are_the_model_s_own(lab: Lab) -> None:
    samples = fixture_samples("digits")
    source = lab.fixture("digits", "model.torchscript.pt", "torchscript")
    graph = onnx.load(
        lab.convert("torch_to_onnx", source, "onnx", samples, {"exporter": "torchscript"}).path
    ).graph
    assert {module_path(node) for node in graph.node if node.op_type == "Gemm"} == {"classifier"}
    assert "features.3.layers.2" in {module_path(node) for node in graph.node}
    assert "classifier.weight" in {tensor.name for tensor in graph.initializer}


def test_torchscript_that_returns_a_dict(lab: Lab) -> None:
    samples = fixture_samples("two_inputs")
    source = lab.fixture("two_inputs", "model.torchscript.pt", "torchscript")
    made = lab.convert("torch_to_onnx", source, "onnx", samples, {"exporter": "torchscript"})
    few = {key: values[:5] for key, values in samples.items()}
    wanted, got = lab.infer(source, few), lab.infer(made, few)
    assert list(got) == ["boxes", "scores"]
    assert all(sqnr_db(wanted[key], got[key]) > 100 for key in wanted)


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_outputs_may_be_called_as_exporters_call_values(lab: Lab, exporter: str) -> None:
    torch.manual_seed(0)
    path = lab.path("named.pt")
    torch.save(odd_models.Named().state_dict(), path)
    samples = {"x": BRANCH_SAMPLES["x"], "ids": np.arange(6)}
    loader = Loader("state-dict", "tests.stages.odd_models:Named", search_path=str(ROOT))
    source = lab.source(str(path), loader, samples)
    made = lab.convert("torch_to_onnx", source, "onnx", samples, {"exporter": exporter})
    wanted, got = lab.infer(source, samples), lab.infer(made, samples)
    assert list(got) == ["embedding", "add", "linear"]
    assert all(sqnr_db(wanted[key], got[key]) > 100 for key in wanted)


def test_torchscript_that_does_not_export_says_what_to_give_instead(lab: Lab) -> None:
    source = lab.fixture("transformer", "model.torchscript.pt", "torchscript")
    with pytest.raises(StageError, match="torchscript exporter failed") as caught:
        lab.convert(
            "torch_to_onnx", source, "onnx", fixture_samples("transformer"), {"exporter": "torchscript"}
        )
    assert ".pt2" in caught.value.hint


def test_gelu_stays_one_operator_and_no_path_is_left(lab: Lab) -> None:
    made = lab.convert("torch_to_onnx", lab.fixture("transformer"), "onnx", fixture_samples("transformer"))
    model = onnx.load(made.path)
    assert {node.op_type for node in model.graph.node} & {"Gelu", "Erf"} == {"Gelu"}
    assert b"stack_trace" not in model.SerializeToString()
    assert b".py" not in model.SerializeToString()


def test_two_exports_are_the_same_bytes(lab: Lab) -> None:
    source, samples = lab.fixture("two_inputs"), fixture_samples("two_inputs")
    first, second = (lab.convert("torch_to_onnx", source, "onnx", samples) for _ in range(2))
    assert first.sha256 == second.sha256


def test_torch_export_refuses_torchscript_in_one_line(lab: Lab) -> None:
    source = lab.fixture("digits", "model.torchscript.pt", "torchscript")
    with pytest.raises(StageError, match="does not take TorchScript"):
        lab.convert("torch_to_onnx", source, "onnx", fixture_samples("digits"), {"exporter": "dynamo"})


def test_opset_is_the_one_asked_for(lab: Lab) -> None:
    made = lab.convert("torch_to_onnx", lab.fixture("mlp"), "onnx", fixture_samples("mlp"), {"opset": 21})
    assert next(item.version for item in onnx.load(made.path).opset_import if not item.domain) == 21
    assert np.isfinite(lab.infer(made, {"pixels": fixture_samples("mlp")["pixels"][:2]})["output"]).all()


BRANCH_SAMPLES = {"x": np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)}


def branch(lab: Lab, form: str) -> tuple[Artifact, torch.nn.Module]:
    """A model whose other branch runs for large values only."""
    torch.manual_seed(0)
    model, path = odd_models.Branch().eval(), lab.path("branch.pt")
    if form == "torchscript":
        torch.jit.script(model).save(str(path))
        return lab.source(str(path), Loader(form), BRANCH_SAMPLES), model
    torch.save(model.state_dict(), path)
    return lab.source(
        str(path), Loader(form, "tests.stages.odd_models:Branch", search_path=str(ROOT)), BRANCH_SAMPLES
    ), model


@pytest.mark.parametrize("scale", [1.0, 10000.0])
def test_both_branches_of_torchscript_are_in_the_file(lab: Lab, scale: float) -> None:
    source, model = branch(lab, "torchscript")
    made = lab.convert("torch_to_onnx", source, "onnx", BRANCH_SAMPLES, {"exporter": "torchscript"})
    inputs = {"x": BRANCH_SAMPLES["x"] * np.float32(scale)}
    with torch.no_grad():
        wanted = model(torch.from_numpy(inputs["x"])).numpy()
    assert sqnr_db(wanted, lab.infer(made, inputs)["output"]) > 100


def test_control_flow_on_values_is_named(lab: Lab) -> None:
    source, _ = branch(lab, "state-dict")
    with pytest.raises(StageError, match=r"control flow depends .* `if y\.sum\(\) > 1000:` \(odd_models\.py"):
        lab.convert("torch_to_onnx", source, "onnx", BRANCH_SAMPLES, {"exporter": "dynamo"})


def test_a_trace_says_which_branches_it_has(lab: Lab, tmp_path: Path) -> None:
    source, _ = branch(lab, "state-dict")
    options = {"exporter": "torchscript", "opset": 20}
    job = ConvertJob(
        "torch_to_onnx", source, parse_variant("onnx"), options,
        str(tmp_path / "model.onnx"), str(tmp_path), str(lab.write(BRANCH_SAMPLES)),
    )  # fmt: skip
    answer = lab.workers.ask("torch", job, "lab.log")
    assert isinstance(answer, Converted)
    assert answer.notes == (
        "control flow depends on values, in its own forward: only what the examples ran is in the file",
    )
