"""Run SavedModels with TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays, Dim, Signature, TensorSpec
from convertkit.errors import ModelFileError, NotMeasuredError
from convertkit.runtimes import TimedCall, wall_timed
from convertkit.workers.answers import Described, GpuMemory
from convertkit.workers.jobs import DescribeJob

SIGNATURE = "serving_default"


class TensorflowSession:
    """The `serving_default` signature of a SavedModel."""

    left_on_cpu = ()
    compile_ns = 0

    def __init__(self, function: Any, device: str) -> None:
        self._function = function
        self._device = tf_device(device)

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs by name."""
        outputs = self._function(**self._tensors(inputs))
        return {name: value.numpy() for name, value in outputs.items()}

    def bind(self, inputs: Arrays) -> TimedCall:
        """A timed call; reading one value of each output waits for the device."""
        tensors = self._tensors(inputs)

        def call() -> None:
            with tf.device(self._device):
                for value in self._function(**tensors).values():
                    tf.experimental.numpy.ravel(value)[:1].numpy()

        def call_on_cpu() -> None:
            self._function(**tensors)

        return wall_timed(call_on_cpu if "CPU" in self._device else call)

    def _tensors(self, inputs: Arrays) -> dict[str, Any]:
        with tf.device(self._device):
            return {name: tf.constant(values) for name, values in inputs.items()}


def tf_device(device: str) -> str:
    """TensorFlow's name of a device: `cuda:1` is `/GPU:1`."""
    kind, _, index = device.partition(":")
    return "/CPU:0" if kind == "cpu" else f"/GPU:{index or 0}"


def load(artifact: Artifact, device: str, threads: int) -> TensorflowSession:
    """Load a SavedModel. Threads are set for the whole process, by its environment variables."""
    if device.startswith("cuda") and not tf.config.list_physical_devices("GPU"):
        raise NotMeasuredError("TensorFlow sees no GPU")
    if device.startswith("cuda"):
        tf.config.experimental.enable_tensor_float_32_execution(False)
    with tf.device(tf_device(device)):
        loaded = tf.saved_model.load(artifact.path)
    function = loaded.signatures[SIGNATURE]
    function._convertkit_owner = loaded  # the function keeps only weak references to its variables
    return TensorflowSession(function, device)


def gpu_memory(device: str) -> GpuMemory:
    """Figures of TensorFlow's allocator, which takes nearly the whole card at once."""
    name = tf_device(device).lstrip("/")
    found = tf.config.experimental.get_memory_info(name)
    tf.config.experimental.reset_memory_stats(name)
    return GpuMemory(None, found["current"], found["peak"])


def describe(job: DescribeJob) -> Described:
    """The `serving_default` signature, read from the protobuf: no code of the model runs."""
    graph = serving_graph(job.path)
    files = Path(job.path).glob("variables/variables.data-*")
    weights = sum(file.stat().st_size for file in files)
    version = {"tensorflow": graph.meta_info_def.tensorflow_version}
    return Described(signature_in(graph), version, weights_bytes=weights or None)


def signature_of(path: str) -> Signature:
    """The `serving_default` signature of a SavedModel."""
    return signature_in(serving_graph(path))


def signature_in(graph: Any) -> Signature:
    """The `serving_default` signature of a graph."""
    definition = graph.signature_def[SIGNATURE]
    return Signature(read_specs(definition.inputs), read_specs(definition.outputs))


def serving_graph(path: str) -> Any:
    """The graph that serves, with its signature.

    Raises:
        ModelFileError: there is none.
    """
    model = saved_model_pb2.SavedModel()
    try:
        with open(f"{path}/saved_model.pb", "rb") as stream:
            model.ParseFromString(stream.read())
    except (OSError, DecodeError) as error:
        raise ModelFileError(f"{path} is not a readable SavedModel: {error}") from None
    serving = [graph for graph in model.meta_graphs if "serve" in graph.meta_info_def.tags]
    if not serving or SIGNATURE not in serving[0].signature_def:
        raise ModelFileError(
            f"{path} has no '{SIGNATURE}' signature under the tag 'serve'",
            hint="save it with signatures={'serving_default': …}",
        )
    return serving[0]


def read_specs(infos: Any) -> tuple[TensorSpec, ...]:
    """Inputs or outputs of a SignatureDef, by name; a size of -1 is a dynamic axis."""
    specs = []
    for name in sorted(infos):
        dims: list[Dim] = []
        for axis, dim in enumerate(infos[name].tensor_shape.dim):
            free = "batch" if axis == 0 else f"{name}_{axis}"
            dims.append(dim.size if dim.size >= 0 else free)
        specs.append(TensorSpec(name, tf.as_dtype(infos[name].dtype).name, tuple(dims)))
    return tuple(specs)
