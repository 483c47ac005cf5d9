"""litert-quantizer called: ranges by calibration, a file by a recipe and ranges. Runs in a worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.signature import Arrays
from convertkit.quantization.ranges import of_fitted_calls
from convertkit.stages.measured_gain import ByRanges, gain_by_ranges
from convertkit.stages.shared_calibration import Shared
from convertkit.stages.tflite_chosen_ranges import Ranged, chosen_ranges, methods_of, with_chosen
from convertkit.stages.tflite_heads import run_file
from convertkit.stages.tflite_ranges import has_one_graph, ranges_of
from convertkit.stages.tflite_readers import find_readers

SIGNATURE = "serving_default"


def quantized_by_ranges(
    content: bytes,
    recipe: Any,
    calls: Sequence[Arrays],
    shared: Shared,
    *,
    chooses: bool,
    weights_alone: bool = False,
) -> Ranged:
    """What the quantizer makes, by min-max or by the ranges that the layers lose least by.

    Args:
        chooses: whether other ranges than those by min-max are tried. They are kept where the outputs gain
            on calls that no end is taken from.
        weights_alone: whether only what layers read and give becomes integer.
    """
    ranges = calibrated(content, recipe, calls, shared)
    made = quantized(content, recipe, ranges)
    if not chooses or not has_one_graph(content):
        return Ranged(made, ranges)
    started = time.perf_counter()
    readers = find_readers(content)
    wanted = [*readers.layers, *sorted(readers.given - set(readers.layers))] if weights_alone else ranges
    chosen = chosen_ranges(content, SIGNATURE, calls, readers, [name for name in wanted if name in ranges])
    others = with_chosen(ranges, chosen)
    seconds = time.perf_counter() - started
    better = quantized(content, recipe, others)
    if better == made:
        return Ranged(made, ranges)
    fair = (with_chosen(ranges, each) for each in of_fitted_calls(chosen))
    after, before = (in_one_piece(quantized(content, recipe, each)) for each in fair)
    gained = gain_by_ranges(run_file, content, ByRanges(in_one_piece(better), before, after), calls)
    if gained is None:
        return Ranged(made, ranges)
    return Ranged(better, others, methods_of(chosen), seconds, gained)


def calibrated(content: bytes, recipe: Any, calls: Sequence[Arrays], shared: Shared) -> Any:
    """The range of every tensor that a recipe makes integer."""
    if has_one_graph(content):
        return shared.ranges(content, lambda: ranges_of(content, SIGNATURE, calls))
    from litert_quantizer import calibrator
    from litert_quantizer.utils import qsv_utils

    calibration = calibrator.Calibrator(content, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    calibration.calibrate({SIGNATURE: list(calls)}, recipe)
    return calibration.get_model_qsvs()


def quantized(content: bytes, recipe: Any, ranges: Any) -> bytes:
    """What the quantizer makes by a recipe."""
    from litert_quantizer import quantizer

    worker = quantizer.Quantizer(content, recipe.get_quantization_recipe())
    made = worker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return bytes(made.quantized_model)


def in_one_piece(content: bytes) -> bytes:
    """The file with its weights inside the flatbuffer, where every reader looks for them, also old ones."""
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    if not any(buffer.offset > 1 for buffer in model.buffers):
        return content
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = content[buffer.offset : buffer.offset + buffer.size]
            buffer.offset = buffer.size = 0
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
