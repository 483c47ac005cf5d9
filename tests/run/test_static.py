"""`--static` on a model with a class token, reshapes and attention: no tensor of the `.tflite` is dynamic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Lab
from tests.run.test_odd_signatures import agrees, convert, npz, passed

pytestmark = pytest.mark.slow

READS_SIZES = {"SHAPE", "PACK", "BROADCAST_TO"}


def free_tensors(content: bytes) -> list[str]:
    """Names of tensors, of every subgraph, with an axis that only a run knows."""
    from tensorflow.lite.python import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromPackedBuf(content, 0)
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    return [
        tensor.name.decode()
        for tensor in tensors
        if tensor.shapeSignature is not None and -1 in list(tensor.shapeSignature)
    ]


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """The model and the folder of its `.pt2` and samples."""
    from tests.run import odd_signatures as odd

    folder = tmp_path_factory.mktemp("patches")
    model, images = odd.Patches(), odd.random(24, 3, 16, 16)
    odd.save(model, (images[:3],), ({0: odd.BATCH},), folder)
    npz(folder, images=images)
    return model, folder


def test_static_leaves_no_free_tensor(lab: Lab, patches: tuple[Any, Path]) -> None:
    model, folder = patches
    to = ("tflite:float32", "tflite:int8")
    _, records, made = convert(lab, folder / "m.pt2", folder / "s.npz", *to, static=True, layout="source")
    passed(records)
    for name in ("model.tflite", "model.int8.tflite"):
        assert free_tensors((made / name).read_bytes()) == []
    agrees(made / "model.tflite", model, {"images": np.load(folder / "s.npz")["images"][:1]})


def test_a_free_batch_is_read_by_no_operator(lab: Lab, patches: tuple[Any, Path]) -> None:
    from convertkit.graphs.tflite_file import operators

    model, folder = patches
    _, records, made = convert(lab, folder / "m.pt2", folder / "s.npz", layout="source")
    passed(records)
    content = (made / "model.tflite").read_bytes()
    assert free_tensors(content)
    assert not READS_SIZES.intersection(operators(content))
    images = np.load(folder / "s.npz")["images"]
    agrees(made / "model.tflite", model, {"images": images[:1]}, {"images": images[:5]})
