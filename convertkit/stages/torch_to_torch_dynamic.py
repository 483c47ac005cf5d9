"""PyTorch float32 → PyTorch with INT8 weights; activations are quantized in every call, without calibration.

Two backends: torch.ao's quantize_dynamic (`convertkit/pytorch/ao_dynamic.py`) and torchao's PT2E
(`convertkit/pytorch/pt2e.py`); each lists the upstream flags it sets.
"""

from __future__ import annotations

from convertkit.artifacts.artifact import Loader
from convertkit.artifacts.tensors import read_npz
from convertkit.config.torch_options import TorchToTorchDynamicOptions
from convertkit.pytorch.backends import load_backend
from convertkit.stages import Conversion, Request


def convert(request: Request[TorchToTorchDynamicOptions]) -> Conversion:
    """Quantize with the backend that was asked for, and save."""
    examples = read_npz(request.examples)
    backend = load_backend(request.options.backend, "dynamic")
    if request.options.backend == "pt2e":
        signature, notes = backend.quantize(request.source, examples, request.out)
        return Conversion(signature, notes, Loader("exported-program"))
    signature, notes = backend.quantize(request.source, request.options, examples, request.out)
    return Conversion(signature, notes, Loader("torchscript"))
