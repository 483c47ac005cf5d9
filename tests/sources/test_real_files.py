"""Real files of torch pass, hostile ones made with torch are refused, and nothing in them runs."""

from __future__ import annotations

import copy
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from convertkit.artifacts.signature import TensorSpec
from convertkit.sources import Kind, inspect_source

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")
nn = torch.nn


class Convolutional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6(), nn.MaxPool2d(2), nn.Dropout()
        )
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear")
        self.head = nn.Linear(8, 4)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.upsample(self.features(image)).mean((2, 3)))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTM(4, 8, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        return self.cell(sequence)[0]


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.layers(tokens)


class Branching(nn.Module):
    """Control flow, a submodule named by a number, lists, dicts, text: what scripting prints."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.GRU(4, 4)])
        self.names: list[str] = ["a", "b"]

    def forward(self, x: torch.Tensor, times: int = 2) -> dict[str, torch.Tensor]:
        found: dict[str, torch.Tensor] = {}
        for index in range(times):
            if x.sum() > 0 and x.size(0) > 1:
                x = self.blocks[0](x).clamp(min=0.0)
            else:
                x = torch.where(x > 0, x, -x)
            found[self.names[index % 2]] = x[..., :2].contiguous()
        while x.abs().max().item() > 100:
            x = x / 2
        assert x.dim() > 0, f"bad {x.dim()}"
        found["c"] = torch.cat([x, x], dim=-1).view(x.shape[0], -1)
        return found


MODELS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "convolutional": (Convolutional, (2, 3, 8, 8)),
    "recurrent": (Recurrent, (2, 5, 4)),
    "transformer": (Transformer, (2, 5, 16)),
}


@pytest.fixture
def sentinel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that hostile models would create."""
    path = tmp_path / "ran"
    yield path
    assert not path.exists(), "inspection ran code from the file"


@pytest.mark.parametrize("name", MODELS)
def test_torchscript_passes(tmp_path: Path, name: str) -> None:
    build, shape = MODELS[name]
    model = build().eval()
    example = torch.randn(shape)
    torch.jit.save(torch.jit.trace(model, example, check_trace=False), tmp_path / "traced.pt")
    torch.jit.save(torch.jit.script(model), tmp_path / "scripted.pt")
    torch.jit.save(torch.jit.freeze(torch.jit.script(model)), tmp_path / "frozen.pt")
    for file in ("traced.pt", "scripted.pt", "frozen.pt"):
        source = inspect_source(tmp_path / file)
        assert (source.kind, source.refusals) == (Kind.TORCHSCRIPT, ())
        assert len(source.input_names) == 1


def test_scripted_control_flow_passes(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(Branching()), tmp_path / "m.pt")
    source = inspect_source(tmp_path / "m.pt")
    assert (source.refusals, source.input_names) == ((), ("x", "times"))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("decomposed", [False, True])
def test_exported_programs_pass(tmp_path: Path, name: str, decomposed: bool) -> None:
    build, shape = MODELS[name]
    batch = torch.export.Dim("batch", min=2, max=64)
    exported = torch.export.export(build().eval(), (torch.randn(shape),), dynamic_shapes=({0: batch},))
    torch.export.save(exported.run_decompositions() if decomposed else exported, tmp_path / "m.pt2")
    source = inspect_source(tmp_path / "m.pt2")
    assert (source.kind, source.refusals) == (Kind.EXPORTED_PROGRAM, ())
    assert source.inputs == (TensorSpec(source.input_names[0], "float32", ("batch", *shape[1:])),)
    assert source.ranges == {"batch": (2, 64)}


class Nested(nn.Module):
    def forward(self, x: dict[str, Any], *, scale: Any) -> Any:
        y = torch.cond(x["a"].sum() > 0, lambda v: v + 1, lambda v: v - 1, (x["a"],))
        return {"first": y * scale, "second": x["b"].reshape(-1).cumsum(0)}


def test_an_exported_program_with_guards_and_branches_passes(tmp_path: Path) -> None:
    inputs = {"a": torch.randn(3, 4), "b": torch.randn(3, 4)}
    rows = {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO}
    exported = torch.export.export(
        Nested(),
        (inputs,),
        {"scale": torch.randn(3, 4)},
        dynamic_shapes={"x": {"a": rows, "b": rows}, "scale": rows},
    )
    torch.export.save(exported, tmp_path / "m.pt2")
    source = inspect_source(tmp_path / "m.pt2")
    assert source.refusals == ()
    assert [spec.name for spec in source.outputs] == ["first", "second"]
    assert source.inputs[0].shape[0] == source.inputs[2].shape[0]


def test_state_dicts_pass_and_modules_do_not(tmp_path: Path) -> None:
    model = Convolutional()
    optimizer = torch.optim.Adam(model.parameters())
    quantized = torch.quantize_per_tensor(torch.randn(3), 0.1, 0, torch.qint8)
    odd = {"half": torch.zeros(2).half(), "q": quantized, "size": torch.Size([1]), "dtype": torch.float16}
    for number, state in enumerate(
        [model.state_dict(), {"m": model.state_dict(), "o": optimizer.state_dict()}, odd]
    ):
        for zipped in (True, False):
            path = tmp_path / f"{number}{zipped}.pt"
            torch.save(state, path, _use_new_zipfile_serialization=zipped)
            source = inspect_source(path)
            assert (source.kind, source.refusals) == (Kind.STATE_DICT, ())
            torch.load(path, weights_only=True)
    count = sum(tensor.numel() for tensor in model.state_dict().values())
    assert inspect_source(tmp_path / "0True.pt").details["parameters"] == str(count)
    torch.save(model, tmp_path / "module.pt")
    source = inspect_source(tmp_path / "module.pt")
    assert source.kind is Kind.MODULE
    assert "torch.nn.modules.conv.Conv2d" in source.refusals[0]


class Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_hostile_files_of_torch_are_refused(tmp_path: Path, sentinel: Path) -> None:
    exported = torch.export.export(nn.ReLU(), (torch.randn(2),))
    hostile = copy.copy(exported)
    hostile._example_inputs = ((Touch(sentinel),), {})
    torch.export.save(hostile, tmp_path / "samples.pt2")
    torch.save({"w": torch.zeros(1), "deep": [{"er": Touch(sentinel)}]}, tmp_path / "deep.pt")

    class Writes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.save(x, "written")
            return x

    torch.jit.save(torch.jit.script(Writes()), tmp_path / "writes.pt")
    for file in ("samples.pt2", "deep.pt", "writes.pt"):
        assert inspect_source(tmp_path / file).refusals, file


def test_the_list_of_pickle_names_is_torchs_own() -> None:
    from torch._weights_only_unpickler import _get_allowed_globals

    from convertkit.sources.pickle_names import TENSOR_NAMES

    assert set(_get_allowed_globals()) == TENSOR_NAMES


def test_torch_sees_the_other_member_list(tmp_path: Path) -> None:
    """The archive that `test_archive` refuses is indeed read differently by torch."""
    from test_archive import two_member_lists

    with pytest.raises(Exception, match=r"posix\.system"):
        torch.load(io.BytesIO(two_member_lists()), weights_only=True)
