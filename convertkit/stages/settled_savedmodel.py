"""A SavedModel as its signature has it, a copy where the file does not. Runs in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import TensorSpec, to_physical
from convertkit.artifacts.tensors import read_npz
from convertkit.errors import StageError
from convertkit.runtimes.tensorflow import signature_of

SIGNATURE = "serving_default"
KERAS_CHILD = "_inbound_nodes"  # of every Keras layer
EDGES = frozenset(["Placeholder", "Cast", "Identity"])
LOOPS = frozenset(["While", "StatelessWhile"])
HALF = "the model computes in half precision (float16), for which TFLite lacks operators"
DOUBLE = "the model computes in double precision (float64), for which TFLite lacks operators"
DOUBLE_HINT = "cast it to float32: model.float(), and no .double() inside"
HALF_HINT = "give the ONNX file or the PyTorch model, which are cast to float32, or save a float32 copy"
NOT_BUILT_IN = "not built in"


def settled(source: Artifact, examples: Path, scratch: Path) -> str:
    """Path of the SavedModel; a copy where the source's signature fixes or names what the file does not.

    A Keras model that `tf.saved_model.save` wrote is copied too: its variables would stay such, and unset.
    """
    specs = source.signature.inputs
    found = {spec.name: spec for spec in signature_of(source.path).inputs}
    renamed = {spec.runtime_name: spec.name for spec in source.signature.outputs if spec.key}
    is_kept = not renamed and not any(fixes(found[spec.runtime_name], spec) for spec in specs)
    if is_kept and not is_keras_object(source.path):
        return source.path
    values = read_npz(examples)
    loaded = tf.saved_model.load(source.path)
    function = loaded.signatures[SIGNATURE]
    constants = {s.runtime_name: tf.constant(to_physical(values[s.name], s)) for s in specs if s.is_bound}
    free = [
        tf.TensorSpec([d if isinstance(d, int) else None for d in s.shape], s.dtype, s.runtime_name)
        for s in specs
        if not s.is_bound
    ]
    names = [spec.name for spec in free]

    def serve(*tensors: Any) -> Any:
        outputs = function(**dict(zip(names, tensors, strict=True)), **constants)
        return {renamed.get(name, name): value for name, value in outputs.items()}

    copy = tf.Module()
    copy.loaded = loaded
    copy.serve = tf.function(serve, input_signature=free, autograph=False)
    folder = str(scratch / "settled")
    tf.saved_model.save(copy, folder, signatures={SIGNATURE: copy.serve})
    return folder


def fixes(free: TensorSpec, spec: TensorSpec) -> bool:
    """True where a spec has a number for an axis that is free, or a constant for all of it."""
    pairs = zip(free.shape, spec.shape, strict=True)
    return spec.is_bound or any(isinstance(a, str) and isinstance(b, int) for a, b in pairs)


def is_keras_object(path: str) -> bool:
    """True for a SavedModel whose root is a Keras 3 model, and not what its `export` makes."""
    roots = (graph.object_graph_def.nodes[:1] for graph in read(path).meta_graphs)
    return any(KERAS_CHILD in [child.local_name for child in root.children] for (root,) in filter(len, roots))


def computes_in_half(path: str) -> bool:
    """True where an operator of a SavedModel takes or gives float16, but for those of its edges."""
    return tf.float16.as_datatype_enum in types(path)


def computes_in_double(path: str) -> bool:
    """True where an operator of a SavedModel takes or gives float64, but for those of its edges."""
    return tf.float64.as_datatype_enum in types(path)


def types(path: str) -> Iterator[int]:
    """Element types of what its operators take and give, but for those of its edges."""
    return (a.type for node in nodes(path) if node.op not in EDGES for a in node.attr.values())


def odd_precision(path: str, reason: str) -> StageError | None:
    """The error for a SavedModel that does not compute in float32; None where that is not the reason."""
    if computes_in_half(path):
        return StageError(HALF, hint=HALF_HINT)
    if NOT_BUILT_IN in reason and computes_in_double(path):
        return StageError(DOUBLE, hint=DOUBLE_HINT)
    return None


def has_loops(path: str) -> bool:
    """True where a function of a SavedModel loops."""
    return any(node.op in LOOPS for node in nodes(path))


def nodes(path: str) -> Iterator[Any]:
    """The nodes of all its functions."""
    functions = (f for graph in read(path).meta_graphs for f in graph.graph_def.library.function)
    return (node for function in functions for node in function.node_def)


def read(path: str) -> Any:
    """The file of a SavedModel's graphs."""
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((Path(path) / "saved_model.pb").read_bytes())
    return model
