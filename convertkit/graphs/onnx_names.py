"""Values of an ONNX graph under other names. Runs in a worker."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import onnx

from convertkit.artifacts.signature import TensorSpec


def rename_outputs(model: onnx.ModelProto, outputs: Sequence[TensorSpec]) -> bool:
    """Give the graph's outputs the source's names for them, in place; True where any had another.

    Values of the graph that have one of the new names already are called `<name>_inside`.
    """
    renamed = {spec.runtime_name: spec.name for spec in outputs if spec.runtime_name != spec.name}
    graph = model.graph
    aside = moved_aside(graph, renamed.values())
    if aside:
        rename(graph, aside)
    for value in graph.output:
        if value.name in renamed:
            old, value.name = aside.get(value.name, value.name), renamed[value.name]
            graph.node.add(op_type="Identity", name=f"{old}_named", input=[old], output=[value.name])
    return bool(renamed)


def settle_names(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Give the graph's outputs their names, in place; what else is called so inside becomes `<name>_inside`.

    Args:
        names: what each output is called now, and what it has to be.
    """
    rename(graph, moved_aside(graph, names.values()) | dict(names))
    for value in graph.output:
        value.name = names.get(value.name, value.name)


def moved_aside(graph: onnx.GraphProto, wanted: Collection[str]) -> dict[str, str]:
    """Other names for the values inside that have one of the wanted names."""
    known = {*made_names(graph), *(each.name for each in graph.initializer)}
    taken = {*known, *wanted, *(each.name for each in graph.input)}
    return {name: free_name(f"{name}_inside", taken) for name in wanted if name in known}


def made_names(graph: onnx.GraphProto) -> Iterator[str]:
    """Every name that a node gives, in the graph, its branches and its bodies."""
    for node in graph.node:
        yield from node.output
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from made_names(inner)


def unused_inputs(model: onnx.ModelProto) -> list[str]:
    """Inputs on which nothing in the graph depends, in order; no output hands them through either."""
    used = {value.name for value in model.graph.output} | set(used_names(model.graph))
    weights = {each.name for each in model.graph.initializer}
    return [each.name for each in model.graph.input if each.name not in used | weights]


def restore_inputs(model: onnx.ModelProto, inputs: Sequence[TensorSpec]) -> None:
    """Declare the inputs that an exporter left out because no output needs them, in the source's order."""
    declared = {value.name: value for value in model.graph.input}
    if not {spec.name for spec in inputs} - set(declared):
        return
    for spec in inputs:
        if spec.name not in declared:
            kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(spec.dtype))
            shape = list(spec.logical_shape)
            declared[spec.name] = onnx.helper.make_tensor_value_info(spec.name, kind, shape)
    names = [spec.name for spec in inputs]
    values = [declared[name] for name in (*names, *(name for name in declared if name not in names))]
    kept = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in values]
    del model.graph.input[:]
    model.graph.input.extend(kept)


def used_names(graph: onnx.GraphProto) -> Iterator[str]:
    """Every name that a node takes, in the graph, its branches and its bodies."""
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from used_names(inner)
                yield from (value.name for value in inner.output)


def free_name(name: str, known: set[str]) -> str:
    """The name, longer where it is taken."""
    while name in known:
        name += "_"
    return name


def rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Give values other names, also where branches and bodies use them; outputs of the graph keep theirs."""
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                rename(inner, names)
                for value in inner.output:
                    value.name = names.get(value.name, value.name)
    for value in (*graph.initializer, *graph.value_info):
        value.name = names.get(value.name, value.name)
