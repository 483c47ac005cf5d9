"""PyTorch → ONNX, dynamic axes and names kept.

Upstream flags set: `dynamo` (torch.export-based, or the older tracer), `opset_version` (20: Gelu stays one
operator; dynamo has none before 18, from where ONNX's version converter goes on), `dynamic_shapes` /
`dynamic_axes`, `input_names`, `output_names`, `external_data=False` with `optimize=True`,
`do_constant_folding=True`, `training=PRESERVE` (models are in eval mode already). The nn.MultiheadAttention
fast path is off: it has no ONNX form. No epsilon is optimized away:
`convertkit/stages/exact_rewrites.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
import onnxscript.optimizer
import torch

from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.artifacts.tensors import read_npz
from convertkit.causes import first_line
from convertkit.config.stage_options import TorchToOnnxOptions
from convertkit.errors import StageError
from convertkit.graphs import kernels
from convertkit.graphs.float32 import in_float32
from convertkit.graphs.onnx_graph import settle
from convertkit.graphs.onnx_metadata import strip_metadata
from convertkit.graphs.onnx_names import restore_inputs, settle_names, unused_inputs
from convertkit.graphs.opset import lowered, opset_of
from convertkit.pytorch.decompositions import has_gaps, without_gaps
from convertkit.pytorch.graph import dynamic_shapes
from convertkit.pytorch.load import load_model
from convertkit.pytorch.outputs import complex_names, flatten_outputs, register_dataclasses
from convertkit.pytorch.unfit import read_values
from convertkit.runtimes.onnxruntime import read_signature
from convertkit.sources.export_words import advice, plain_words
from convertkit.stages import Conversion, Request
from convertkit.stages.exact_rewrites import make_exact

COMPILED = ("exported-program", "torchscript")  # their control flow is in the file
OLDEST_OF_DYNAMO = 18  # below, torch converts by itself, and keeps 18 in silence where that fails
WRAPPED, OUTPUT = "convertkit_source", "convertkit_output"  # names that no model has
LARGEST_PROTOBUF = (1 << 31) - (64 << 20)


def convert(request: Request[TorchToOnnxOptions]) -> Conversion:
    """Export with one exporter, clean the file's metadata, and check it with ONNX's own checker."""
    torch.backends.mha.set_fastpath_enabled(False)
    make_exact()
    export = {"dynamo": export_dynamo, "torchscript": export_torchscript}[request.options.exporter]
    raw = request.scratch / "exported.onnx"
    try:
        with torch.no_grad():
            export(request, str(raw))
    except StageError:
        raise
    except Exception as error:  # whatever the exporter's many layers raise is the same to the user
        raise StageError(
            f"the {request.options.exporter} exporter failed: {plain_words(error)}",
            hint=other_form(request) or advice(error),
        ) from error
    exported = onnx.load(raw)
    outputs = request.source.signature.outputs
    exported_as = zip(names_to_export(outputs), outputs, strict=True)
    settle_names(exported.graph, {name: spec.name for name, spec in exported_as})
    kernels.mend(exported)
    if request.source.half:
        exported = in_float32(exported)
    model = lowered(exported, request.options.opset)
    signature = request.source.signature
    restore_inputs(model, signature.inputs)
    name_dynamic_axes(model, signature)
    settle(model, signature.inputs, request.examples)
    if any(spec.is_bound for spec in signature.inputs):
        model = folded(model)
    unwrap_names(model.graph)
    strip_metadata(model)
    save(model, str(request.out))
    onnx.checker.check_model(str(request.out), full_check=model.ByteSize() < LARGEST_PROTOBUF)
    notes = (*opset_notes(opset_of(exported), opset_of(model)), *branch_notes(request))
    unused = unused_inputs(model)
    if unused:
        notes = (*notes, f"no output depends on {', '.join(unused)}: kept as inputs all the same")
    return Conversion(read_signature(model), notes)


def names_to_export(outputs: Sequence[TensorSpec]) -> list[str]:
    """What outputs are called until the graph is written: exporters call values `embedding`, `add`, …"""
    return [f"{OUTPUT}_{place}" for place in range(len(outputs))]


def opset_notes(exported: int, written: int) -> tuple[str, ...]:
    """That the graph was exported in a newer opset than it is written in."""
    if exported == written:
        return ()
    return (f"exported with opset {exported}; ONNX's version converter lowered it to {written}",)


def branch_notes(request: Request[TorchToOnnxOptions]) -> tuple[str, ...]:
    """What a trace loses of a module: branches that the examples do not take."""
    loader = request.source.loader
    if request.options.exporter != "torchscript" or loader is None or loader.kind in COMPILED:
        return ()
    reads = read_values(load_model(request.source.path, loader), example_tensors(request))
    if not reads:
        return ()
    return (f"control flow depends on values, {', '.join(reads)}: only what the examples ran is in the file",)


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with what depends on constants alone computed."""
    try:
        return onnxscript.optimizer.optimize(model)
    except Exception as error:  # its passes raise anything
        raise StageError(f"the constants cannot be folded: {first_line(error)}"[:300]) from error


def other_form(request: Request[TorchToOnnxOptions]) -> str:
    """What to give instead of TorchScript, which only one of the exporters takes."""
    loader = request.source.loader
    if loader is None or loader.kind != "torchscript":
        return ""
    return "give the model as .pt2 (torch.export.save), or as a state dict with --factory"


def example_tensors(request: Request[TorchToOnnxOptions]) -> tuple[torch.Tensor, ...]:
    """A few samples in the order of the model's inputs."""
    return tuple(torch.from_numpy(array) for array in read_npz(request.examples).values())


def export_dynamo(request: Request[TorchToOnnxOptions], path: str) -> None:
    """torch.export, then ONNX; an exported program brings its own dynamic shapes."""
    source, signature = request.source, request.source.signature
    assert source.loader is not None
    if source.loader.kind == "torchscript":
        raise StageError("torch.export does not take TorchScript")
    named: dict[str, Any] = {
        "input_names": [spec.name for spec in signature.inputs],
        "output_names": names_to_export(signature.outputs),
        "opset_version": max(request.options.opset, OLDEST_OF_DYNAMO),
        "dynamo": True,
        "external_data": False,
        "optimize": True,
        "verbose": False,
    }
    if source.loader.kind == "exported-program":
        program = torch.export.load(source.path)
        if not gives_complex(program):
            torch.onnx.export(without_gaps(program), (), path, **named)
            return
    model: Any = load_model(source.path, source.loader)
    examples = example_tensors(request)
    register_dataclasses(model, examples)
    shapes: tuple[Any, ...] = dynamic_shapes(signature)
    if complex_names(model(*examples)):
        model, shapes = TensorOutputs(model), (shapes,)  # whose inputs are one, a tuple
    if has_gaps(model, examples):
        program = torch.export.export(model, examples, dynamic_shapes=shapes)
        torch.onnx.export(without_gaps(program), (), path, **named)
        return
    torch.onnx.export(model, examples, path, dynamic_shapes=shapes, **named)


def gives_complex(program: torch.export.ExportedProgram) -> bool:
    """True where an output of a program is complex."""
    results = program.graph.output_node().all_input_nodes
    values = (node.meta.get("val") for node in results)
    return any(isinstance(value, torch.Tensor) and value.is_complex() for value in values)


class TensorOutputs(torch.nn.Module):
    """A model that returns its tensors as a tuple: the TorchScript exporter has no dictionaries, and ONNX no
    complex tensors, whose parts are two.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        setattr(self, WRAPPED, model)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Outputs in the order of their names."""
        return tuple(flatten_outputs(getattr(self, WRAPPED)(*inputs)).values())


def export_torchscript(request: Request[TorchToOnnxOptions], path: str) -> None:
    """The TorchScript-based exporter, deprecated upstream but wider than the other in places."""
    source, signature = request.source, request.source.signature
    examples = example_tensors(request)
    model: Any = load_model(source.path, source.loader)
    if isinstance(model, torch.jit.ScriptModule):
        model = torch.jit.trace(TensorOutputs(model), examples, strict=False)
    names = [spec.name for spec in signature.inputs], names_to_export(signature.outputs)
    specs = zip((*names[0], *names[1]), (*signature.inputs, *signature.outputs), strict=True)
    torch.onnx.export(
        model,
        examples,
        path,
        input_names=names[0],
        output_names=names[1],
        dynamic_axes={name: spec.dynamic_axes for name, spec in specs if spec.dynamic_axes},
        opset_version=request.options.opset,
        do_constant_folding=True,
        training=torch.onnx.TrainingMode.PRESERVE,  # an exported program has no train()
        dynamo=False,
    )


def unwrap_names(graph: onnx.GraphProto) -> None:
    """Take what `TensorOutputs` calls the model out of all names, so that they are the model's own."""
    for node in graph.node:
        node.name = unwrapped(node.name)
        node.input[:] = map(unwrapped, node.input)
        node.output[:] = map(unwrapped, node.output)
        for entry in node.metadata_props:
            entry.value = entry.value.replace(f"{WRAPPED}.", "").replace(f"'{WRAPPED}'", "''")
        for attribute in node.attribute:
            unwrap_names(attribute.g)
    for named in (*graph.initializer, *graph.value_info, *graph.input, *graph.output):
        named.name = unwrapped(named.name)


def unwrapped(name: str) -> str:
    """`/features/0/Conv` for `/<wrapper>/features/0/Conv`; `features.0.weight` likewise."""
    if name.startswith(f"/{WRAPPED}/"):
        return name.removeprefix(f"/{WRAPPED}")
    return name.removeprefix(f"{WRAPPED}.")


def name_dynamic_axes(model: onnx.ModelProto, signature: Signature) -> None:
    """Give every dynamic axis of the graph the source's name; exporters write symbols such as `s77`."""
    names: dict[str, str] = {}
    by_name = {spec.name: spec for spec in (*signature.inputs, *signature.outputs)}
    values = [*model.graph.input, *model.graph.output]
    for value in values:
        axes = by_name[value.name].dynamic_axes if value.name in by_name else {}
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if not dim.HasField("dim_value") and axis in axes:
                names.setdefault(dim.dim_param, axes[axis])
                dim.dim_param = axes[axis]
    for value in model.graph.value_info:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in names:
                dim.dim_param = names[dim.dim_param]


def save(model: onnx.ModelProto, path: str) -> None:
    """Write the model, with weights beside it in `<name>.data` where protobuf's 2 GiB do not hold them."""
    if model.ByteSize() < LARGEST_PROTOBUF:
        onnx.save_model(model, path)
        return
    location = path.rpartition("/")[2] + ".data"
    onnx.save_model(model, path, save_as_external_data=True, location=location, all_tensors_to_one_file=True)
