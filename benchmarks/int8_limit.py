"""What INT8 can keep at most where nothing is lost by weights: weights of 16 bits, activations of 8.

`python -m benchmarks.int8_limit [NAME…]` prints, for models of the zoo, the lowest SQNR of any output of a
simulated INT8 graph by min-max, and of the same with weights of 16 bits: no rounding of weights gains more
than is between them. By ONNX Runtime's own quantizer, its nodes computed in float.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.zoo_export import export
from convertkit.artifacts.signature import Arrays
from convertkit.validation.compare import output_metrics

NAMES = (
    *("mlp", "cnn", "two-inputs", "transformer-2x64", "conv1d", "conv3d", "norms", "pixel-shuffle", "unet"),
    *("yolo", "gru", "mobilenet-v2", "resnet-50", "efficientnet-b0", "deit-tiny"),
)
CALIBRATING, VALIDATING = 32, 48
WEIGHTS = {"8 bits": QuantType.QInt8, "16 bits": QuantType.QInt16}


class Calls(CalibrationDataReader):  # type: ignore[misc]
    """Samples one by one, as calibration reads them."""

    def __init__(self, calls: Iterator[Arrays]) -> None:
        self._calls = calls

    def get_next(self) -> Arrays | None:
        return next(self._calls, None)


def calls(name: str, path: Path) -> list[Arrays]:
    """Samples of a model, each a batch of one, under the names that its graph has."""
    import torch

    from benchmarks.zoo_models import MODELS

    torch.manual_seed(2)
    inputs = MODELS[name].inputs(batch=CALIBRATING + VALIDATING)
    names = [each.name for each in onnx.load(path, load_external_data=False).graph.input]
    arrays = {key: each.numpy() for key, each in zip(names, inputs, strict=True)}
    return [
        {key: each[row : row + 1] for key, each in arrays.items()} for row in range(CALIBRATING + VALIDATING)
    ]


def outputs(path: Path, given: list[Arrays]) -> list[np.ndarray]:
    """All outputs of a graph, stacked; no node is fused, so that integers are simulated in float."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return [np.stack(each) for each in zip(*(session.run(None, call) for call in given), strict=True)]


def figures(name: str) -> dict[str, float]:
    """Lowest SQNR of any output by the bits of the weights, decibels."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "model.onnx", Path(folder) / "int8.onnx"
        export(name, source)
        samples = calls(name, source)
        quant_pre_process(source, source, skip_symbolic_shape=True)
        wanted = outputs(source, samples[CALIBRATING:])
        found = {}
        for words, kind in WEIGHTS.items():
            quantize_static(
                source,
                made,
                Calls(iter(samples[:CALIBRATING])),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QInt8,
                weight_type=kind,
                extra_options={"UseQDQContribOps": True, "WeightSymmetric": True},
            )
            given = zip(wanted, outputs(made, samples[CALIBRATING:]), strict=True)
            found[words] = min(output_metrics("", want, got).sqnr_db for want, got in given)
        return found


def main(names: list[str]) -> None:
    for name in names or NAMES:
        found = figures(name)
        told = ", ".join(f"{words} {figure:.1f} dB" for words, figure in found.items())
        print(f"{name}: {told}, {found['16 bits'] - found['8 bits']:+.1f} dB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
