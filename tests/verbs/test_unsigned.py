"""TFLite files without a signature: described, validated and timed by their tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from click.testing import CliRunner

from convertkit import api
from convertkit.cli import cli
from convertkit.errors import InputError, UsageError
from convertkit.runtimes.tflite_operators import schema
from tests.conftest import FIXTURES, Lab, fixture_samples

pytestmark = pytest.mark.slow
FIXTURE = FIXTURES / "two_inputs"
QUICK = ["bench.rounds=2", "bench.warmup_s=0.01"]


def without_signature(file: Path, out: Path, *, names: dict[str, str], swap: bool = False) -> Path:
    """The same graph as old converters write it: no signature, tensors of their own names."""
    classes: Any = schema()
    model = classes.ModelT.InitFromPackedBuf(file.read_bytes(), 0)
    model.signatureDefs = None
    graph = model.subgraphs[0]
    for index in (*graph.inputs, *graph.outputs):
        old = graph.tensors[index].name.decode()
        graph.tensors[index].name = next((new for word, new in names.items() if word in old), old).encode()
    if swap:
        graph.outputs = np.array(graph.outputs)[::-1]
        graph.inputs = np.array(graph.inputs)[::-1]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    out.write_bytes(builder.Output())
    return out


@pytest.fixture(scope="module")
def twins(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A source with two inputs and two outputs of the same shapes, and its TFLite without signatures."""
    import torch

    class Twins(torch.nn.Module):
        def forward(self, one: torch.Tensor, two: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"sum": torch.relu(one + 2 * two), "gap": torch.tanh(one - two)}

    folder = tmp_path_factory.mktemp("twins")
    random = np.random.default_rng(0)
    samples = {name: random.normal(size=(24, 6)).astype(np.float32) for name in ("one", "two")}
    np.savez(folder / "s.npz", **samples)
    batch = torch.export.Dim("batch")
    examples = tuple(torch.from_numpy(each[:2]) for each in samples.values())
    shapes = {"one": {0: batch}, "two": {0: batch}}
    torch.export.save(torch.export.export(Twins(), examples, dynamic_shapes=shapes), folder / "m.pt2")
    report = api.convert(
        folder / "m.pt2", to="tflite:float32", samples=folder / "s.npz", out=folder / "run", settings=QUICK
    )
    assert report.is_passed
    words = {"one": "serving_default_x:0", "two": "serving_default_x:0"}
    words |= {"sum": "StatefulPartitionedCall:0", "gap": "StatefulPartitionedCall:1"}
    made = folder / "run" / "model.tflite"
    return {
        "samples": folder / "s.npz",
        "source": folder / "m.pt2",
        "plain": without_signature(made, folder / "plain.tflite", names=words),
        "swapped": without_signature(made, folder / "swapped.tflite", names=words, swap=True),
    }


def test_inspect_names_the_tensors_each_once(twins: dict[str, Path]) -> None:
    result = CliRunner().invoke(cli, ["inspect", str(twins["plain"]), "--json"], standalone_mode=False)
    found = json.loads(result.stdout)
    assert [each["name"] for each in found["inputs"]] == ["x", "x_1"]
    assert len({each["name"] for each in found["outputs"]}) == 2
    assert found["details"]["signature"].startswith("none")
    assert "TANH" in found["details"]["operators"]


@pytest.mark.parametrize("file", ["plain", "swapped"])
def test_validate_finds_the_pairs_by_their_values(twins: dict[str, Path], file: str) -> None:
    judgement = api.validate(twins["source"], twins[file], samples=twins["samples"])
    assert not judgement.reason
    assert judgement.vs_source is not None
    assert {row.name: (row.sqnr_db or 0) > 100 for row in judgement.vs_source.outputs} == {
        "sum": True,
        "gap": True,
    }


def test_pairs_that_no_value_tells_are_asked_for(twins: dict[str, Path], tmp_path: Path) -> None:
    other = without_signature(twins["plain"], tmp_path / "other.tflite", names={})
    classes: Any = schema()
    model = classes.ModelT.InitFromPackedBuf(other.read_bytes(), 0)
    graph = model.subgraphs[0]
    graph.outputs = np.array([graph.outputs[1]] * 2)  # neither is the sum
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    other.write_bytes(builder.Output())
    with pytest.raises(InputError, match="no pairs agree in their values") as caught:
        api.validate(twins["source"], other, samples=twins["samples"])
    assert "--map A=B" in str(caught.value)


def test_pairs_by_hand_decide_even_where_they_are_wrong(twins: dict[str, Path]) -> None:
    outputs = inspected_outputs(twins["plain"])
    inputs = ["one=x", "two=x_1"]
    orders = ([*inputs, f"sum={outputs[i]}", f"gap={outputs[1 - i]}"] for i in (0, 1))
    given = {"samples": twins["samples"]}
    judged = [api.validate(twins["source"], twins["plain"], pairs=pairs, **given) for pairs in orders]
    assert sorted(not each.reason for each in judged) == [False, True]
    with pytest.raises(UsageError, match="has no 'total'"):
        api.validate(twins["source"], twins["plain"], pairs=["total=x"], **given)


def inspected_outputs(file: Path) -> list[str]:
    result = CliRunner().invoke(cli, ["inspect", str(file), "--json"], standalone_mode=False)
    return [each["name"] for each in json.loads(result.stdout)["outputs"]]


def test_bench_takes_it_alone_and_beside_the_source(twins: dict[str, Path]) -> None:
    alone = api.bench([twins["plain"]], settings=QUICK)
    both = api.bench([twins["source"], twins["swapped"]], samples=twins["samples"], settings=QUICK)
    assert [row.format for row in (*alone, *both)] == ["tflite", "torch", "tflite"]
    assert all(row.latency[0].p50_ms > 0 for row in (*alone, *both))


def test_images_of_the_other_axis_order_are_recognised(lab: Lab, tmp_path: Path) -> None:
    samples = fixture_samples("digits")
    onnx = lab.convert("torch_to_onnx", lab.fixture("digits"), "onnx", samples)
    saved = lab.convert("onnx_to_savedmodel", onnx, "savedmodel", samples)
    lite = lab.convert("savedmodel_to_tflite", saved, "tflite:int8", samples)
    file = without_signature(lite.file, tmp_path / "old.tflite", names={"image": "input_1", "": "Identity"})
    judgement = api.validate(
        FIXTURES / "digits" / "model.pt2",
        file,
        samples=FIXTURES / "digits" / "samples.npz",
        precision="int8",
    )
    assert not judgement.reason
