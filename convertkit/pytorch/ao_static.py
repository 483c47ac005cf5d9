"""INT8 weights and activations by torch.ao's FX graph mode, calibrated. Runs in a worker.

Upstream flags set: `prepare_fx` / `convert_fx` with the engine's own QConfigMapping (activations in 7 bits,
`reduce_range`: 8 beside weights of 8 saturate on CPUs without VNNI, but not in qnnpack), its global qconfig
replaced by the chosen range method and per-channel or per-tensor weights; where weights are refined before,
they have the grid that they were rounded to (`quant_min`, `quant_max`) and activations 8 bits; embeddings by
rows; recurrent layers dynamically (they have no static form); transposed convolutions float (TRANSPOSED);
layers before ReLU6 in its range, which with 8 bits takes the place of ReLU6 (`pytorch.clamps`); the engine,
for conversion and for every run. A model that `torch.fx` cannot trace, in which it leaves weights float, or
whose layers have classes of their own (`pytorch.own_layers`), is exported first (`pytorch.graph`); where that
fails too, it is quantized part by part.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import fx, nn
from torch.ao import quantization
from torch.ao.quantization import observer, quantize_fx
from torch.nn import functional

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays, Signature
from convertkit.config.torch_options import TorchToTorchFxOptions
from convertkit.pytorch.clamps import clamped_early, drop_clamps
from convertkit.pytorch.engine import use_engine
from convertkit.pytorch.parts import quantize_parts
from convertkit.pytorch.quantized import EMBEDDINGS, RECURRENT, quantize_forms
from convertkit.pytorch.relus import with_functional_relus
from convertkit.pytorch.script import save_script, tensors
from convertkit.samples.representative import calibration_steps

Refined = TypeVar("Refined")

FOREIGN = {"qnnpack": ", for ARM; judged by its kernels for this machine, whose speed says nothing of ARM's"}
WEIGHT_RANKS = (2, 3, 4, 5)
OBSERVERS: dict[str, Any] = {"histogram": observer.HistogramObserver, "minmax": observer.MinMaxObserver}
# Quantized, they are wrong in silence: x86 always, fbgemm in a U-Net, with other numbers in every call.
TRANSPOSED = (
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    *(functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d),
)


def quantize(
    source: Artifact,
    options: TorchToTorchFxOptions,
    samples: Arrays,
    examples: Arrays,
    out: Path,
    refine: Callable[[fx.GraphModule], Refined] | None = None,
) -> tuple[Signature, tuple[str, ...], Refined | None]:
    """Trace, calibrate, convert, save as TorchScript; its signature, notes, and what `refine` says.

    Args:
        refine: what is done to the weights of a traced and fused model before it is calibrated; a model that
            is quantized part by part is left as it is.
    """
    use_engine(options.engine)
    torch.backends.mha.set_fastpath_enabled(False)
    mapping = config_mapping(options)
    refined: dict[nn.Module, Refined] = {}

    def calibrate(model: nn.Module) -> None:
        for step in calibration_steps(source.signature, samples):
            model(*tensors(step))

    def convert(model: nn.Module) -> nn.Module:
        prepared = quantize_fx.prepare_fx(with_functional_relus(model), mapping, tensors(examples))
        done = refine(prepared) if refine else None
        with clamped_early(prepared):
            calibrate(prepared)
        if not options.reduces_range:
            drop_clamps(prepared)
        made: nn.Module = quantize_fx.convert_fx(prepared)
        if done is not None:
            refined[made] = done
        return made

    with torch.no_grad():
        quantized = quantize_forms(
            source, examples, convert, WEIGHT_RANKS, lambda model: quantize_parts(model, mapping, calibrate)
        )
        signature = save_script(quantized.model, source.signature, examples, options.engine, out)
    notes = (*quantized.notes, f"engine: {options.engine}{FOREIGN.get(options.engine, '')}")
    return signature, notes, refined.get(quantized.model)


def config_mapping(options: TorchToTorchFxOptions) -> Any:
    """Which observers watch which layers."""
    activations = OBSERVERS[options.calibration].with_args(reduce_range=options.reduces_range)
    mapping = quantization.get_default_qconfig_mapping(options.engine)
    mapping.set_global(quantization.QConfig(activation=activations, weight=weight_observer(options)))
    kinds: dict[Any, Any] = dict.fromkeys(RECURRENT, quantization.default_dynamic_qconfig)
    kinds |= dict.fromkeys(EMBEDDINGS, quantization.float_qparams_weight_only_qconfig)
    kinds |= dict.fromkeys(TRANSPOSED)
    for kind, config in kinds.items():
        mapping.set_object_type(kind, config)
    return mapping


def weight_observer(options: TorchToTorchFxOptions) -> Any:
    """What finds the scales of weights: on the grid that they were rounded to, or on torch.ao's own."""
    if options.largest:
        ends = {"quant_min": -options.largest, "quant_max": options.largest}
        return observer.default_per_channel_weight_observer.with_args(**ends)
    return (
        observer.default_per_channel_weight_observer
        if options.per_channel
        else observer.default_weight_observer
    )
