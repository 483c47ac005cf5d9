"""From a checked ONNX graph to a tf.Module with `serving_default`, and to a SavedModel on disk."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tensorflow as tf

from convertkit.artifacts.signature import Dim, Signature, TensorSpec
from convertkit.errors import ModelFileError, StageError
from convertkit.lowering.checks import opsets_of
from convertkit.lowering.element_types import tf_type
from convertkit.lowering.faults import first_line
from convertkit.lowering.layout import Layout, input_order
from convertkit.lowering.narrow import narrow_element
from convertkit.lowering.scope import Scope
from convertkit.lowering.sizes import Expr, Shape, Size, unknown
from convertkit.lowering.value import Order, Value, channels_last, constant_value, identity, sizes_tensor
from convertkit.lowering.weights import Weights
from convertkit.sources.onnx_file import stated_size


@dataclass(frozen=True)
class Lowered:
    """A lowered graph.

    Attributes:
        module: has the variables and the tf.function `serving_default`.
        signature: its inputs and outputs, physical.
        concrete: the graph behind `serving_default`, traced once.
    """

    module: Any
    signature: Signature
    concrete: Any


@dataclass(frozen=True)
class Entry:
    """One graph input, as the module takes it."""

    name: str
    key: str
    dtype: Any
    order: Order
    shape: tuple[int | str, ...]
    narrow: Any = None

    def tensor_spec(self) -> Any:
        """What tf.function is told of it."""
        shape = [size if isinstance(size, int) else None for size in (self.shape[a] for a in self.order)]
        return tf.TensorSpec(shape, self.dtype, self.key)

    def value(self, tensor: Any) -> Value:
        """The value of its placeholder; free axes of one name are one size."""
        sizes: list[Size] = []
        for axis, size in enumerate(self.shape):
            place = self.order.index(axis)
            sizes.append(size if isinstance(size, int) else unknown(size, _told_by(tensor, place)))
        return Value(tensor, self.order, tuple(sizes), narrow=self.narrow)


def _told_by(tensor: Any, place: int) -> Callable[[], Any]:
    return lambda: tf.shape(tensor)[place]


def build(model: onnx.ModelProto, layout: Layout, base_dir: Path | None, bound: dict[str, Any]) -> Lowered:
    """Lower a checked model; the inputs in `bound` become constants."""
    entries = [entry for entry in graph_inputs(model, layout) if entry.name not in bound]
    module = tf.Module(name="lowered")
    traced: list[tuple[str, Value]] = []

    def serving_default(*tensors: Any) -> dict[str, Any]:
        weights = Weights()
        scope = Scope(opsets_of(model), weights, base_dir=base_dir)
        for entry, tensor in zip(entries, tensors, strict=True):
            scope.values[entry.name] = entry.value(tensor)
        scope.values.update({name: constant_value(np.asarray(array)) for name, array in bound.items()})
        try:
            results = [_ordered(value, layout) for value in scope.run(model.graph)]
        finally:
            weights.close()
        traced[:] = list(zip([output.name for output in model.graph.output], results, strict=True))
        module.weights = [*getattr(module, "weights", []), *weights.variables]
        return {name: tf.identity(_tensor(value)) for name, value in traced}

    specs = [entry.tensor_spec() for entry in entries]
    function = tf.function(serving_default, input_signature=specs, autograph=False)
    concrete = function.get_concrete_function()
    module.serving_default = function
    return Lowered(module, _signature(model.graph, entries, traced), concrete)


def _ordered(value: Value, layout: Layout) -> Value:
    """An output in the source's order, but for channels-last images where those are asked for."""
    if layout == "channels-last" and value.rank > 2 and value.order == channels_last(value.rank):
        return value
    return value.logical()


def _tensor(value: Value) -> Any:
    if value.is_sizes:
        return sizes_tensor(value)
    return tf.constant(value.data, value.dtype) if value.is_constant else value.data


def graph_inputs(model: onnx.ModelProto, layout: Layout) -> list[Entry]:
    """The graph's inputs that are not initializers.

    Raises:
        ModelFileError: an input is no tensor, or its rank is not stated.
    """
    graph = model.graph
    initializers = {initializer.name for initializer in graph.initializer}
    entries: list[Entry] = []
    for value in graph.input:
        if value.name in initializers:
            continue
        kind = value.type.tensor_type
        if value.type.WhichOneof("value") != "tensor_type" or not kind.HasField("shape"):
            raise ModelFileError(f"input '{value.name}' is not a tensor of known rank")
        try:
            dtype = tf_type(kind.elem_type)
        except ValueError as error:
            raise ModelFileError(f"input '{value.name}': {error}") from error
        shape = tuple(_dimension(value.name, axis, dim) for axis, dim in enumerate(kind.shape.dim))
        order = input_order(graph, value.name, len(shape), layout, opsets_of(model)[""])
        key = _key(value.name, {e.key for e in entries})
        entries.append(Entry(value.name, key, dtype, order, shape, narrow_element(kind.elem_type)))
    return entries


def _dimension(name: str, axis: int, dim: Any) -> int | str:
    return stated_size(dim) or f"{name}_{axis}"


def _key(name: str, taken: set[str]) -> str:
    """The name as TensorFlow can keep it: letters, digits, underscores; no keyword."""
    key = re.sub(r"\W", "_", name, flags=re.ASCII)
    if not key[:1].isalpha() or keyword.iskeyword(key):
        key = f"input_{key.lstrip('_')}"
    while key in taken:
        key += "_"
    return key


def _signature(graph: onnx.GraphProto, entries: list[Entry], results: list[tuple[str, Value]]) -> Signature:
    inputs = [
        TensorSpec(
            entry.name,
            entry.dtype.name,
            tuple(entry.shape[axis] for axis in entry.order),
            _axis_order(entry.order),
            key=None if entry.key == entry.name else entry.key,
        )
        for entry in entries
    ]
    stated = {output.name: output.type.tensor_type.shape.dim for output in graph.output}
    outputs = []
    for name, value in results:
        words = [str(stated_size(dim) or "") for dim in stated[name]] or [""] * value.rank
        shape = _words(name, value.shape, words if len(words) == value.rank else [""] * value.rank)
        physical = tuple(shape[axis] for axis in value.order)
        outputs.append(TensorSpec(name, value.dtype.name, physical, _axis_order(value.order)))
    return Signature(tuple(inputs), tuple(outputs))


def _axis_order(order: Order) -> Order | None:
    return None if order == identity(len(order)) else order


def _words(name: str, shape: Shape, stated: list[str]) -> list[Dim]:
    """Free sizes as words: of the inputs where they are theirs, of the graph where it names them."""
    words: list[Dim] = []
    for axis, size in enumerate(shape):
        if not isinstance(size, Expr):
            words.append(size)
        else:
            word = repr(size)
            words.append(word if word.isidentifier() else stated[axis] or f"{name}_{axis}")
    return words


def write_savedmodel(lowered: Lowered, folder: Path) -> None:
    """Write the SavedModel: weights as variables in shards, one signature `serving_default`.

    The folder appears whole or not at all; an older one is replaced.

    Raises:
        StageError: it cannot be written.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        saved = tf.Module()  # without the tf.function: it would be traced, and its weights made, once more
        saved.weights = lowered.module.weights
        tf.saved_model.save(saved, str(staging), signatures={"serving_default": lowered.concrete})
        staging.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(staging, folder)
    except Exception as error:
        raise StageError(f"cannot write the SavedModel {folder.name}: {first_line(error)}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
