"""Peak memory of `onnx_to_savedmodel` on a large model: a stack of linear layers.

`python -m benchmarks.memory [MEGABYTES]` prints one line: bytes of the model, peak, and peak against
4 × model + 1 GiB. Past 2 GB the weights lie beside the ONNX file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import convertkit

WIDTH = 3200
GIBIBYTE = 1 << 30


def linear_stack(megabytes: int, path: Path) -> int:
    """Write a stack of square linear layers of about that size; its bytes."""
    layers = max(1, round(megabytes * 1e6 / (4 * WIDTH * WIDTH)))
    random = np.random.default_rng(0)
    nodes, weights, current = [], [], "x"
    for index in range(layers):
        values = random.standard_normal((WIDTH, WIDTH), np.float32) / np.float32(np.sqrt(WIDTH))
        weights.append(numpy_helper.from_array(values, f"w{index}"))
        nodes.append(helper.make_node("MatMul", [current, f"w{index}"], [f"h{index}"]))
        current = f"h{index}"
    shape = ["batch", WIDTH]
    graph = helper.make_graph(
        nodes,
        "stack",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(current, TensorProto.FLOAT, shape)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save_model(model, path, save_as_external_data=True, location="weights.bin")
    return path.stat().st_size + (path.parent / "weights.bin").stat().st_size


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stack.onnx"
        size = linear_stack(megabytes, path)
        report = convertkit.convert(
            path,
            to="savedmodel",
            out=Path(folder) / "run",
            settings=["stages.onnx_to_savedmodel.converter=tracked", "bench.rounds=1"],
            cache=False,
        )
    (hop,) = report.hops
    limit = 4 * size + GIBIBYTE
    print(
        f"{hop.status}: model {size / 1e6:.0f} MB, peak {hop.peak_rss_bytes / 1e6:.0f} MB, "
        f"{hop.peak_rss_bytes / limit:.2f} of 4 × model + 1 GiB, {hop.seconds:.1f} s {hop.error or ''}"
    )


if __name__ == "__main__":
    main()
