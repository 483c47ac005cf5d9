"""A `.tflite` read field by field."""

from __future__ import annotations

import struct

import pytest

from convertkit.delegates.graph import read_graphs
from convertkit.errors import ModelFileError
from tests.delegates.made import tflite_of
from tests.sources.flat import flatbuffer

INTEGERS = struct.pack("<2i", -1, 256)
LONG = struct.pack("<2q", 3, -4)


def read(tmp_path, content):
    file = tmp_path / "m.tflite"
    file.write_bytes(content)
    return read_graphs(file)


def test_operators_tensors_and_constants(tmp_path) -> None:
    tensors = [
        ("float32", (1, 16, 16)),
        ("int32", (2,), INTEGERS),
        ("float32", (1, 256)),
        ("int64", (2,), LONG),
        ("float32", (4, 64), bytes(1024)),
    ]
    operators = [("RESHAPE", None, [0, 1], [2]), ("FlexErf", None, [2, -1, 3, 4], [0])]
    (found,) = read(tmp_path, tflite_of(operators, tensors))
    reshape, custom = found.operators
    assert (reshape.kind, custom.kind) == ("RESHAPE", "FlexErf")
    assert [tensor.name for tensor in reshape.given] == ["t0", "t1"]
    assert (reshape.given[1].values, reshape.given[1].is_constant) == ((-1, 256), True)
    assert (reshape.outputs[0].shape, reshape.outputs[0].is_constant) == ((1, 256), False)
    assert custom.inputs[1] is None
    assert (custom.given[1].values, custom.given[2].values) == ((3, -4), None)
    assert custom.given[2].is_constant
    assert (found.producers, found.consumers[2]) == ({2: 0, 0: 1}, [1])


def test_a_quantized_tensor_has_its_scales(tmp_path) -> None:
    scales = struct.pack("<2f", 0.5, 0.25)
    quantization = {2: [struct.unpack("<i", scales[at : at + 4])[0] for at in (0, 4)], 6: 1}
    tensors = [{0: [1, 2], 1: 9, 2: 0, 3: b"x", 4: quantization}]
    model = {0: 3, 1: [{0: 8}], 2: [{0: tensors, 3: [{0: 0, 1: [0], 2: [0]}]}], 4: [{}]}
    tensor = read(tmp_path, flatbuffer(model))[0].operators[0].given[0]
    assert (tensor.type, tensor.scales, tensor.axis) == ("int8", (0.5, 0.25), 1)


def test_an_operator_of_a_later_schema_has_its_number_for_a_name(tmp_path) -> None:
    model = {0: 3, 1: [{3: 999}], 2: [{0: [], 3: [{0: 0, 1: [], 2: []}]}], 4: [{}]}
    assert read(tmp_path, flatbuffer(model))[0].operators[0].kind == "operator 999"


@pytest.mark.parametrize(
    "model",
    [
        {0: 3, 1: [], 2: [{0: [], 3: [{0: 5, 1: [], 2: []}]}], 4: [{}]},
        {0: 3, 1: [{0: 0}], 2: [{0: [], 3: [{0: 0, 1: [7], 2: []}]}], 4: [{}]},
        {0: 3, 1: [], 2: [{0: [{0: [1], 2: 9}], 3: []}], 4: [{}]},
    ],
    ids=["operator code", "tensor", "buffer"],
)
def test_an_index_that_leads_to_nothing_is_one_line(tmp_path, model) -> None:
    with pytest.raises(ModelFileError, match="damaged"):
        read(tmp_path, flatbuffer(model))


def test_an_empty_file_is_no_model(tmp_path) -> None:
    with pytest.raises(ModelFileError):
        read(tmp_path, b"")
