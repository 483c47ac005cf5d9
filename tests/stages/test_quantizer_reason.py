"""What the quantizers complain about, in words of our own; the texts are theirs."""

from __future__ import annotations

import pytest

from convertkit.stages.quantizer_reason import quantizer_reason

UNSEEN = "calibration saw no value for 'branch_a': no sample gets there"
LITERT = (
    "Failed to get quantization parameters for tensor: branch_a. Error: TFLOperationName.CONV_2D(index: 0) "
    "not found in tensor_name_to_qsv. Check if the correct calibration results are passed."
)
TENSORFLOW = """\
Max and min for dynamic tensors should be recorded during calibration: Failed for tensor branch_a
Empty min/max for tensor branch_a"""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError(LITERT), UNSEEN),
        (RuntimeError(TENSORFLOW), UNSEEN),
        (
            RuntimeError(f"{TENSORFLOW}\nEmpty min/max for tensor b\nEmpty min/max for tensor c"),
            "calibration saw no value for 'branch_a' and 2 other tensors: no sample gets there",
        ),
        (
            RuntimeError(
                "Model quantization statistics values (QSVs) are required for the input recipe. This can be "
                "obtained by running calibration on sample dataset."
            ),
            "calibration saw no value at all",
        ),
        (
            RuntimeError(
                "Quantization to 16x8-bit not yet supported for op: 'SIN'.\n"
                "Quantization to 16x8-bit not yet supported for op: 'FLOOR'.\n"
            ),
            "TFLite has no int16x8 kernel for SIN, FLOOR",
        ),
        (
            RuntimeError("Quantization not yet supported for op: 'CUSTOM'.\n"),
            "TFLite has no INT8 kernel for CUSTOM",
        ),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_known_complaints_are_ours(error, said):
    assert quantizer_reason(error) == said
