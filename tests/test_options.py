"""Options: what `auto` is spelled out into, and that every stage's options meet the protocol."""

import msgspec
import pytest

from convertkit.options import (
    OnnxToSavedmodelOptions,
    SavedmodelToTfliteOptions,
    TorchToOnnxOptions,
)
from convertkit.registry import STAGES


def test_exporters_are_tried_in_turn():
    attempts = TorchToOnnxOptions(opset=21).attempts(has_dynamic_axes=True)
    assert [attempt.exporter for attempt in attempts] == ["dynamo", "torchscript"]
    assert [attempt.converter for attempt in attempts] == ["dynamo", "torchscript"]
    assert {attempt.opset for attempt in attempts} == {21}


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_a_named_exporter_is_the_only_one(exporter):
    options = TorchToOnnxOptions(exporter=exporter)
    assert options.attempts(has_dynamic_axes=True) == (options,)


def test_batches_go_from_dynamic_to_static():
    attempts = OnnxToSavedmodelOptions().attempts(has_dynamic_axes=True)
    batches = [attempt.batch for attempt in attempts]
    assert batches.index("dynamic") < batches.index("static")


def test_without_dynamic_axes_there_is_no_dynamic_attempt():
    attempts = OnnxToSavedmodelOptions().attempts(has_dynamic_axes=False)
    assert attempts
    assert {attempt.batch for attempt in attempts} == {"static"}


@pytest.mark.parametrize("batch", ["dynamic", "static"])
def test_a_named_batch_is_the_only_one(batch):
    attempts = OnnxToSavedmodelOptions(batch=batch).attempts(has_dynamic_axes=True)
    assert {attempt.batch for attempt in attempts} == {batch}


def test_tflite_has_one_attempt():
    options = SavedmodelToTfliteOptions(io="int8")
    assert options.attempts(has_dynamic_axes=True) == (options,)


@pytest.mark.parametrize("row", STAGES, ids=lambda row: row.name)
@pytest.mark.parametrize("has_dynamic_axes", [True, False])
class TestEveryStage:
    def test_attempts_are_concrete_distinct_and_keep_the_rest(self, row, has_dynamic_axes):
        attempts = row.options().attempts(has_dynamic_axes=has_dynamic_axes)
        assert attempts
        assert len(set(attempts)) == len(attempts)
        for attempt in attempts:
            assert type(attempt) is row.options
            assert attempt.converter != "auto"
            again = attempt.attempts(has_dynamic_axes=has_dynamic_axes)
            assert again == (attempt,)  # what was tried can be asked for by name

    def test_attempts_survive_the_way_to_the_worker(self, row, has_dynamic_axes):
        for attempt in row.options().attempts(has_dynamic_axes=has_dynamic_axes):
            assert msgspec.convert(msgspec.to_builtins(attempt), row.options) == attempt
