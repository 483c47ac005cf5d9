"""Run Keras files with Keras on TensorFlow: `.keras` and `.h5`, in safe mode."""

from __future__ import annotations

import json
from typing import Any

import h5py
import keras
import tensorflow as tf

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.signature import Arrays, Dim, Signature, TensorSpec
from convertkit.causes import first_line
from convertkit.errors import ModelFileError, NotMeasuredError, RefusedError
from convertkit.runtimes import TimedCall, wall_timed
from convertkit.runtimes.tensorflow import gpu_memory, tf_device
from convertkit.sources.keras_file import HDF5, refusals_of
from convertkit.workers.answers import Described
from convertkit.workers.jobs import DescribeJob

__all__ = ["KerasSession", "describe", "gpu_memory", "load", "open_keras"]

WEIGHTS_HINT = "in Python: build the model, load_weights, then model.save('model.keras'); give that"


class KerasSession:
    """A Keras model called by the names of its inputs."""

    left_on_cpu = ()
    compile_ns = 0

    def __init__(self, model: Any, signature: Signature, device: str) -> None:
        self._names = [spec.runtime_name for spec in signature.inputs]
        self._function = tf.function(lambda inputs: named_outputs(model, inputs), autograph=False)
        self._device = tf_device(device)

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs by name."""
        with tf.device(self._device):
            return {name: value.numpy() for name, value in self._function(self._tensors(inputs)).items()}

    def bind(self, inputs: Arrays) -> TimedCall:
        """A timed call; reading one value of each output waits for the device."""
        tensors = self._tensors(inputs)

        def call() -> None:
            with tf.device(self._device):
                for value in self._function(tensors).values():
                    tf.reshape(value, [-1])[:1].numpy()

        return wall_timed(call)

    def _tensors(self, inputs: Arrays) -> list[Any]:
        return [tf.constant(inputs[name]) for name in self._names]


def load(artifact: Artifact, device: str, threads: int) -> KerasSession:
    """Load a Keras file. Threads are set for the whole process, by its environment variables."""
    if device.startswith("cuda") and not tf.config.list_physical_devices("GPU"):
        raise NotMeasuredError("TensorFlow sees no GPU")
    return KerasSession(open_keras(artifact.path, artifact.loader), artifact.signature, device)


def describe(job: DescribeJob) -> Described:
    """Inputs and outputs as the model declares them."""
    model = open_keras(job.path, job.loader)
    inputs = tuple(spec_of(tensor, input_name(tensor, i)) for i, tensor in enumerate(model.inputs))
    named = named_outputs(model, list(model.inputs))
    outputs = tuple(spec_of(tensor, name) for name, tensor in named.items())
    return Described(Signature(inputs, outputs), {"keras": str(keras.__version__)})


def input_name(tensor: Any, number: int) -> str:
    """An input's own name."""
    return str(tensor.name or f"input_{number}").partition(":")[0]


def spec_of(tensor: Any, name: str) -> TensorSpec:
    """A tensor's type and shape; an axis of any size has a name."""
    dims: list[Dim] = []
    for axis, size in enumerate(tensor.shape):
        free = "batch" if axis == 0 else f"{name}_{axis}"
        dims.append(free if size is None else int(size))
    return TensorSpec(name, tf.as_dtype(tensor.dtype).name, tuple(dims))


def named_outputs(model: Any, inputs: list[Any]) -> dict[str, Any]:
    """The model's outputs by the names that they have: a dict's keys, else those of the layers.

    A list of one output, as Keras 2 wrote every model, is that output: only a call with values says so.
    """
    given = dict(zip([input_name(t, i) for i, t in enumerate(model.inputs)], inputs, strict=True))
    argument: Any = inputs[0] if len(inputs) == 1 else inputs
    structure = getattr(model, "input", None)  # a Sequential model has none until it is called
    if isinstance(structure, dict):
        argument = {key: given[input_name(tensor, 0)] for key, tensor in structure.items()}
    value = model(argument, training=False)
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        return {str(name): tensor for name, tensor in value.items()}
    if not isinstance(value, list | tuple):
        return {"output": value}
    names = [str(name) for name in getattr(model, "output_names", ())]
    if len(set(names)) != len(value):
        names = [f"output_{number}" for number in range(len(value))]
    return dict(zip(names, value, strict=True))


def open_keras(path: str, loader: Loader | None) -> Any:
    """The model in a file, its configuration checked once more.

    Raises:
        RefusedError: a `.h5` is, or may be, a program, and was not allowed to be.
        ModelFileError: Keras does not load it, or its inputs are not known.
    """
    is_allowed = loader is not None and loader.is_code_allowed
    name = named_for_keras(path)
    if not is_allowed:
        check_hdf5(path)
    try:
        model = keras.saving.load_model(name, compile=False, safe_mode=not is_allowed)
    except Exception as error:  # files from elsewhere make it raise anything
        told = f"{path}: Keras {keras.__version__} does not load it: {first_line(error)[:200]}"
        raise ModelFileError(told, hint="in Keras: model.export('folder'), then give that folder") from error
    if not getattr(model, "inputs", None):
        raise ModelFileError(
            f"{path}: a {type(model).__name__} whose inputs the file does not tell",
            hint="in Keras: call it once, then model.export('folder'), and give that folder",
        )
    return model


def named_for_keras(path: str) -> str:
    """The path under a suffix that Keras knows: it goes by names, not by contents."""
    with open(path, "rb") as stream:
        wanted = (".h5", ".hdf5") if stream.read(len(HDF5)) == HDF5 else (".keras",)
    if path.endswith(wanted):
        return path
    raise ModelFileError(
        f"{path} is a Keras file under another name", hint=f"rename it to end with {wanted[0]}"
    )


def check_hdf5(path: str) -> None:
    """Raise where an HDF5 file holds no model, or the configuration of one that is a program."""
    with open(path, "rb") as stream:
        if stream.read(len(HDF5)) != HDF5:
            return
    with h5py.File(path, "r") as file:
        text = file.attrs.get("model_config")
    if text is None:
        raise ModelFileError(f"{path}: weights of Keras without a model", hint=WEIGHTS_HINT)
    refusals = refusals_of(json.loads(text))
    if refusals:
        raise RefusedError(
            f"{path} is, or may be, a program: {refusals[0]}",
            hint="--allow-code if you trust where it came from",
        )
