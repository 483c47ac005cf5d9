"""How much of an INT8 `.tflite`'s error goes where operators stay float, and what that costs in bytes.

One calibration serves for all; each group of operators is left float alone, on the first calibration samples.
Runs in a worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import msgspec
import numpy as np

from convertkit.artifacts.signature import Arrays
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.errors import StageError
from convertkit.stages import Request
from convertkit.stages.litert_quantization import quantize
from convertkit.stages.litert_recipe import pattern_of
from convertkit.stages.savedmodel_to_tflite import calibration, float_file
from convertkit.stages.tflite_heads import run_file
from convertkit.workers.answers import Sensitivities, Sensitivity

MOST_CALLS = 16


def measure(request: Request[SavedmodelToTfliteOptions], groups: Sequence[tuple[str, ...]]) -> Sensitivities:
    """The error of the INT8 file, and of one with each group left float, its weights in float16.

    Args:
        groups: names of outputs of the operators of each.
    """
    plain = float_file(request)
    calls = list(islice(calibration(request), MOST_CALLS))
    wanted = run_file(plain, calls)

    def made(names: tuple[str, ...]) -> Sensitivity:
        patterns = (*request.options.exclude, *(pattern_of(name) for name in names))
        options = msgspec.structs.replace(
            request.options, quantizer="litert", exclude=patterns, excluded_weights="float16"
        )
        content = quantize(plain, request.target.precision, options, calibration(request), request.shared)
        return Sensitivity(error_of(wanted, run_file(content, calls)), len(content))

    base, rows = made(()), []
    for number, group in enumerate(groups):
        print(f"group {number + 1} of {len(groups)}: {', '.join(group)}", flush=True)
        try:
            rows.append(made(group))
        except StageError:  # what cannot be left float gains nothing
            rows.append(base)
    return Sensitivities(base, tuple(rows))


def error_of(wanted: Sequence[Arrays], found: Sequence[Arrays]) -> float:
    """Square error of the worst float output, relative to its square sum."""
    worst = 0.0
    for name, values in wanted[0].items():
        if np.issubdtype(values.dtype, np.floating):
            source = np.stack([row[name] for row in wanted]).astype(np.float64)
            error = np.stack([row[name] for row in found]) - source
            worst = max(worst, float(np.square(error).sum() / max(np.square(source).sum(), 1e-30)))
    return worst
