"""Models by torch.compile: the same outputs, compiled once, in the worker's own folder; or why not."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Precision
from convertkit.errors import NotMeasuredError
from convertkit.validation.tolerance import DEFAULT_TOLERANCES
from convertkit.workers.answers import Benched
from convertkit.workers.jobs import BenchJob
from tests.conftest import Lab, fixture_samples, sqnr_db

pytestmark = pytest.mark.slow

SAMPLES = {name: values[:2] for name, values in fixture_samples("mlp").items()}
CODE = "*.cpp"  # what Inductor writes, and has compiled


def compiled(artifact: Artifact, mode: str = "default") -> Artifact:
    """The artifact by a mode."""
    assert artifact.loader is not None
    return replace(artifact, loader=replace(artifact.loader, compiled=mode))


@pytest.fixture(scope="module")
def source(lab: Lab) -> Artifact:
    return lab.fixture("mlp")


def benched(lab: Lab, artifact: Artifact) -> Benched:
    answer = lab.workers.ask("torch", BenchJob("torch", artifact, str(lab.write(SAMPLES)), 3), "lab.log")
    assert isinstance(answer, Benched)
    return answer


def test_it_is_compiled_once_and_gives_the_same(lab: Lab, source: Artifact) -> None:
    wanted, got = lab.infer(source, SAMPLES), lab.infer(compiled(source), SAMPLES)
    assert {name: values.shape for name, values in got.items()} == {n: v.shape for n, v in wanted.items()}
    assert all(sqnr_db(wanted[name], got[name]) > 100 for name in wanted)
    first, second = benched(lab, compiled(source)), benched(lab, compiled(source))
    assert first.compile_ns == second.compile_ns > max(second.durations_ns)
    assert benched(lab, source).compile_ns == 0
    written = len(list(lab.folder.glob(f".worker-torch-*/**/{CODE}")))
    assert written, "Inductor wrote elsewhere"
    benched(lab, compiled(source, "reduce-overhead"))
    assert len(list(lab.folder.glob(f".worker-torch-*/**/{CODE}"))) > written, "taken over from another mode"


def test_torchscript_is_not_compiled_again(lab: Lab) -> None:
    with pytest.raises(NotMeasuredError, match="TorchScript is compiled already"):
        benched(lab, compiled(lab.fixture("mlp", "model.torchscript.pt", "torchscript")))


class TestWithoutCompiling:
    @staticmethod
    def called(forward: Any, monkeypatch: pytest.MonkeyPatch, *graphs: int) -> Any:
        """A forward pass in the place of what torch.compile makes, and how many graphs were captured."""
        import torch

        from convertkit.pytorch import compiled as module

        counts = iter(graphs)
        monkeypatch.setattr(module, "captured_graphs", lambda: next(counts))
        monkeypatch.setattr(module, "start_compiler", lambda device: None)
        tolerance = DEFAULT_TOLERANCES[Precision.FLOAT32]
        model = module.Compiled(lambda x: x * 2, forward, tolerance)
        return model(torch.from_numpy(np.arange(6, dtype=np.float32).reshape(2, 3)))

    def test_other_outputs_are_not_timed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.called(lambda x: x * 2, monkeypatch, 0, 1).shape == (2, 3)
        with pytest.raises(NotMeasuredError, match="gives other outputs: "):
            self.called(lambda x: x * 2.1, monkeypatch, 0, 1)

    def test_eager_mode_under_another_name_is_not_timed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(NotMeasuredError, match="captured nothing"):
            self.called(lambda x: x * 2, monkeypatch, 1, 1)

    def test_without_a_compiler_it_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from convertkit.pytorch.compiled import lacks_compiler

        monkeypatch.delenv("CXX", raising=False)
        monkeypatch.setattr(shutil, "which", lambda name: None)
        assert lacks_compiler("cpu") == "torch.compile needs a C++ compiler, and there is no g++"
