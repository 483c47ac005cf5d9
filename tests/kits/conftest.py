"""What kits are made of, without a run: the signatures that models have."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from convertkit.artifacts.pixels import Pixels
from convertkit.artifacts.signature import Array, TensorSpec
from convertkit.kits.subject import Subject, Vector, tensors_of
from convertkit.report.shipping import Preprocessing
from tests.sources.flat import flatbuffer

IMAGE = TensorSpec("image", "float32", ("batch", 8, 8, 3), axis_order=(0, 2, 3, 1))
BYTES = TensorSpec(
    "image", "uint8", ("batch", 8, 8, 3), axis_order=(0, 2, 3, 1), pixels=Pixels(255.0, (0.5,), (0.25,))
)
SCORES = TensorSpec("scores", "float32", ("batch", 2))
PIXELS = TensorSpec("x", "uint8", (1, 4, 4, 1), scale=0.5, zero_point=3)
STEPS = TensorSpec("y", "int8", (1, 4), scale=0.25, zero_point=-3, key="StatefulPartitionedCall:0")
TOKENS = TensorSpec("input ids", "int64", ("batch", "tokens"))
MASK = TensorSpec('a"b$c', "int32", ("batch", "tokens"))
STATE = TensorSpec("state", "float32", (2, "batch", 4), batch_axis=1)
COUNT = TensorSpec("count", "float32", (), batch_axis=None)
WIDE = TensorSpec("wide", "int16", ("batch", 3), scale=0.001, zero_point=0)

SIGNATURES = {
    "image": ((IMAGE,), (SCORES,)),
    "folded": ((BYTES,), (SCORES,)),
    "quantized": ((PIXELS,), (STEPS,)),
    "text": ((TOKENS, MASK), (SCORES, STATE)),
    "state": ((STATE, COUNT), (WIDE, COUNT)),
}
TOLD = Preprocessing(
    input="image", resize=10, crop="center", interpolation="bilinear", mean=(0.5,), std=(0.25,), color="bgr"
)
FOLDED = msgspec.structs.replace(TOLD, mean=(0.0,), std=(1 / 255,), folded=BYTES.pixels)


def drawn(spec: TensorSpec, random: np.random.Generator) -> Array:
    shape = [dim if isinstance(dim, int) else 1 for dim in spec.shape]
    if spec.pixels is not None:
        return random.integers(0, 256, shape, dtype=np.uint8)
    return np.asarray(random.normal(size=shape) * 3).astype(spec.logical_dtype)


def tflite_file(inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> bytes:
    """A `.tflite` with these inputs and outputs, the last of them first, and 64 bytes of weights."""
    specs = [*inputs, *outputs]
    tensors = [{0: [1], 2: 0, 3: spec.name.encode()} for spec in specs]
    places = range(len(specs))
    keys = [{0: spec.runtime_name.encode(), 1: place} for place, spec in enumerate(specs)]
    count = len(inputs)
    graph = {0: tensors, 1: list(places[:count])[::-1], 2: list(places[count:])[::-1], 3: []}
    signature = {0: keys[:count], 1: keys[count:], 2: b"serving_default", 4: 0}
    version = {0: b"min_runtime_version", 1: 1}
    buffers = [{}, {0: b"1.5.0" + bytes(11)}, {0: bytes(range(64))}]
    return flatbuffer({0: 3, 1: [], 2: [graph], 3: b"a test", 4: buffers, 6: [version], 7: [signature]})


def subject_of(name: str, folder: Path, variant: str = "tflite:int8") -> Subject:
    """A subject of one of the signatures; its artifact is a file, or a folder, of that name."""
    inputs, outputs = SIGNATURES[name]
    random = np.random.default_rng(0)
    artifact = folder / ("model.savedmodel" if variant.startswith("saved") else "model.bin")
    if variant.startswith("saved"):
        artifact.mkdir()
        (artifact / "saved_model.pb").write_bytes(b"graph")
    else:
        artifact.write_bytes(tflite_file(inputs, outputs) if variant.startswith("tflite") else b"model")
    call = Vector(
        {spec.name: drawn(spec, random) for spec in inputs},
        {spec.name: drawn(spec, random) for spec in outputs},
    )
    return Subject(
        name=f"my_{name}",
        variant=variant,
        artifact=artifact,
        inputs=tensors_of(inputs),
        outputs=tensors_of(outputs),
        vectors=(call, call),
        labels=("cat", "dög") if name == "image" else (),
        preprocessing={"image": TOLD, "folded": FOLDED}.get(name),
        min_sqnr_db=20.0,
    )


@pytest.fixture(params=list(SIGNATURES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)
