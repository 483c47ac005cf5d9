"""Names of a model's outputs: all tensors are there, each under a name of its own, in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils import _pytree

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.errors import ModelFileError
from tests.conftest import ROOT, Lab, sqnr_db
from tests.pytorch import nested

pytestmark = pytest.mark.slow

SAMPLES = {"x": np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)}
NAMES = {
    nested.NestedDict: ["small.cls", "small.box", "large.cls", "large.box"],
    nested.ListOfDicts: ["0.cls", "0.box", "1.cls", "1.box"],
    nested.DictOfTuples: ["small_0", "small.1.box", "large_0", "large.1.box"],
    nested.NamedTuples: ["0.cls", "0.box", "1.cls", "1.box"],
    nested.Dataclasses: ["0.cls", "0.box", "1.cls", "1.box"],
}
T = torch.zeros(1)


def names(value: object) -> list[str]:
    from convertkit.pytorch.outputs import flatten_outputs

    return list(flatten_outputs(value))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (T, ["output"]),
        ((T,), ["output"]),
        ((), []),
        ((T, T), ["output_0", "output_1"]),
        ([T, (T, T)], ["output_0", "output_1_0", "output_1_1"]),
        ({"a": T, "b": None}, ["a"]),
        ({"a": (T, T)}, ["a_0", "a_1"]),
        (nested.Head(T, T), ["cls", "box"]),
        (nested.Pair(T, T), ["cls", "box"]),
        ({"a": {"x": T}, "b": {"y": T}}, ["x", "y"]),
    ],
)
def test_names_that_are_unique_are_the_plain_ones(value: object, wanted: list[str]) -> None:
    assert names(value) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ([{"out": T}, {"out": T}], ["0.out", "1.out"]),
        ({"a": {"x": T}, "b": {"x": T, "y": T}}, ["a.x", "b.x", "y"]),
        ({"a": {"x": T}, "b": {"x": T}, "a.x": T}, ["a.x_1", "b.x", "a.x"]),
        ({1: T, "1": T}, ["1", "1_1"]),
    ],
)
def test_a_name_that_repeats_becomes_a_path(value: object, wanted: list[str]) -> None:
    assert names(value) == wanted


def test_what_is_no_tensor_has_no_format() -> None:
    with pytest.raises(ModelFileError, match="returns str among its outputs"):
        names({"a": T, "b": "text"})


def leaves(model: torch.nn.Module) -> list[np.ndarray]:
    """What the model gives, by PyTorch's own way through structures."""
    if nested.Pair not in _pytree.SUPPORTED_NODES:
        _pytree.register_dataclass(nested.Pair)
    with torch.no_grad():
        return [leaf.numpy() for leaf in _pytree.tree_leaves(model(torch.from_numpy(SAMPLES["x"])))]


def saved(kind: type[nested.Heads], form: str, lab: Lab) -> Artifact:
    """The model as a file of one form."""
    path, model = lab.path(f"{form}.pt"), kind().eval()
    if form == "exported-program":
        example = torch.from_numpy(SAMPLES["x"][:3])
        program = torch.export.export(model, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
        torch.export.save(program, path)
        return lab.source(str(path), Loader(form), SAMPLES)
    if form == "torchscript":
        torch.jit.script(model).save(str(path))
        return lab.source(str(path), Loader(form), SAMPLES)
    torch.save(model.state_dict(), path)
    return lab.source(
        str(path), Loader(form, f"tests.pytorch.nested:{kind.__name__}", search_path=str(ROOT)), SAMPLES
    )


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        *((kind, "torchscript") for kind in list(NAMES)[:4]),
        *((kind, "exported-program") for kind in list(NAMES)[:3]),
        (nested.NamedTuples, "state-dict"),
        (nested.Dataclasses, "state-dict"),
    ],
)
def test_every_output_of_the_source_is_in_every_format(lab: Lab, kind: type[nested.Heads], form: str) -> None:
    source = saved(kind, form, lab)
    wanted = leaves(kind().eval())
    assert [spec.name for spec in source.signature.outputs] == NAMES[kind]
    exporter = "torchscript" if form == "torchscript" else "dynamo"
    onnx = lab.convert("torch_to_onnx", source, "onnx", SAMPLES, {"exporter": exporter})
    savedmodel = lab.convert("onnx_to_savedmodel", onnx, "savedmodel", SAMPLES)
    tflite = lab.convert("savedmodel_to_tflite", savedmodel, "tflite:float32", SAMPLES)
    for artifact in (source, onnx, savedmodel, tflite):
        got = lab.infer(artifact, SAMPLES)
        assert sorted(got) == sorted(NAMES[kind]), artifact.variant
        for name, values in zip(NAMES[kind], wanted, strict=True):
            assert got[name].shape == values.shape
            assert sqnr_db(values, got[name]) > 100, (artifact.variant, name)


def test_a_quantized_model_has_every_output_too(lab: Lab) -> None:
    source = saved(nested.NestedDict, "state-dict", lab)
    made = lab.convert("torch_to_torch_dynamic", source, "torch:int8-dynamic", SAMPLES)
    got = lab.infer(made, SAMPLES)
    assert list(got) == NAMES[nested.NestedDict]
    for values, found in zip(leaves(nested.NestedDict().eval()), got.values(), strict=True):
        assert sqnr_db(values, found) > 25
    assert Path(made.path).is_file()


@pytest.mark.parametrize("kind", [nested.NestedDict, nested.Dataclasses])
def test_a_trace_keeps_the_outputs_that_the_tracer_itself_does_not_take(kind: type[nested.Heads]) -> None:
    from convertkit.pytorch.outputs import flatten_outputs
    from convertkit.pytorch.script import named_trace

    model, x = kind().eval(), torch.from_numpy(SAMPLES["x"])
    got = flatten_outputs(named_trace(model, tuple(NAMES[kind]), (x,))(x))
    assert list(got) == NAMES[kind]
    for values, found in zip(leaves(model), got.values(), strict=True):
        np.testing.assert_array_equal(values, found.detach().numpy())
