"""PyTorch float32 → PyTorch with INT8 weights; activations are quantized in every call, without calibration.

Upstream flags set: `quantize_dynamic` with a qconfig for each type of layer (linear: int8 weights, per
channel or per tensor; recurrent: int8 per tensor, as scales for all their channels outweigh what they save;
embeddings: uint8 rows, activations float); the engine, for conversion and for every run.
nn.MultiheadAttention's fast path is off: it reads weights that are packed by then. Its input projections are
no layer, so the exported graph is tried as well, where they are one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.ao import quantization

from convertkit.artifact import Loader
from convertkit.options import TorchToTorchDynamicOptions
from convertkit.pytorch.engine import use_engine
from convertkit.pytorch.quantized import EMBEDDINGS, RECURRENT, deprecation_note, quantize_forms
from convertkit.pytorch.script import save_script
from convertkit.stages import Conversion, Request
from convertkit.tensors import read_npz

WEIGHT_RANKS = (2,)


def convert(request: Request[TorchToTorchDynamicOptions]) -> Conversion:
    """Quantize the layers that can be, save as TorchScript."""
    use_engine(request.options.engine)
    torch.backends.mha.set_fastpath_enabled(False)
    examples = read_npz(request.examples)
    configs = layer_configs(per_channel=request.options.per_channel)

    def quantize(model: nn.Module) -> nn.Module:
        made: nn.Module = quantization.quantize_dynamic(model, configs, inplace=True)
        return made

    with torch.no_grad():
        quantized = quantize_forms(request.source, examples, quantize, WEIGHT_RANKS)
        signature = save_script(
            quantized.model, request.source.signature, examples, request.options.engine, request.out
        )
    notes = (*quantized.notes, f"engine: {request.options.engine}", deprecation_note())
    return Conversion(signature, notes, Loader("torchscript"))


def layer_configs(*, per_channel: bool) -> dict[Any, Any]:
    """The qconfig of every type of layer."""
    layers = quantization.per_channel_dynamic_qconfig if per_channel else quantization.default_dynamic_qconfig
    configs: dict[Any, Any] = {nn.Linear: layers}
    configs |= dict.fromkeys(RECURRENT, quantization.default_dynamic_qconfig)
    configs |= dict.fromkeys(EMBEDDINGS, quantization.float_qparams_weight_only_qconfig)
    return configs
