"""A transformer of 100 MB in the kinds of file that convertkit reads: `… inspection_models FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import safetensors.torch
import torch

import convertkit

LAYERS, WIDTH, INNER, LENGTH = 8, 512, 2048, 16


def encoder() -> torch.nn.Module:
    """25 million parameters in 96 tensors."""
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(WIDTH, 8, INNER, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False).eval()
    for weights in model.parameters():  # layers begin alike, and a .tflite would hold one of them
        torch.nn.init.normal_(weights, std=WIDTH**-0.5)
    return model


def main(folder: Path) -> None:
    """Write them."""
    torch.backends.mha.set_fastpath_enabled(False)
    model, example = encoder(), torch.zeros(2, LENGTH, WIDTH)
    program = torch.export.export(model, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, folder / "model.pt2")
    torch.jit.save(torch.jit.trace(model, (example,)), folder / "script.pt")
    torch.save(model.state_dict(), folder / "weights.pt")
    safetensors.torch.save_file(model.state_dict(), folder / "weights.safetensors")
    convertkit.convert(
        folder / "model.pt2",
        to=("onnx", "tflite:float32"),
        out=folder / "run",
        cache=False,
        settings=("bench.skip=files are all that is needed", "sampling.validation=2"),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
