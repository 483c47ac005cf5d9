"""The batch axis of an output that its file leaves open, as two calls show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.artifacts.tensors import read_npz, write_npz
from convertkit.errors import StageError
from convertkit.samples.output_axes import leaves_open, moved_axis, with_seen_axes
from convertkit.samples.samples import Samples
from convertkit.workers.jobs import InferJob
from convertkit.workers.pool import Workers

X = TensorSpec("x", "float32", ("batch", 4))
STATE = TensorSpec("s", "float32", (2, "s_1", 3), batch_axis=1)
SAMPLES = Samples(
    "file",
    "",
    {"x": np.zeros((5, 4), np.float32), "s": np.zeros((5, 2, 3), np.float32)},
    batch_axes={"x": 0, "s": 1},
)


class Runs:
    """Workers that give outputs of these shapes for so many samples, one entry a call."""

    def __init__(self, *shapes: Any) -> None:
        self.shapes, self.asked = shapes, 0

    def ask(self, environment: str, job: InferJob, log: str) -> None:
        self.asked += 1
        count = len(next(iter(read_npz(Path(job.inputs)).values())))
        arrays = {}
        for spec, shape in zip(job.artifact.signature.outputs, self.shapes, strict=True):
            assert spec.batch_axis is None
            arrays[spec.name] = np.zeros(
                [1, *(count * 2 if dim == "2n" else count if dim == "n" else dim for dim in shape)]
            )
        write_npz(Path(job.outputs), arrays)


def seen(
    tmp_path: Path, workers: Any, *outputs: TensorSpec, variant: Format = Format.ONNX
) -> list[TensorSpec]:
    artifact = Artifact(Variant(variant), "m.onnx", Signature((X, STATE), outputs), "", 0)
    found = with_seen_axes(artifact, SAMPLES, cast(Workers, workers), tmp_path)
    return list(found.signature.outputs)


def test_a_state_without_names_has_the_batch_where_it_grows(tmp_path: Path) -> None:
    state = TensorSpec("t", "float32", ("batch", "t_1", "t_2"))
    score = TensorSpec("y", "float32", ("batch", 1))
    found = seen(tmp_path, Runs(("n", 1), (2, "n", 3)), score, state)
    assert found == [score, TensorSpec("t", "float32", ("t_0", "t_1", "t_2"), batch_axis=1)]


def test_an_output_that_does_not_grow_has_none(tmp_path: Path) -> None:
    table = TensorSpec("t", "float32", ("batch", "t_1"))
    assert [spec.batch_axis for spec in seen(tmp_path, Runs((4, 4)), table)] == [None]


def test_several_rows_a_sample_are_a_batch_too(tmp_path: Path) -> None:
    rows = TensorSpec("t", "float32", ("left", "right"))
    assert seen(tmp_path, Runs((7, "2n")), rows)[0].batch_axis == 1


def test_names_of_the_file_need_no_run(tmp_path: Path) -> None:
    runs = Runs()
    named = TensorSpec("t", "float32", ("length", "batch", 3), batch_axis=1)
    assert seen(tmp_path, runs, named) == [named]
    assert (
        seen(tmp_path, runs, TensorSpec("t", "float32", ("batch", "t_1")), variant=Format.TORCH)[0].batch_axis
        == 0
    )
    assert runs.asked == 0


def test_a_model_that_does_not_run_so_stays_as_it_is(tmp_path: Path) -> None:
    class Fails(Runs):
        def ask(self, environment: str, job: InferJob, log: str) -> None:
            raise StageError("no")

    table = TensorSpec("t", "float32", ("batch", "t_1"))
    assert seen(tmp_path, Fails(), table) == [table]


@pytest.mark.parametrize(
    ("few", "more", "axis"),
    [((2, 8), (3, 8), 0), ((2, 4, 1), (2, 6, 1), 1), ((5,), (5,), None), ((1, 2), (3, 3), 1)],
)
def test_the_axis_in_proportion_to_the_samples(few: Any, more: Any, axis: int | None) -> None:
    assert moved_axis(few, more) == axis


def test_one_free_axis_leaves_nothing_open() -> None:
    assert not leaves_open(TensorSpec("t", "float32", (2, "t_1", 3)), {"batch"})
