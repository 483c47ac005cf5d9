"""Linear layers with INT8 weights that quantize each row of what they read by itself. Runs in a worker.

torch.ao's has one scale for all rows of a call: one token far larger than the others rounds these away, and
what a sample gives depends on the samples beside it. Here each row is divided by its largest magnitude
before, and what it gives multiplied by that after: the same function, and one scale fits all rows. It still
depends on whether any row has negative values, by a factor of two at most.

Activations have 8 bits and weights 7, for torch.ao's 7 and 8: either way two products of an x86 CPU without
VNNI cannot saturate (255 × 64 × 2 < 2^15), and what reaches a layer varies more than its weights do.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.ao.nn.quantized import dynamic
from torch.ao.quantization import QConfig

LEAST, LARGEST = -64, 63  # of 7 bits
SMALLEST = 1e-30  # a row of zeros is divided by that


class RowLinear(dynamic.Linear):
    """INT8 weights of one scale a channel, or one in all; 8-bit activations of one scale a row.

    Attributes:
        row_bias: added in float; None where the layer has none.
    """

    row_bias: Tensor | None

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, bias_=False)

    @classmethod
    def from_float(cls, mod: nn.Linear, use_precomputed_fake_quant: bool = False) -> Self:
        """The same function as a float layer with a `qconfig`, as torch.ao converts one."""
        bare: Any = nn.Linear(mod.in_features, mod.out_features, bias=False)
        bare.weight, bare.qconfig = mod.weight, mod.qconfig
        made = cls(mod.in_features, mod.out_features)
        made._packed_params = dynamic.Linear.from_float(bare)._packed_params
        made.register_buffer("row_bias", None if mod.bias is None else mod.bias.detach().clone())
        return made

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] to [..., out]."""
        low, high = torch.aminmax(x, dim=-1, keepdim=True)
        size = torch.maximum(high, -low).clamp_min(SMALLEST)
        rows = torch.ops.quantized.linear_dynamic(
            x * size.reciprocal(), self._packed_params._packed_params, reduce_range=False
        )
        return rows * size if self.row_bias is None else torch.addcmul(self.row_bias, rows, size)


def row_config(config: QConfig) -> QConfig:
    """A qconfig with weights of 7 bits."""
    weight = config.weight.with_args(quant_min=LEAST, quant_max=LARGEST)
    return QConfig(activation=config.activation, weight=weight)
