"""Layers of a `.tflite` as refinement knows them: rows and columns that give what the file gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from convertkit.artifacts.signature import Array, Arrays
from convertkit.quantization.columns import columns_of
from convertkit.quantization.ranges import MIN_MAX, Chosen
from convertkit.stages.litert_layers import losing_products
from convertkit.stages.litert_ranges import SIGNATURE
from convertkit.stages.tflite_chosen_ranges import chosen_ranges, with_chosen
from convertkit.stages.tflite_ranges import observe
from convertkit.stages.tflite_readers import Reader, Readers, as_in_onnx, find_readers
from tests.quantization.models import weights

pytestmark = pytest.mark.slow

FILTERS = {
    "plain": weights(3, 3, 4, 6, seed=1),
    "depthwise": weights(3, 3, 6, 2, seed=2),
    "last": weights(3, 3, 12, 8, seed=4),
    "dense": weights(128, 5, seed=5),
}


class Layers(tf.Module):
    """A convolution of each kind, and a product that flattens what it reads."""

    @tf.function(input_signature=[tf.TensorSpec([1, 9, 8, 4], tf.float32)])
    def serve(self, x: Any) -> Any:
        """Each kind once."""
        a = tf.nn.conv2d(x, FILTERS["plain"], 1, "SAME", dilations=2)
        b = tf.nn.depthwise_conv2d(a, FILTERS["depthwise"], [1, 2, 2, 1], "SAME")
        c = tf.nn.conv2d(b, FILTERS["last"], 1, "SAME")[:, :4]
        d = tf.matmul(tf.reshape(c, [-1, 128]), FILTERS["dense"])
        return {"y": d, "z": tf.reduce_max(b)}


@pytest.fixture(scope="module")
def content() -> bytes:
    model = Layers()
    concrete = [model.serve.get_concrete_function()]
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions(concrete, model).convert())


@pytest.fixture(scope="module")
def calls() -> list[Arrays]:
    return [{"x": weights(1, 9, 8, 4, seed=10 + number, scale=1.0)} for number in range(16)]


def values_on(content: bytes, call: Arrays) -> dict[str, Array]:
    found: dict[str, Array] = {}
    observe(content, SIGNATURE, [call], lambda name, values: found.update({name: values.copy()}))
    return found


def test_rows_times_columns_are_what_each_layer_gives(content: bytes, calls: list[Arrays]) -> None:
    values, readers = values_on(content, calls[0]), find_readers(content)
    done = 0
    for name, found in readers.layers.items():
        for reader in found:
            given = as_in_onnx(reader.layer, values[name])
            columns = columns_of(reader.layer, given, 10**6, np.random.default_rng(0))
            computed = np.moveaxis(
                columns @ reader.rows.transpose(0, 2, 1), 0, -2
            )  # [positions, groups, rows]
            wanted = values[reader.output]
            np.testing.assert_allclose(computed.reshape(wanted.shape), wanted, atol=1e-4)
            done += 1
    assert done == 4
    assert readers.given == {reader.output for found in readers.layers.values() for reader in found}


def test_values_that_more_than_layers_read(content: bytes) -> None:
    readers = find_readers(content)
    names = list(readers.layers)
    assert [name in readers.others for name in names] == [False, False, True, False]


def test_ranges_are_chosen_in_the_shape_of_those_by_calibration(content: bytes, calls: list[Arrays]) -> None:
    readers = find_readers(content)
    chosen = chosen_ranges(content, SIGNATURE, calls, readers, list(readers.layers))
    assert list(chosen) == list(readers.layers)
    assert all(len(each.losses) == 1 for each in chosen.values())
    assert all(0 < each.losses[0] < 1e-3 for each in chosen.values())
    name = next(iter(chosen))
    ends = {"min": np.full((1, 1), -3.0, np.float32), "max": np.full((1, 1), 3.0, np.float32)}
    ranges = {name: ends, "other": ends}
    made = with_chosen(ranges, {name: Chosen("MSE", -2.0, 1.0)})
    assert (float(made[name]["min"][0, 0]), made[name]["max"].shape) == (-2.0, (1, 1))
    assert made["other"] is ends
    assert with_chosen(ranges, {name: Chosen(MIN_MAX, -2.0, 1.0)}) == ranges


def test_products_that_lose_too_much_by_one_range(content: bytes) -> None:
    reader = next(each for found in find_readers(content).layers.values() for each in found)
    product = next(
        each
        for found in find_readers(content).layers.values()
        for each in found
        if not each.layer.is_convolution
    )

    def losing(one: Reader, loss: float, by_row: float) -> list[str]:
        readers = Readers({"v": [one]}, frozenset(), frozenset())
        return losing_products(readers, {"v": Chosen(MIN_MAX, 0.0, 1.0, (loss,), (by_row,))})

    assert losing(product, 2e-3, 5e-4) == [product.output]
    assert losing(product, 2e-3, 1.7e-3) == []
    assert losing(product, 4e-5, 1e-6) == []
    assert losing(reader, 2e-3, 5e-4) == []
