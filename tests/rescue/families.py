"""What the tests of a rescue's families start from."""

from __future__ import annotations

from convertkit.config.onnx_options import OnnxToOnnxInt8Options
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.registry import parse_variant
from convertkit.rescue.candidates import Candidate, Outcome, Proposals, original

TFLITE = original(parse_variant("tflite:int8"), SavedmodelToTfliteOptions(quantizer="tensorflow"), (0, 1, 2))
ONNX = original(parse_variant("onnx:int8"), OnnxToOnnxInt8Options(), (0, 1, 2))


def played(proposals: Proposals, passes=lambda candidate: False) -> list[Candidate]:
    """All that a family proposes when candidates pass as told."""
    asked: list[Candidate] = []
    try:
        candidate = next(proposals)
        while True:
            asked.append(candidate)
            candidate = proposals.send(Outcome(passes(candidate), 1.0))
    except StopIteration:
        return asked
