"""Sources in half precision: run as they are, converted in float32, asked for what they hold themselves."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import convertkit
from convertkit.artifacts.signature import Arrays
from tests.conftest import Lab, sqnr_db
from tests.run import half_sources as half
from tests.run.test_odd_signatures import convert, npz, passed, run_tflite

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(4)
IMAGES = RNG.standard_normal((48, 3, 8, 8)).astype(np.float32)
TEXTS = RNG.standard_normal((48, 6, 16)).astype(np.float32)
EXPORTED, TRACED, STATE, MEMORY = ".pt2", "TorchScript", "state dict", "in memory"


def saved(model: nn.Module, form: str, folder: Path, *inputs: torch.Tensor) -> Path:
    """A file of the model with a dynamic batch."""
    file = folder / ("half.pt2" if form == EXPORTED else "half.model")
    if form == EXPORTED:
        shapes = tuple({0: half.BATCH} for _ in inputs)
        torch.export.save(torch.export.export(model.eval(), inputs, dynamic_shapes=shapes), file)
    elif form == TRACED:
        torch.jit.trace(model.eval(), inputs).save(str(file))
    else:
        torch.save(model.state_dict(), file)
    return file


def in_float32(model: nn.Module, *inputs: np.ndarray) -> list[np.ndarray]:
    """What the same weights give in float32; its code must not name a type."""
    wide = copy.deepcopy(model).eval().float()
    with torch.no_grad():
        found = wide(*(torch.from_numpy(x).float() for x in inputs))
    return [each.numpy() for each in (found if isinstance(found, tuple) else (found,))]


def only(arrays: Arrays) -> np.ndarray:
    """The one array."""
    (array,) = arrays.values()
    return array


@pytest.mark.parametrize("form", [EXPORTED, TRACED, STATE])
@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_half_precision_between_float32_edges(lab: Lab, tmp_path: Path, kind: str, form: str) -> None:
    model = getattr(half, f"inside_{kind}")().eval()
    file = saved(model, form, tmp_path, torch.from_numpy(IMAGES[:2]))
    words: dict[str, Any] = {}
    if form == STATE:
        words["factory"] = f"tests.run.half_sources:inside_{kind}"
    to = ("tflite:float32", "tflite:int8") if form == EXPORTED else ("tflite:float32",)
    intake, records, folder = convert(lab, file, npz(tmp_path, x=IMAGES), *to, **words)
    passed(records)
    assert intake.artifact.half == kind
    for count in (1, 5):
        got = only(run_tflite(folder / "model.tflite", {"x": IMAGES[:count].transpose(0, 2, 3, 1)}))
        with torch.no_grad():
            assert sqnr_db(model(torch.from_numpy(IMAGES[:count])).numpy(), got) > 40


@pytest.mark.parametrize(
    ("kind", "form", "given", "edge"),
    [
        ("bfloat16", EXPORTED, "float32", "float32"),
        ("bfloat16", TRACED, "float32", "float32"),
        ("float16", EXPORTED, "float32", "float16"),
        ("float16", STATE, "float32", "float32"),
        ("float16", TRACED, "float16", "float16"),
    ],
)
def test_half_precision_at_the_edges(
    lab: Lab, tmp_path: Path, kind: str, form: str, given: str, edge: str
) -> None:
    model = getattr(half, f"attention_{kind}")().eval()
    file = saved(model, form, tmp_path, torch.from_numpy(TEXTS[:2]).to(getattr(torch, kind)))
    words = {"factory": f"tests.run.half_sources:attention_{kind}"} if form == STATE else {}
    _, records, folder = convert(lab, file, npz(tmp_path, x=TEXTS.astype(given)), **words)
    passed(records)
    graph = onnx.load(folder / "model.onnx").graph
    assert {t.data_type for t in graph.initializer} <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
    rounded = TEXTS.astype(edge)
    got = only(run_tflite(folder / "model.tflite", {graph.input[0].name: rounded}))
    wanted = in_float32(model, rounded)[0].astype(np.float16 if kind == "float16" else np.float32)
    assert got.dtype == (np.float16 if kind == "float16" else np.float32)
    assert sqnr_db(wanted, got) > 60


@pytest.mark.parametrize("half_type", [torch.bfloat16, torch.float16])
def test_images_that_stay_in_half_precision(lab: Lab, tmp_path: Path, half_type: torch.dtype) -> None:
    model = half.Pictures().to(half_type).eval()
    file = saved(model, EXPORTED, tmp_path, torch.from_numpy(IMAGES[:2]).to(half_type))
    _, records, folder = convert(lab, file, npz(tmp_path, x=IMAGES), "tflite:float32", "tflite:int8")
    passed(records)
    edge = "float16" if half_type == torch.float16 else "float32"
    got = only(run_tflite(folder / "model.tflite", {"x": IMAGES.astype(edge).transpose(0, 2, 3, 1)}))
    wanted = in_float32(model, IMAGES.astype(edge))[0].astype(edge)
    got = got if got.shape == wanted.shape else got.transpose(0, 3, 1, 2)
    assert got.dtype == edge
    assert sqnr_db(wanted, got) > 60


def test_types_that_are_mixed(lab: Lab, tmp_path: Path) -> None:
    ids, x = RNG.integers(0, 20, 48), RNG.standard_normal((48, 8)).astype(np.float16)
    model = half.Mixed().eval()
    file = saved(model, EXPORTED, tmp_path, torch.from_numpy(ids[:2]), torch.from_numpy(x[:2]))
    intake, records, folder = convert(lab, file, npz(tmp_path, ids=ids, x=x))
    passed(records)
    assert intake.artifact.half == "bfloat16"
    assert [spec.dtype for spec in intake.artifact.signature.inputs] == ["int64", "float16"]
    got = run_tflite(folder / "model.tflite", {"ids": ids[:5], "x": x[:5]})
    with torch.no_grad():
        wanted = model(torch.from_numpy(ids[:5]), torch.from_numpy(x[:5]))
    for name, each in zip(("output_0", "output_1"), wanted, strict=True):
        assert got[name].dtype == each.numpy().dtype
        assert sqnr_db(each.numpy(), got[name]) > 60


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_int8_of_pytorch(lab: Lab, tmp_path: Path, kind: str) -> None:
    model = getattr(half, f"inside_{kind}")().eval()
    file = saved(model, EXPORTED, tmp_path, torch.from_numpy(IMAGES[:2]))
    _, records, _ = convert(lab, file, npz(tmp_path, x=IMAGES), "torch:int8", "torch:int8-dynamic")
    passed(records)


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_an_onnx_graph(lab: Lab, tmp_path: Path, kind: str) -> None:
    torch.manual_seed(3)
    model = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 4)).eval()
    model = model.to(getattr(torch, kind))
    source, x = tmp_path / "half.onnx", TEXTS.astype("float16" if kind == "float16" else "float32")
    torch.onnx.export(
        model,
        (torch.from_numpy(x[:2]).to(getattr(torch, kind)),),
        str(source),
        dynamo=False,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}},
        opset_version=20,
    )
    targets = ("onnx:int8", "tflite:float32", "tflite:int8")
    intake, records, folder = convert(lab, source, npz(tmp_path, x=x), *targets)
    passed(records)
    assert intake.artifact.half == kind
    got = run_tflite(folder / "model.tflite", {"x": x})["y"]
    assert got.dtype == x.dtype
    assert sqnr_db(in_float32(model, x)[0].astype(x.dtype), got) > 60


def test_a_module_in_memory_and_what_is_said_of_it(tmp_path: Path) -> None:
    report = convertkit.convert(
        half.attention_bfloat16(), to="onnx", samples=npz(tmp_path, x=TEXTS), out=tmp_path / "run"
    )
    assert report.is_passed
    assert report.source.half == "bfloat16"
    assert [note for note in report.notes if "bfloat16" in note] == [
        "the source computes in bfloat16; what is made of it computes in float32"
    ]
    floor = report.hops[0].vs_source.outputs[0].noise_floor_db
    assert floor is not None
    assert 30 < floor < 60
