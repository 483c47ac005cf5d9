"""PyTorch float32 → PyTorch INT8, weights and activations, calibrated.

Two backends: torch.ao's FX graph mode (`convertkit/pytorch/ao_static.py`) and torchao's PT2E
(`convertkit/pytorch/pt2e.py`); each lists the upstream flags it sets.
"""

from __future__ import annotations

from convertkit.artifacts.artifact import Loader
from convertkit.artifacts.tensors import read_npz
from convertkit.config.torch_options import TorchToTorchFxOptions
from convertkit.pytorch.backends import load_backend
from convertkit.samples.representative import read_calibration
from convertkit.stages import Conversion, Request


def convert(request: Request[TorchToTorchFxOptions]) -> Conversion:
    """Quantize with the backend that was asked for, and save."""
    samples, examples = read_calibration(request.calibration), read_npz(request.examples)
    backend = load_backend(request.options.backend, "static")
    if request.options.backend == "pt2e":
        signature, notes = backend.quantize(request.source, examples, request.out, samples)
        return Conversion(signature, notes, Loader("exported-program"))
    signature, notes = backend.quantize(request.source, request.options, samples, examples, request.out)
    return Conversion(signature, notes, Loader("torchscript"))
