"""ONNX → TensorFlow by the library onnx2tf 1.28, every flag it relies on set by name.

Flags, and why:
    input_onnx_file_path: a copy in the scratch folder, since onnx2tf overwrites its input in place.
    not_use_onnxsim: the graph is folded already; `prepare_with: onnx2tf` leaves this to onnxsim.
    batch_size: `prepare_with: onnx2tf` with a static batch; else the graph's batch is fixed already.
    output_signaturedefs: names of inputs and outputs are kept.
    disable_model_save: saving is ours, with a `serving_default` under the source's names.
    keep_shape_absolutely_input_names: rank-3 inputs and those that feed no convolution keep their axes.
    keep_ncw_or_nchw_or_ncdhw_input_names: `layout: source`; onnx2tf transposes inside.
    custom_input_op_name_np_data_path: real samples, by which it judges its own transposes.
    replace_to_pseudo_operators: PReLU in parts, which is exact; ('erf' there would break INT8).
    enable_rnn_unroll: recurrent layers without TensorList, which only Flex has.
    non_verbose: its log is not read.

For images of a free height or width it downloads twenty pictures, unless the file lies in the current folder:
seeded noise is put there, since nothing is ever downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx2tf
import onnxruntime as ort
import tensorflow as tf

from convertkit.artifacts.signature import Array, Arrays, Dim, Signature, TensorSpec, to_logical, to_physical
from convertkit.config.stage_options import OnnxToSavedmodelOptions
from convertkit.errors import StageError
from convertkit.graphs.onnx_graph import feeds_convolution, fix_axes
from convertkit.runtimes.onnxruntime import read_signature

DOWNLOADED_FILE = "calibration_image_sample_data_20x128x128x3_float32.npy"
RECURRENT = frozenset(("LSTM", "GRU", "RNN"))


def convert(
    model: onnx.ModelProto, examples: Arrays, options: OnnxToSavedmodelOptions, scratch: Path
) -> tuple[tf.Module, Signature]:
    """A module with a `serve` function, and its signature.

    Args:
        model: an ONNX graph; not changed.
        examples: logical arrays, first axis = sample, as many samples as a static graph takes.

    Raises:
        StageError: onnx2tf's model has other inputs or outputs than the graph.
    """
    logical = expected_signature(model, examples, options)
    inputs = tuple(physical_spec(spec, input_order(model, spec, options)) for spec in logical.inputs)
    keras_model = run_onnx2tf(model, inputs, examples, options, scratch)
    for spec, tensor in zip(inputs, keras_model.inputs, strict=True):
        check_shape(spec, tuple(tensor.shape))
    module = ServingModule(keras_model, inputs, [spec.name for spec in logical.outputs])
    given = {spec.name: to_physical(examples[spec.name], spec) for spec in inputs}
    produced = {name: value.numpy() for name, value in module.call(given).items()}
    expected = reference_outputs(model, examples)
    outputs = tuple(
        physical_spec(spec, output_order(spec, produced[spec.name], expected[spec.name]))
        for spec in logical.outputs
    )
    return module, Signature(inputs, outputs)


def expected_signature(
    model: onnx.ModelProto, examples: Arrays, options: OnnxToSavedmodelOptions
) -> Signature:
    """The graph's signature, its axes fixed where onnx2tf will fix them."""
    if options.batch != "static":
        return read_signature(model)
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    fix_axes(fixed, {name: values.shape for name, values in examples.items()})
    return read_signature(fixed)


def channels_last(rank: int) -> tuple[int, ...]:
    """NCHW → NHWC, for any number of spatial axes."""
    return (0, *range(2, rank), 1)


def input_order(
    model: onnx.ModelProto, spec: TensorSpec, options: OnnxToSavedmodelOptions
) -> tuple[int, ...] | None:
    """The axis order an input shall have; None keeps the source's."""
    rank = len(spec.shape)
    if rank not in (4, 5) or options.layout == "source" or options.keep_shape:
        return None
    if options.layout == "channels-last" or feeds_convolution(model, spec.name):
        return channels_last(rank)
    return None


def physical_spec(spec: TensorSpec, order: tuple[int, ...] | None) -> TensorSpec:
    """A logical spec in another axis order."""
    if order is None:
        return spec
    return TensorSpec(spec.name, spec.dtype, tuple(spec.shape[axis] for axis in order), order)


def run_onnx2tf(
    model: onnx.ModelProto,
    inputs: tuple[TensorSpec, ...],
    examples: Arrays,
    options: OnnxToSavedmodelOptions,
    scratch: Path,
) -> Any:
    """onnx2tf's Keras model."""
    path = scratch / "graph.onnx"
    onnx.save_model(model, path)
    np.save(scratch / DOWNLOADED_FILE, np.random.default_rng(0).random((20, 128, 128, 3), np.float32))
    kept = [spec for spec in inputs if spec.axis_order is None]
    absolutely = [s for s in kept if len(s.shape) == 3 or not feeds_convolution(model, s.name)]
    if options.keep_shape is not None:
        absolutely = list(inputs) if options.keep_shape else []
    nchw = [s for s in kept if s not in absolutely and len(s.shape) in (4, 5)]
    with working_folder(scratch):  # onnx2tf writes beside its working directory
        return onnx2tf.convert(
            input_onnx_file_path=str(path),
            output_folder_path=str(scratch / "onnx2tf"),
            not_use_onnxsim=options.prepare_with == "onnxslim",
            batch_size=1 if options.prepare_with == "onnx2tf" and options.batch == "static" else None,
            output_signaturedefs=True,
            disable_model_save=True,
            keep_shape_absolutely_input_names=[s.name for s in absolutely] or None,
            keep_ncw_or_nchw_or_ncdhw_input_names=[s.name for s in nchw] or None,
            custom_input_op_name_np_data_path=sample_files(inputs, examples, scratch, options.sample_data),
            replace_to_pseudo_operators=["prelu"],
            enable_rnn_unroll=any(node.op_type in RECURRENT for node in model.graph.node),
            non_verbose=True,
        )


def sample_files(
    inputs: tuple[TensorSpec, ...], examples: Arrays, scratch: Path, is_wanted: bool
) -> list[list[str]] | None:
    """`[[name, file], …]` of samples; onnx2tf wants those of rank 4 in NHWC whatever the input keeps."""
    if not is_wanted:
        return None
    files = []
    for index, spec in enumerate(inputs):
        values = examples[spec.name]
        if values.ndim == 4:
            values = np.transpose(values, channels_last(4))
        file = scratch / f"sample-{index}.npy"
        np.save(file, values)
        files.append([spec.name, str(file)])
    return files


@contextmanager
def working_folder(folder: Path) -> Iterator[None]:
    """Run the block with another current directory."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def check_shape(spec: TensorSpec, shape: tuple[int | None, ...]) -> None:
    """Raise StageError where onnx2tf's input is not the one that was asked for."""
    expected = tuple(dim if isinstance(dim, int) else None for dim in spec.shape)
    if shape != expected:
        raise StageError(f"onnx2tf gave input '{spec.name}' the shape {shape}, not {expected}")


def reference_outputs(model: onnx.ModelProto, examples: Arrays) -> Arrays:
    """ONNX Runtime's outputs for the examples."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, examples), strict=True))


def output_order(spec: TensorSpec, produced: Array, expected: Array) -> tuple[int, ...] | None:
    """The axis order onnx2tf gave an output: the source's, or channels-last.

    It keeps no record of this, so the nearer of the two is taken, by value. No other order is considered:
    an output that fits neither is left for the gate to fail.
    """
    rank = len(spec.shape)
    if rank not in (3, 4, 5):
        return None
    errors: dict[tuple[int, ...] | None, float] = {}
    for order in (None, channels_last(rank)):
        values = to_logical(produced, TensorSpec(spec.name, spec.dtype, spec.shape, order))
        if values.shape == expected.shape:
            errors[order] = float(np.abs(values.astype(np.float64) - expected).max(initial=0.0))
    if not errors:
        raise StageError(
            f"onnx2tf gave output '{spec.name}' the shape {produced.shape}, not {expected.shape}"
        )
    return min(errors, key=lambda order: errors[order])


class ServingModule(tf.Module):  # type: ignore[misc]
    """A Keras model behind a function that takes and returns tensors by the source's names."""

    def __init__(self, model: Any, inputs: tuple[TensorSpec, ...], outputs: list[str]) -> None:
        super().__init__()
        self.model = model
        self._input_names = [spec.name for spec in inputs]
        self._output_names = outputs
        specs = {spec.name: tf.TensorSpec(tf_shape(spec.shape), spec.dtype, spec.name) for spec in inputs}
        self.serve = tf.function(self.call).get_concrete_function(specs)

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Outputs by name."""
        results = self.model([inputs[name] for name in self._input_names], training=False)
        values = results if isinstance(results, (list, tuple)) else [results]
        return dict(zip(self._output_names, values, strict=True))


def tf_shape(shape: tuple[Dim, ...]) -> list[int | None]:
    """A shape as TensorFlow writes it."""
    return [dim if isinstance(dim, int) else None for dim in shape]
