"""What a rescue's candidates are changes of."""

from __future__ import annotations

from convertkit.config.onnx_options import OnnxToOnnxInt8Options
from convertkit.rescue.candidates import choices


def test_choices_are_the_other_values_of_a_literal():
    assert choices(OnnxToOnnxInt8Options(), "calibration") == ["percentile"]
    assert choices(OnnxToOnnxInt8Options(), "nothing") == []
