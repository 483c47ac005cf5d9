"""Signatures: axis orders and quantization there and back."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from convertkit.artifacts.signature import (
    Signature,
    TensorSpec,
    dequantize,
    quantize,
    to_logical,
    to_physical,
)
from convertkit.errors import StageError

INTEGER_TYPES = ("int8", "uint8", "int16")


@st.composite
def permuted_arrays(draw):
    """An array with a different size for each axis where possible, and a permutation of its axes."""
    shape = draw(npst.array_shapes(min_dims=1, max_dims=5, max_side=4))
    values = draw(npst.arrays(np.float32, shape, elements=st.floats(-1e6, 1e6, width=32)))
    order = tuple(draw(st.permutations(range(len(shape)))))
    return values, order


@given(permuted_arrays())
def test_permuted_axes_come_back(case):
    values, order = case
    spec = TensorSpec("x", "float32", tuple(values.shape[axis] for axis in order), axis_order=order)
    physical = to_physical(values, spec)
    assert physical.shape == spec.shape
    assert spec.logical_shape == values.shape
    np.testing.assert_array_equal(physical, np.transpose(values, order))
    np.testing.assert_array_equal(to_logical(physical, spec), values)


@given(
    permuted_arrays(),
    st.floats(1e-4, 1e3),
    st.sampled_from(INTEGER_TYPES),
    st.integers(-128, 127),
)
def test_quantized_values_come_back_within_half_a_step(case, scale, dtype, zero_point):
    values, order = case
    info = np.iinfo(dtype)
    zero_point = int(np.clip(zero_point, info.min, info.max))
    spec = TensorSpec(
        "x", dtype, tuple(values.shape[axis] for axis in order), order, scale=scale, zero_point=zero_point
    )
    inside = np.clip(
        values.astype(np.float64), (info.min - zero_point) * scale, (info.max - zero_point) * scale
    )
    physical = to_physical(values, spec)
    assert physical.dtype == dtype
    back = to_logical(physical, spec)
    assert back.dtype == np.float32
    assert back.shape == values.shape
    slack = 1e-6 * np.abs(inside) + 1e-9
    assert (np.abs(back - inside) <= scale / 2 + slack).all()


@given(st.integers(-128, 127), st.floats(1e-4, 1e3))
def test_integers_come_back_exactly(zero_point, scale):
    spec = TensorSpec("x", "int8", (256,), scale=scale, zero_point=zero_point)
    integers = np.arange(-128, 128).astype(np.int8)
    np.testing.assert_array_equal(quantize(dequantize(integers, spec), spec), integers)


def test_quantization_has_the_documented_direction():
    spec = TensorSpec("x", "int8", (3,), scale=0.5, zero_point=-10)
    assert quantize(np.array([0.0, 1.0, -1.0]), spec).tolist() == [-10, -8, -12]
    assert dequantize(np.array([-10, -8, -12], np.int8), spec).tolist() == [0.0, 1.0, -1.0]


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [("int8", -128, 127), ("uint8", 0, 255), ("int16", -32768, 32767)]
)
def test_what_is_out_of_range_is_clipped_not_wrapped(dtype, low, high):
    spec = TensorSpec("x", dtype, (2,), scale=1.0, zero_point=0)
    assert quantize(np.array([-1e9, 1e9]), spec).tolist() == [low, high]


def test_uint8_is_not_subtracted_in_uint8():
    spec = TensorSpec("x", "uint8", (1,), scale=1.0, zero_point=200)
    assert dequantize(np.array([100], np.uint8), spec).tolist() == [-100.0]


@pytest.mark.parametrize("scale", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_an_unusable_scale_is_an_error(scale):
    spec = TensorSpec("logits", "int8", (1,), scale=scale, zero_point=0)
    with pytest.raises(StageError, match="logits"):
        quantize(np.zeros(1), spec)
    with pytest.raises(StageError, match="logits"):
        dequantize(np.zeros(1, np.int8), spec)


def test_values_take_the_type_of_the_artifact():
    assert to_physical(np.ones((2, 2)), TensorSpec("x", "float16", (2, 2))).dtype == np.float16


def test_physical_arrays_are_contiguous():
    spec = TensorSpec("x", "float32", ("batch", 8, 8, 3), axis_order=(0, 2, 3, 1))
    assert to_physical(np.zeros((2, 3, 8, 8), np.float32), spec).flags["C_CONTIGUOUS"]


def test_dynamic_axes_are_logical():
    spec = TensorSpec("x", "float32", ("batch", "height", 8, 3), axis_order=(0, 2, 3, 1))
    assert spec.logical_shape == ("batch", 3, "height", 8)
    assert spec.dynamic_axes == {0: "batch", 2: "height"}
    assert spec.describe() == "x:float32[batch,height,8,3]"


def test_runtime_name_is_the_key_where_there_is_one():
    assert TensorSpec("x", "float32", ()).runtime_name == "x"
    assert TensorSpec("x", "float32", (), key="serving_default_x:0").runtime_name == "serving_default_x:0"


def test_inputs_are_found_by_name():
    x, y = TensorSpec("x", "float32", (1,)), TensorSpec("y", "float32", (2,))
    assert Signature((x, y), ()).input("y") == y
    with pytest.raises(KeyError):
        Signature((x,), ()).input("y")


def test_a_signature_survives_json():
    spec = TensorSpec("x", "int8", ("batch", 8, 8, 3), (0, 2, 3, 1), 0.5, -3, "key")
    signature = Signature((spec,), (TensorSpec("y", "float32", ()),))
    assert msgspec.json.decode(msgspec.json.encode(signature), type=Signature) == signature
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"inputs": [], "outputs": [], "more": 1}', type=Signature)
