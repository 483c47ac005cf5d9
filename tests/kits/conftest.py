"""What kits are made of, without a run: the signatures that models have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convertkit.artifacts.signature import Array, TensorSpec
from convertkit.kits.subject import Subject, Vector, tensor_of
from convertkit.report.shipping import Preprocessing

IMAGE = TensorSpec("image", "float32", ("batch", 8, 8, 3), axis_order=(0, 2, 3, 1))
SCORES = TensorSpec("scores", "float32", ("batch", 10))
PIXELS = TensorSpec("x", "uint8", (1, 4, 4, 1), scale=0.5, zero_point=3)
STEPS = TensorSpec("y", "int8", (1, 4), scale=0.25, zero_point=-3, key="StatefulPartitionedCall:0")
TOKENS = TensorSpec("input ids", "int64", ("batch", "tokens"))
MASK = TensorSpec('a"b$c', "int32", ("batch", "tokens"))
STATE = TensorSpec("state", "float32", (2, "batch", 4), batch_axis=1)
COUNT = TensorSpec("count", "float32", (), batch_axis=None)
WIDE = TensorSpec("wide", "int16", ("batch", 3), scale=0.001, zero_point=0)

SIGNATURES = {
    "image": ((IMAGE,), (SCORES,)),
    "quantized": ((PIXELS,), (STEPS,)),
    "text": ((TOKENS, MASK), (SCORES, STATE)),
    "state": ((STATE, COUNT), (WIDE, COUNT)),
}
TOLD = Preprocessing(
    input="image", resize=10, crop="center", interpolation="bilinear", mean=(0.5,), std=(0.25,), color="bgr"
)


def drawn(spec: TensorSpec, random: np.random.Generator) -> Array:
    shape = [dim if isinstance(dim, int) else 1 for dim in spec.shape]
    return np.asarray(random.normal(size=shape) * 3).astype(spec.logical_dtype)


def subject_of(name: str, folder: Path, variant: str = "tflite:int8") -> Subject:
    """A subject of one of the signatures; its artifact is a file, or a folder, of that name."""
    inputs, outputs = SIGNATURES[name]
    random = np.random.default_rng(0)
    artifact = folder / ("model.savedmodel" if variant.startswith("saved") else "model.bin")
    if variant.startswith("saved"):
        artifact.mkdir()
        (artifact / "saved_model.pb").write_bytes(b"graph")
    else:
        artifact.write_bytes(b"model")
    call = Vector(
        {spec.name: drawn(spec, random) for spec in inputs},
        {spec.name: drawn(spec, random) for spec in outputs},
    )
    return Subject(
        name=f"my_{name}",
        variant=variant,
        artifact=artifact,
        inputs=tuple(map(tensor_of, inputs)),
        outputs=tuple(map(tensor_of, outputs)),
        vectors=(call, call),
        labels=("cat", "dög") if name == "image" else (),
        preprocessing=TOLD if name == "image" else None,
        min_sqnr_db=20.0,
    )


@pytest.fixture(params=list(SIGNATURES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)
