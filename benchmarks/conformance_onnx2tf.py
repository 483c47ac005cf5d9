"""The same cases through onnx2tf, with the flags that serve it best.

Flags, and why:
    keep_ncw_or_nchw_or_ncdhw_input_names: inputs of rank 4 and 5 that feed a convolution keep their axes.
    keep_shape_absolutely_input_names: every other input keeps its axes.
    custom_input_op_name_np_data_path: the case's own inputs, by which onnx2tf judges its transposes.
    replace_to_pseudo_operators: PReLU in parts; its layer takes slopes for the last axis alone.
    enable_rnn_unroll: recurrent layers without TensorList.
    not_use_onnxsim: a case is one node, or simplified already; the subprocess would cost seconds a case.
    output_signaturedefs, disable_model_save, non_verbose: names are kept, its Keras model is run as it is.

A case that fails as it is gets a second try with every input but the first as a constant, as weights, axes
and pads are in a trained model, and a third one with inputs in channels-last order, which onnx2tf prefers.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx2tf
import tensorflow as tf

from benchmarks.conformance_cases import Case, compared
from convertkit.graphs.onnx_graph import feeds_convolution
from convertkit.stages.onnx2tf_converter import DOWNLOADED_FILE, RECURRENT, channels_last, working_folder

Arrays = dict[str, Any]


TRIES = {"": (False, False), "constants": (True, False), "channels-last inputs": (True, True)}


def in_onnx2tf(case: Case) -> str:
    """Run a case by each try in turn; the first whose logical outputs agree.

    Raises:
        Exception: of the try that came furthest; `ChannelsLast` where only the order of axes differs.
    """
    errors: list[BaseException] = []
    for name, (is_bound, is_channels_last) in TRIES.items():
        try:
            attempt(case, is_bound, is_channels_last)
        except (Exception, SystemExit) as error:
            errors.append(error)
        else:
            return name
        finally:
            tf.keras.backend.clear_session()
    raise max(errors, key=progress)


class ChannelsLast(AssertionError):
    """The outputs agree once they are read as channels-last."""


def progress(error: BaseException) -> int:
    """How far a try came: channels-last, other outputs, no conversion."""
    return 2 if isinstance(error, ChannelsLast) else int(isinstance(error, AssertionError))


def attempt(case: Case, is_bound: bool, is_channels_last: bool) -> None:
    """Convert and run each set; raise where the outputs differ."""
    initializers = {tensor.name for tensor in case.model.graph.initializer}
    names = [value.name for value in case.model.graph.input if value.name not in initializers]
    keras_model = None
    for inputs, expected in case.sets:
        arrays = dict(zip(names, map(np.asarray, inputs), strict=False))
        model, given = bound(case.model, arrays, names[1:] if is_bound else [])
        if keras_model is None or is_bound:
            keras_model = converted(model, given, is_channels_last)
        given = {name: moved(array) for name, array in given.items()} if is_channels_last else given
        results = keras_model(list(given.values()), training=False)
        results = results if isinstance(results, list | tuple) else [results]
        judge(case, [np.asarray(result) for result in results], expected)


def moved(array: Any) -> Any:
    """An input in channels-last order."""
    return np.transpose(array, channels_last(array.ndim)) if array.ndim in (3, 4, 5) else array


def judge(case: Case, outputs: list[Any], expected: list[Any]) -> None:
    """ONNX's comparison; raises ChannelsLast where only the axis order differs."""
    try:
        compared(case, outputs, expected)
    except AssertionError:
        compared(case, [logical(o, e) for o, e in zip(outputs, expected, strict=True)], expected)
        raise ChannelsLast("the outputs agree as channels-last alone") from None


def logical(output: Any, expected: Any) -> Any:
    """An output read as channels-last, where that makes it fit better."""
    if output.ndim not in (3, 4, 5):
        return output
    first = np.moveaxis(output, -1, 1)
    if first.shape != expected.shape:
        return output
    if output.shape != expected.shape:
        return first
    return min((output, first), key=lambda values: np.abs(values - expected).max(initial=0))


def bound(model: onnx.ModelProto, arrays: Arrays, names: list[str]) -> tuple[onnx.ModelProto, Arrays]:
    """The model with some inputs as constants, and the arrays of the others."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    kept = [value for value in model.graph.input if value.name not in names]
    del changed.graph.input[:]
    changed.graph.input.extend(kept)
    for name in names:
        if name in arrays:
            changed.graph.initializer.append(onnx.numpy_helper.from_array(arrays[name], name))
    return changed, {name: array for name, array in arrays.items() if name not in names}


def converted(model: onnx.ModelProto, arrays: Arrays, is_channels_last: bool) -> Any:
    """onnx2tf's Keras model."""
    with tempfile.TemporaryDirectory() as folder, working_folder(Path(folder)):
        onnx.save(model, "model.onnx")
        np.save(DOWNLOADED_FILE, np.random.default_rng(0).random((20, 128, 128, 3), np.float32))
        nchw = [n for n, a in arrays.items() if a.ndim in (4, 5) and feeds_convolution(model, n)]
        absolutely = [name for name in arrays if name not in nchw]
        return onnx2tf.convert(
            input_onnx_file_path="model.onnx",
            output_folder_path="out",
            not_use_onnxsim=True,
            output_signaturedefs=True,
            disable_model_save=True,
            keep_ncw_or_nchw_or_ncdhw_input_names=None if is_channels_last else nchw or None,
            keep_shape_absolutely_input_names=None if is_channels_last else absolutely or None,
            custom_input_op_name_np_data_path=samples(arrays),
            replace_to_pseudo_operators=["prelu"],
            enable_rnn_unroll=any(node.op_type in RECURRENT for node in model.graph.node),
            non_verbose=True,
        )


def samples(arrays: Arrays) -> list[list[str]]:
    """`[[name, file], …]`; onnx2tf wants those of rank 4 in NHWC whatever the input keeps."""
    files = []
    for index, (name, array) in enumerate(arrays.items()):
        file = f"sample-{index}.npy"
        np.save(file, np.transpose(array, channels_last(4)) if array.ndim == 4 else array)
        files.append([name, file])
    return files
