"""TFLiteConverter's quantizer with ranges that are chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from convertkit.artifacts.signature import Arrays
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.quantization.ranges import MIN_MAX, Chosen
from convertkit.stages.litert_ranges import SIGNATURE
from convertkit.stages.tflite_converter_ranges import chooses_ranges, converted_by_ranges, with_these
from convertkit.stages.tflite_heads import calibrated_spans, run_file, with_own_ranges
from tests.conftest import sqnr_db
from tests.quantization.models import weights

pytestmark = pytest.mark.slow

DENSE = [weights(12, 24, seed=1), weights(24, 12, seed=2), weights(12, 3, seed=3)]


class Products(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 12], tf.float32)])
    def serve(self, x: Any) -> Any:
        for each in DENSE:
            x = tf.nn.relu(tf.matmul(x, each))
        return {"y": x}


def calls(count: int, seed: int, far: int = -1) -> list[Arrays]:
    """Calls of 16 rows; one row of call `far` is 40 times as large."""
    made = [weights(16, 12, seed=seed + number, scale=1.0) for number in range(count)]
    if far >= 0:
        made[far][0] *= 40
    return [{"x": each} for each in made]


@pytest.fixture(scope="module")
def files() -> tuple[bytes, bytes, bytes]:
    """A float file, the same with ranges of which one call is far out, and what they make."""
    samples = calls(32, 10, far=21)
    found = []
    for only in (False, True, False):
        model = Products()
        concrete = [model.serve.get_concrete_function()]
        converter = tf.lite.TFLiteConverter.from_concrete_functions(concrete, model)
        if len(found):
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: samples
            converter._experimental_calibrate_only = only
        found.append(bytes(converter.convert()))
    return found[0], with_own_ranges(found[1], SIGNATURE, samples), found[2]


def figure(content: bytes, plain: bytes, seed: int) -> float:
    later = calls(32, seed)
    wanted, got = (np.stack([each["y"] for each in run_file(one, later)]) for one in (plain, content))
    return sqnr_db(wanted, got)


def test_outputs_gain_by_ranges_that_are_chosen(files: tuple[bytes, bytes, bytes]) -> None:
    plain, calibrated, made = files
    samples = calls(32, 10, far=21)
    ranged = converted_by_ranges(made, calibrated, SIGNATURE, samples, per_channel=True)
    assert ranged.gain_db is not None
    assert ranged.gain_db > 0
    assert figure(ranged.content, plain, 900) > figure(made, plain, 900) + 3
    assert len(ranged.content) <= 1.01 * len(made)
    assert sum(ranged.methods.values()) >= 1


def test_what_is_by_min_max_stays(files: tuple[bytes, bytes, bytes]) -> None:
    calibrated = files[1]
    before = calibrated_spans(calibrated)
    name = next(iter(before))
    after = calibrated_spans(with_these(calibrated, {name: Chosen("MSE", -1.0, 2.0)}))
    assert after == {**before, name: 3.0}
    assert calibrated_spans(with_these(calibrated, {name: Chosen(MIN_MAX, -1.0, 2.0)})) == before


def test_when_ranges_are_chosen(files: tuple[bytes, bytes, bytes]) -> None:
    def asked(*, far: int = -1, **options: Any) -> bool:
        given = calls(32, 10, far=far)
        if far < 0:
            given = [{"x": np.clip(each["x"], -1, 1)} for each in given]
        return chooses_ranges(SavedmodelToTfliteOptions(**options), files[0], given)

    assert not asked()
    assert asked(far=21)
    assert asked(rounding="compensated")
    assert asked(ranges="chosen")
    assert not asked(ranges="minmax", rounding="compensated", far=21)
    assert not asked(ranges="chosen", io="int8")
