"""INT8 weights by torch.ao, activations quantized in every call, without calibration. Runs in a worker.

Upstream flags set: `quantize_dynamic` with a qconfig for each type of layer (linear: int8 weights, per
channel or per tensor; recurrent: int8 per tensor, as scales for all their channels outweigh what they save;
embeddings: uint8 rows, activations float); `mapping`, where linear layers have one scale a row
(`convertkit/pytorch/row_linear.py`); the engine, for conversion and for every run.
nn.MultiheadAttention's fast path is off: it reads weights that are packed by then. Its input projections are
no layer, so the exported graph is tried as well, where they are one. What quantized embeddings look up is
made contiguous before: their kernel takes no views, and types and positions of tokens come as such.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.ao import quantization
from torch.ao.nn import quantized as nnq
from torch.ao.quantization.quantization_mappings import get_default_dynamic_quant_module_mappings

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays, Signature
from convertkit.config.torch_options import TorchToTorchDynamicOptions
from convertkit.pytorch.engine import use_engine
from convertkit.pytorch.quantized import EMBEDDINGS, RECURRENT, quantize_forms
from convertkit.pytorch.row_linear import RowLinear, row_config
from convertkit.pytorch.script import save_script

WEIGHT_RANKS = (2,)


def quantize(
    source: Artifact, options: TorchToTorchDynamicOptions, examples: Arrays, out: Path
) -> tuple[Signature, tuple[str, ...]]:
    """Quantize the layers that can be, save as TorchScript; its signature, and notes."""
    use_engine(options.engine)
    torch.backends.mha.set_fastpath_enabled(False)
    has_rows = options.activations == "per-row"
    configs = layer_configs(per_channel=options.per_channel, has_rows=has_rows)
    kinds = get_default_dynamic_quant_module_mappings() | ({nn.Linear: RowLinear} if has_rows else {})

    def convert(model: nn.Module) -> nn.Module:
        made: nn.Module = quantization.quantize_dynamic(model, configs, mapping=kinds, inplace=True)
        for module in made.modules():
            if isinstance(module, nnq.Embedding):
                module.register_forward_pre_hook(contiguous)
        return made

    with torch.no_grad():
        quantized = quantize_forms(source, examples, convert, WEIGHT_RANKS)
        signature = save_script(quantized.model, source.signature, examples, options.engine, out)
    rows = ("activations of linear layers: one scale a row",) if has_rows else ()
    return signature, (*quantized.notes, *rows, f"engine: {options.engine}")


def contiguous(module: nn.Module, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    """What an embedding looks up, in memory of its own order."""
    return (given[0].contiguous(),)


def layer_configs(*, per_channel: bool, has_rows: bool = False) -> dict[Any, Any]:
    """The qconfig of every type of layer; `has_rows`: activations of linear ones have a scale a row."""
    layers = quantization.per_channel_dynamic_qconfig if per_channel else quantization.default_dynamic_qconfig
    layers = row_config(layers) if has_rows else layers
    configs: dict[Any, Any] = {nn.Linear: layers}
    configs |= dict.fromkeys(RECURRENT, quantization.default_dynamic_qconfig)
    configs |= dict.fromkeys(EMBEDDINGS, quantization.float_qparams_weight_only_qconfig)
    return configs
