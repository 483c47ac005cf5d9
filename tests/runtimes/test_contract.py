"""One suite for every runtime: whatever the format, the same model gives the same outputs the same way."""

from __future__ import annotations

import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import Arrays, TensorSpec
from convertkit.errors import ConvertkitError
from convertkit.registry import FIELD_RUNTIME, RUNTIMES, RuntimeRow
from convertkit.workers.answers import Benched, Described
from convertkit.workers.jobs import BenchJob, DescribeJob
from tests.conftest import Lab, fixture_samples, sqnr_db

pytestmark = pytest.mark.slow

# Keras only reads what comes in, and nothing is converted to it: tests/stages/test_keras_to_savedmodel.py
SHIPPING = tuple(row for row in RUNTIMES if row.format is not Format.KERAS)
ROWS = (*SHIPPING, FIELD_RUNTIME)


@pytest.fixture(scope="module")
def artifacts(lab: Lab) -> dict[Format, Artifact]:
    """The two-input fixture in every format."""
    samples = fixture_samples("two_inputs")
    source = lab.fixture("two_inputs")
    graph = lab.convert("torch_to_onnx", source, "onnx", samples)
    saved = lab.convert("onnx_to_savedmodel", graph, "savedmodel", samples)
    file = lab.convert("savedmodel_to_tflite", saved, "tflite", samples)
    return {artifact.variant.format: artifact for artifact in (source, graph, saved, file)}


@pytest.fixture(scope="module")
def few() -> Arrays:
    """Seven samples."""
    return {name: values[:7] for name, values in fixture_samples("two_inputs").items()}


READERS = [row for row in SHIPPING if row.format is not Format.TORCH]  # which has to be run to be described


@pytest.fixture(params=ROWS, ids=[row.name for row in ROWS])
def row(request: pytest.FixtureRequest) -> RuntimeRow:
    """Every runtime in turn."""
    found: RuntimeRow = request.param
    return found


def infer(lab: Lab, row: RuntimeRow, artifact: Artifact, samples: Arrays, chunk: int = 32) -> Arrays:
    """Outputs by this very runtime."""
    return lab.infer(artifact, samples, chunk, runtime=row.name if row is FIELD_RUNTIME else "")


def test_outputs_are_the_source_s_by_name_shape_type_and_value(
    lab: Lab, artifacts: dict[Format, Artifact], row: RuntimeRow, few: Arrays
) -> None:
    wanted = lab.infer(artifacts[Format.TORCH], few)
    got = infer(lab, row, artifacts[row.format], few)
    assert {name: (v.shape, v.dtype) for name, v in got.items()} == {
        name: (v.shape, v.dtype) for name, v in wanted.items()
    }
    assert all(sqnr_db(wanted[name], got[name]) > 100 for name in wanted)


def test_the_size_of_a_call_does_not_change_the_outputs(
    lab: Lab, artifacts: dict[Format, Artifact], row: RuntimeRow, few: Arrays
) -> None:
    whole = infer(lab, row, artifacts[row.format], few)
    for chunk in (1, 3):  # 3 leaves a smaller last call
        parts = infer(lab, row, artifacts[row.format], few, chunk)
        assert all(sqnr_db(whole[name], parts[name]) > 100 for name in whole)


def test_a_session_gives_the_same_after_other_sizes(
    lab: Lab, artifacts: dict[Format, Artifact], row: RuntimeRow, few: Arrays
) -> None:
    first = infer(lab, row, artifacts[row.format], few, 2)
    infer(lab, row, artifacts[row.format], few, 5)
    again = infer(lab, row, artifacts[row.format], few, 2)
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_calls_are_timed(lab: Lab, artifacts: dict[Format, Artifact], row: RuntimeRow, few: Arrays) -> None:
    inputs = lab.write({name: values[:1] for name, values in few.items()})
    job = BenchJob(row.name, artifacts[row.format], str(inputs), calls=5, warmup_calls=2)
    answer = lab.workers.ask(row.environment, job, "lab.log")
    assert isinstance(answer, Benched)
    assert len(answer.durations_ns) == 5
    assert all(0 < duration < 10e9 for duration in answer.durations_ns)


def test_wrong_inputs_are_an_error_and_the_worker_lives(
    lab: Lab, artifacts: dict[Format, Artifact], row: RuntimeRow, few: Arrays
) -> None:
    wrong = few | {"features": few["features"][:, :2]}
    with pytest.raises(ConvertkitError):
        infer(lab, row, artifacts[row.format], wrong)
    assert infer(lab, row, artifacts[row.format], few).keys() == {"boxes", "scores"}


@pytest.mark.parametrize("reader", READERS, ids=lambda row: row.name)
def test_signatures_are_read_back(lab: Lab, artifacts: dict[Format, Artifact], reader: RuntimeRow) -> None:
    artifact = artifacts[reader.format]
    answer = lab.workers.ask(reader.environment, DescribeJob(reader.format, artifact.path), "lab.log")
    assert isinstance(answer, Described)
    for read, known in (
        (answer.signature.inputs, artifact.signature.inputs),
        (answer.signature.outputs, artifact.signature.outputs),
    ):
        assert fixed_sizes(read) == fixed_sizes(known)


def fixed_sizes(specs: tuple[TensorSpec, ...]) -> dict[str, tuple[str, list[int]]]:
    """Type and fixed sizes by name; formats do not all keep the names of dynamic axes."""
    return {spec.name: (spec.dtype, [d for d in spec.shape if isinstance(d, int)]) for spec in specs}
