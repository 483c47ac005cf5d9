"""Normalisation before the image input of an ONNX graph: Cast, Div, Sub, Div, Transpose. Runs in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.files import sidecar
from convertkit.artifacts.pixels import IMAGE_RANK, Fold
from convertkit.artifacts.signature import TensorSpec
from convertkit.errors import StageError
from convertkit.graphs.onnx_names import free_name, rename, used_names

OLDEST_OPSET = 7  # from which on operands are broadcast
KINDS = {"divide": "Div", "subtract": "Sub"}


def fold(artifact: Artifact, fold: Fold, out: Path) -> None:
    """Write the graph with the steps before its image input."""
    model = onnx.load(artifact.path)
    put_before(model, artifact.signature.input(fold.input), fold)
    large = sidecar(artifact.file).exists()
    onnx.save_model(
        model,
        str(out),
        save_as_external_data=large,
        location=sidecar(out).name if large else None,
        all_tensors_to_one_file=True,
    )
    onnx.checker.check_model(str(out))


def put_before(model: onnx.ModelProto, spec: TensorSpec, fold: Fold) -> None:
    """Have an input take pixels, in place; what reads it reads what the steps make of them."""
    graph = model.graph
    name = spec.runtime_name
    value = next((each for each in graph.input if each.name == name), None)
    if value is None or name in [each.name for each in graph.output]:
        raise StageError(f"input '{name}' cannot be folded: it is no input of the graph, or an output too")
    oldest = min((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=0)
    if oldest < OLDEST_OPSET:
        raise StageError(f"preprocessing needs opset {OLDEST_OPSET} in the graph, which has {oldest}")
    taken = known_names(graph)
    result = free_name(f"{name}_normalised", taken)
    rename(graph, {name: result})
    nodes = list(steps_of(graph, name, result, fold, taken))
    graph.node.extend(nodes)
    in_front(graph, len(nodes))
    retype(value, fold)


def known_names(graph: onnx.GraphProto) -> set[str]:
    """Names of all values of a graph."""
    made = {name for node in graph.node for name in node.output}
    return made | set(used_names(graph)) | {each.name for each in (*graph.initializer, *graph.input)}


def steps_of(
    graph: onnx.GraphProto, name: str, result: str, fold: Fold, taken: set[str]
) -> Iterator[onnx.NodeProto]:
    """The nodes that lead from pixels to what the graph took, their constants put into the graph."""
    order = (0, 3, 1, 2) if fold.axis_order else None
    kinds: list[tuple[str, tuple[float, ...]]] = [("cast", ()), *fold.pixels.steps]
    kinds += [("transpose", ())] if order else []
    source = name
    for number, (kind, by) in enumerate(kinds):
        target = result if number == len(kinds) - 1 else free_name(f"{name}_{kind}_{number}", taken)
        taken.add(target)
        if kind == "cast":
            yield onnx.helper.make_node("Cast", [source], [target], target, to=onnx.TensorProto.FLOAT)
        elif kind == "transpose":
            yield onnx.helper.make_node("Transpose", [source], [target], target, perm=order)
        else:
            operand = free_name(f"{target}_by", taken)
            graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(by, np.float32), operand))
            yield onnx.helper.make_node(KINDS[kind], [source, operand], [target], target)
        source = target


def in_front(graph: onnx.GraphProto, count: int) -> None:
    """Have the last nodes stand first: a graph is in the order of its execution."""
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.node]
    del graph.node[:]
    graph.node.extend([*nodes[-count:], *nodes[:-count]])


def retype(value: onnx.ValueInfoProto, fold: Fold) -> None:
    """The declaration of the input: pixels, channels last."""
    kind = value.type.tensor_type
    kind.elem_type = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(fold.dtype))
    if fold.axis_order is None or len(kind.shape.dim) != IMAGE_RANK:
        return
    dims = [onnx.TensorShapeProto.Dimension.FromString(dim.SerializeToString()) for dim in kind.shape.dim]
    del kind.shape.dim[:]
    kind.shape.dim.extend(dims[axis] for axis in fold.axis_order)
