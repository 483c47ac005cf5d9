"""Indices of a .tflite: each wrong one is refused before an interpreter sees the file."""

import copy
import struct

import pytest

from convertkit.errors import ModelFileError
from convertkit.sources import inspect_source
from tests.sources.flat import U8, flatbuffer

IF, WHILE = U8(92), U8(93)
BODY = {0: [{0: [1, 3], 2: 0}], 1: [0], 2: [0], 3: []}
MODEL = {
    1: [{}, {}],  # operator codes
    2: [
        {  # a subgraph: tensors, inputs, outputs, operators
            0: [{0: [1, 3], 2: 1}, {0: [3, 3], 2: 2, 4: {2: [1, 1, 1], 6: 1}}, {0: [], 2: 0}],
            1: [0],
            2: [2],
            3: [{0: 1, 1: [0, 1, -1], 2: [2], 8: []}, {0: 0, 1: [0], 2: [2], 3: IF, 4: {0: 1, 1: 1}}],
        },
        BODY,
    ],
    4: [{}, {}, {0: b"weights!"}],  # buffers
    6: [{1: 2}],  # metadata
    7: [{0: [{1: 0}], 1: [{1: 2}], 4: 0}],  # signatures
}


def changed(path, value):
    """The model with one value changed; the path to it through fields and places."""
    model = copy.deepcopy(MODEL)
    inner = model
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return model


@pytest.fixture
def read(tmp_path):
    def read(model):
        content = model if isinstance(model, bytes) else flatbuffer(model)
        (tmp_path / "m.tflite").write_bytes(content)
        return inspect_source(tmp_path / "m.tflite")

    return read


def test_a_right_one_is_read(read):
    assert str(read(MODEL).kind) == "tflite"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ((2, 0, 0, 1, 2), 3, "tensor 1 of subgraph 0 names buffer 3 of 3"),
        ((2, 0, 0, 1, 2), -1, "names buffer 4294967295 of 3"),
        ((2, 0, 0, 0, 0), [1 << 30, 1 << 30], "is of shape"),
        ((2, 0, 0, 0, 0), [-5, 3], "is of shape"),
        ((2, 0, 0, 1, 4), {2: [1, 1, 1], 6: 2}, "3 scales along axis 2"),
        ((2, 0, 0, 1, 4), {2: [1, 1], 6: 1}, "2 scales along axis 1"),
        ((2, 0, 1), [3], "subgraph 0 names tensor 3 of 3"),
        ((2, 0, 2), [-1], "subgraph 0 names tensor -1 of 3"),
        ((2, 0, 3, 0, 0), 2, "operator 0 of subgraph 0 names operator code 2 of 2"),
        ((2, 0, 3, 0, 1), [0, 9], "operator 0 of subgraph 0 names tensor 9 of 3"),
        ((2, 0, 3, 0, 1), [0, -2], "names tensor -2 of 3"),
        ((2, 0, 3, 0, 2), [-1], "names tensor -1 of 3"),
        ((2, 0, 3, 0, 8), [1 << 30], "names tensor 1073741824 of 3"),
        ((2, 0, 3, 1, 4), {0: 1, 1: 2}, "operator 1 of subgraph 0 names subgraph 2 of 2"),
        ((2, 0, 3, 1, 4), {0: 1, 1: 0}, "subgraph 0 calls itself"),
        ((2, 1, 3), [{3: WHILE, 4: {0: 0, 1: 0}}], "subgraph 0 calls itself"),
        ((6, 0, 1), 3, "metadata names buffer 3 of 3"),
        ((7, 0, 4), 2, "a signature names subgraph 2 of 2"),
        ((7, 0, 0, 0, 1), 3, "a signature names tensor 3 of 3"),
        ((2,), [], "without a graph"),
    ],
)
def test_a_wrong_one_is_refused(read, path, value, said):
    with pytest.raises(ModelFileError) as raised:
        read(changed(path, value))
    assert said in raised.value.message


def test_an_offset_or_a_length_out_of_the_file_is_refused(read):
    whole = flatbuffer(MODEL)
    places = range(8, len(whole) - 4, 4)
    refused = 0
    for place in places:
        for value in (0x7FFFFFFF, 0xFFFFFFF0):
            content = bytearray(whole)
            struct.pack_into("<I", content, place, value)
            try:
                read(bytes(content))
            except ModelFileError:
                refused += 1
    assert refused > len(places) // 2


def test_a_buffer_behind_the_graph_has_to_be_in_the_file(read):
    content = flatbuffer(changed((4, 1), {1: 100, 2: 0, 3: 0}))
    assert read(content)  # 100 bytes on, of none
    with pytest.raises(ModelFileError, match="leads out of itself"):
        read(flatbuffer(changed((4, 1), {1: 1 << 20, 2: 4, 3: 0})))
