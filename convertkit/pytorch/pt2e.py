"""INT8 by torchao's PT2E, written as an exported program (`.pt2`). Runs in a worker.

Upstream flags set: X86InductorQuantizer's default configuration with `reduce_range=True` (activations in 7
bits: 8 saturate on CPUs without VNNI), `is_dynamic` where there is nothing to calibrate with. The weights
are folded to integers by `convert_pt2e`; what the graph does not use any more is left out, and so are the
debug records of its nodes, which hold the paths of source files. Quantize and dequantize stay operators of
their own (`quantized_decomposed`): the program runs anywhere, in float, and becomes fast by torch.compile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import fx, nn
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays, Signature
from convertkit.causes import first_line
from convertkit.errors import StageError
from convertkit.pytorch.graph import export
from convertkit.pytorch.quantized import Quantized, float_weights, layer_kinds, program_of
from convertkit.pytorch.script import lost_axes, read_back, tensors
from convertkit.samples.representative import calibration_steps

DEBUG_RECORDS = ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node", "custom")
FORM = "the exported program"


def quantize(
    source: Artifact, examples: Arrays, out: Path, samples: Arrays | None = None
) -> tuple[Signature, tuple[str, ...]]:
    """Export, calibrate, convert, save; its signature, and notes.

    Args:
        samples: what calibrates; None: activations are quantized in every call.

    Raises:
        StageError: the model cannot be exported or quantized, or nothing in it was.
    """
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad():
        try:
            model = program_of(source, examples).module(check_guards=False)
            weights = float_weights(model)
            made = convert(model, source.signature, examples, samples)
            program = export(made, source.signature, examples)
        except StageError:
            raise
        except Exception as error:  # tracers run the model's own code, which may raise anything
            raise StageError(f"PT2E failed: {type(error).__name__}: {first_line(error)}"[:300]) from error
        quantized = Quantized(made, FORM, weights, float_weights(made))
        if not quantized.has_integers:
            raise StageError(f"nothing in this model could be quantized: it has {layer_kinds(model)}"[:300])
        strip(program)
        torch.export.save(program, str(out))
        loaded = torch.export.load(str(out)).module()
        lost = lost_axes(made, loaded, source.signature, examples)
        signature = read_back(loaded, source.signature, examples, lost)
    return signature, (*quantized.notes, "backend: torchao PT2E, quantized operators in reference form")


def convert(
    model: nn.Module, signature: Signature, examples: Arrays, samples: Arrays | None
) -> fx.GraphModule:
    """The quantized graph, with nothing in it that it does not use."""
    quantizer = x86.X86InductorQuantizer()
    config = x86.get_default_x86_inductor_quantization_config(is_dynamic=samples is None, reduce_range=True)
    quantizer.set_global(config)
    prepared: Any = prepare_pt2e(model, quantizer)
    if samples is None:
        prepared(*tensors(examples))  # the observers of the weights see them in a call, and in none without
    else:
        for step in calibration_steps(signature, samples):
            prepared(*tensors(step))
    made = convert_pt2e(prepared)
    return fx.GraphModule(made, made.graph)


def strip(program: torch.export.ExportedProgram) -> None:
    """Remove what the nodes tell of the code they come from."""
    for node in program.graph.nodes:
        for name in DEBUG_RECORDS:
            node.meta.pop(name, None)
