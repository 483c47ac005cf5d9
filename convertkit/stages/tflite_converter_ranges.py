"""TFLiteConverter's quantizer with ranges by which layers lose least. Runs in a worker.

Its calibrator reads values after operators that write over their input; these are read apart.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.signature import Arrays
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.quantization.range_choice import are_chosen
from convertkit.quantization.ranges import MIN_MAX, Chosen, of_fitted_calls
from convertkit.stages.measured_gain import ByRanges, gain_by_ranges
from convertkit.stages.tflite_chosen_ranges import Ranged, chosen_ranges, methods_of
from convertkit.stages.tflite_heads import attends, calibrated_spans, has_range, name_of, run_file
from convertkit.stages.tflite_ranges import has_one_graph
from convertkit.stages.tflite_readers import find_readers


def chooses_ranges(options: SavedmodelToTfliteOptions, content: bytes, calls: Iterable[Arrays]) -> bool:
    """Whether other ranges are tried: not where attention in integers loses far more than they could gain."""
    is_meant = options.io == "float32" and are_chosen(options.ranges, options.grid, calls)
    return is_meant and not attends(content)


def converted_by_ranges(
    content: bytes, calibrated: bytes, signature: str, calls: Sequence[Arrays], *, per_channel: bool
) -> Ranged:
    """What the quantizer makes by chosen ranges, where the outputs gain by them; else what it made.

    The gain is that on calls which no end is taken from, in this comparison.

    Args:
        content: what it made of its own ranges.
        calibrated: the float file that it was made of, each tensor with the range that it has by itself.
        calls: calibration samples under the signature's names.

    Returns:
        Of the file; `ranges` is the float file with those that it is made by.
    """
    if not has_one_graph(calibrated):
        return Ranged(content, calibrated)
    started = time.perf_counter()
    names = list(calibrated_spans(calibrated))
    chosen = chosen_ranges(calibrated, signature, calls, find_readers(calibrated), names)
    methods, seconds = methods_of(chosen), time.perf_counter() - started
    if not methods:
        return Ranged(content, calibrated)
    others = with_these(calibrated, chosen)

    def quantized(file: bytes) -> bytes:
        return bytes(mlir_quantize(file, disable_per_channel=not per_channel))

    made = quantized(others)
    after, before = (quantized(with_these(calibrated, each)) for each in of_fitted_calls(chosen))
    gained = gain_by_ranges(run_file, calibrated, ByRanges(made, before, after), calls)
    if gained is None:
        return Ranged(content, calibrated)
    return Ranged(made, others, methods, seconds, gained)


def with_these(calibrated: bytes, chosen: Mapping[str, Chosen]) -> bytes:
    """The file with those ranges in it that are not by min-max."""
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(calibrated))
    for tensor in model.subgraphs[0].tensors:
        found = chosen.get(name_of(tensor))
        if found is not None and found.method != MIN_MAX and has_range(tensor):
            tensor.quantization.min, tensor.quantization.max = [found.low], [found.high]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
