"""How much of an artifact is weights, and what it is compressed."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from convertkit.artifacts.formats import Format
from convertkit.worker import sizes
from convertkit.worker.sizes import compressed_bytes, weights_bytes


def test_a_file_is_compressed_as_a_whole(tmp_path):
    content = b"weights" * 1000 + np.random.default_rng(0).bytes(5000)
    (tmp_path / "model.tflite").write_bytes(content)
    assert compressed_bytes(tmp_path / "model.tflite") == len(zlib.compress(content))


def test_a_folder_is_all_its_files_and_an_onnx_file_its_sidecar_too(tmp_path):
    folder = tmp_path / "model.savedmodel"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"a" * 100)
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(b"b" * 100)
    assert compressed_bytes(folder) == len(zlib.compress(b"a" * 100 + b"b" * 100))
    assert weights_bytes(folder, Format.SAVEDMODEL) == 100
    (tmp_path / "model.onnx").write_bytes(b"c" * 100)
    (tmp_path / "model.onnx.data").write_bytes(b"d" * 100)
    assert compressed_bytes(tmp_path / "model.onnx") == len(zlib.compress(b"c" * 100 + b"d" * 100))


def test_what_is_too_large_is_not_tried(tmp_path, monkeypatch):
    (tmp_path / "model").write_bytes(b"a" * 100)
    monkeypatch.setattr(sizes, "MOST_COMPRESSED", 99)
    assert compressed_bytes(tmp_path / "model") is None
    assert weights_bytes(tmp_path / "model", Format.TORCH) is None


@pytest.mark.slow
def test_weights_of_onnx_are_counted_by_type_and_shape(tmp_path):
    onnx = pytest.importorskip("onnx")
    inner = onnx.parser.parse_graph("g () => (float[2] z) <float[2] w = {1, 2}> { z = Identity(w) }")
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 17]> m (float[2] x) => (float[2] y)'
        " <int8[3] q = {1, 2, 3}, double[2, 2] d = {1, 2, 3, 4}> { y = Identity(x) }"
    )
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("body", inner))
    onnx.save(model, tmp_path / "m.onnx")
    assert weights_bytes(tmp_path / "m.onnx", Format.ONNX) == 3 + 4 * 8 + 2 * 4
