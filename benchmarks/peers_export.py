"""Export one model that is compared, with its inputs and outputs. Imports torch; never TensorFlow.

`python -m benchmarks.peers_export NAME FOLDER` writes dynamic.onnx (a dynamic batch), static1.onnx and
static8.onnx, the weights, and cases.npz.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import torch

from benchmarks.peers_models import MODELS, made

BATCHES = (1, 8)


def export(name: str, folder: Path) -> None:
    """Write all that the conversions and the comparison read."""
    model, inputs = made(name), MODELS[name].inputs
    rest = {"dynamo": True, "opset_version": 20, "verbose": False, "input_names": ["input0"]}
    free = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(model, inputs(2), dynamic_shapes=free, **rest).save(str(folder / "dynamic.onnx"))
    torch.save(model.state_dict(), folder / "weights.pt")
    cases = {}
    for batch in BATCHES:
        torch.manual_seed(batch)
        (x,) = given = inputs(batch)
        torch.onnx.export(model, given, **rest).save(str(folder / f"static{batch}.onnx"))
        with torch.inference_mode():
            cases |= {f"x{batch}": x.numpy(), f"y{batch}": model(x).numpy()}
    np.savez(folder / "cases.npz", **cases)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    export(sys.argv[1], Path(sys.argv[2]))
