"""A run's folder as a run leaves it, small, its artifacts run by nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.files import hash_artifact
from convertkit.artifacts.signature import Arrays, Signature, TensorSpec
from convertkit.artifacts.tensors import read_npz
from convertkit.bundles.build import Wanted, build_bundle
from convertkit.environment.versions import Environment, package_versions
from convertkit.errors import MissingDependencyError
from convertkit.recipe import Recipe
from convertkit.registry import RuntimeRow
from convertkit.report.report import (
    FILE_NAME,
    SIGNATURE_FILE,
    ArtifactRecord,
    ArtifactSignature,
    HopRecord,
    Report,
    SamplesRecord,
    SourceRecord,
    write_json,
)
from convertkit.report.shipping import write_shipping
from tests.sources.flat import flatbuffer

SIGNATURE = Signature(
    (TensorSpec("image", "float32", ("batch", 4)),), (TensorSpec("scores", "float32", ("batch", 2)),)
)
FILES = {"tflite:float32": "model.tflite", "tflite:int8": "model.int8.tflite"}


def report_of(folder: Path, *, status: str = "passed") -> Report:
    hops = []
    for target, name in FILES.items():
        sha256, size = hash_artifact(folder / name)
        record = ArtifactRecord(path=name, sha256=sha256, size_bytes=size, size_ratio=0.5)
        hops.append(
            HopRecord(
                stage="savedmodel_to_tflite",
                source="savedmodel:float32",
                target=target,
                status="passed" if target == "tflite:float32" else status,
                error=None if status == "passed" else "output 'scores': 3.2 dB SQNR, below 20 dB",
                artifact=record,
            )
        )
    return Report(
        convertkit="0.1.0",
        status=status,
        source=SourceRecord(
            path="/home/someone/model.pt2",
            format="torch",
            kind="exported-program",
            sha256="cd" * 32,
            size_bytes=1200,
            inputs=SIGNATURE.inputs,
            outputs=SIGNATURE.outputs,
        ),
        samples=SamplesRecord(origin="file", sha256="ef" * 32, count=8, calibration=4, validation=4),
        hops=tuple(hops),
        environment=Environment(
            python="3.11.7",
            platform="Linux",
            cpu="a cpu",
            gpus=(),
            packages={"msgspec": "0.0.1", "numpy": package_versions(["numpy"])["numpy"]},
        ),
    )


def tflite_file(seed: int) -> bytes:
    """A `.tflite` with a signature and 600 bytes of weights, and no operator."""
    tensors = [{0: [1, 4], 2: 0, 3: b"image"}, {0: [1, 2], 2: 1, 3: b"scores"}]
    graph = {0: tensors, 1: [0], 2: [1], 3: []}
    entries = [{0: b"image", 1: 0}], [{0: b"scores", 1: 1}]
    signature = {0: entries[0], 1: entries[1], 2: b"serving_default", 4: 0}
    weights = np.random.default_rng(seed).bytes(600)
    model = {0: 3, 1: [], 2: [graph], 3: b"a test", 4: [{}, {0: weights}], 7: [signature]}
    return flatbuffer(model)


def make_run(folder: Path, **fields: str) -> Path:
    """Two files that begin as `.tflite` do, and all else that a run leaves."""
    folder.mkdir()
    for seed, name in enumerate(FILES.values()):
        (folder / name).write_bytes(tflite_file(seed))
    inputs = {"image": np.arange(16, dtype=np.float32).reshape(4, 4)}
    write_shipping(folder, Recipe(to=("tflite",)), inputs, doubled(inputs), None, ("cat", "dog"))
    specs = {"inputs": SIGNATURE.inputs, "outputs": SIGNATURE.outputs}
    paths = {"torch:float32": "/home/someone/model.pt2", **FILES}
    entries = [ArtifactSignature(path=path, variant=variant, **specs) for variant, path in paths.items()]
    write_json(entries, folder / SIGNATURE_FILE)
    write_json(report_of(folder, **fields), folder / FILE_NAME)
    return folder


def doubled(inputs: Arrays) -> Arrays:
    return {"scores": inputs["image"][:, :2] * 2}


def infer(artifact: Artifact, row: RuntimeRow, inputs: Path) -> Arrays:
    """What both artifacts give in LiteRT; there is no field runtime."""
    if row.name != "litert":
        raise MissingDependencyError(f"environment '{row.environment}' is not there")
    return doubled(read_npz(inputs))


def quiet(text: str) -> None:
    """Hear nothing."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run")


@pytest.fixture
def bundle(run: Path, tmp_path: Path) -> Path:
    out = tmp_path / "model-1.4.0.ckb"
    build_bundle(run, out, Wanted(), quiet, infer)
    return out


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that no test changes."""
    folder = tmp_path_factory.mktemp("whole")
    out = folder / "model-1.4.0.ckb"
    build_bundle(make_run(folder / "run"), out, Wanted(license="MIT"), quiet, infer)
    return out
