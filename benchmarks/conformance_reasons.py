"""Why a case failed, in plain words: literal tables by the case's name and the error."""

from __future__ import annotations

import re

ELEMENTS = {
    "f32": "float32", "f64": "float64", "i1": "bool", "i8": "int8", "i16": "int16", "i32": "int32",
    "i64": "int64", "ui8": "uint8",
}  # fmt: skip
OURS = "this lowering"
TFLITE = "TFLite"
SUITE = "the suite"
REASONS = (  # (way, in the case's name, in the note, whose limit it is, reason); the first that fits
    ("", "image_decoder", "", OURS, "images are decoded before a model: ImageDecoder is not lowered"),
    ("", "_fp16", "Not equal", OURS,
     "float16 is rounded after every operator: the case asks for what float32 rounded once gives"),
    ("", "dft_inverse", "Not equal", SUITE,
     "the expected outputs have float32 noise of 1.9e-7 where the result is zero; here it is 6e-15"),
    ("tflite", "", "inf location mismatch", TFLITE,
     "TFLite's converter writes a constant infinity as the largest float"),
    ("tflite", "", "XNNPack delegate failed to reshape", TFLITE,
     "LiteRT's XNNPACK delegate cannot resize what grows inside a loop"),
    ("tflite", "nonmaxsuppression_iou_threshold_boundary", "", TFLITE,
     "TFLite's kernel suppresses boxes at the threshold itself, ONNX those above it"),
    ("tflite", "mish", "Not equal", OURS,
     "log(1 + exp(x)) in float32 loses digits far below zero: 1.4e-6 beside 4.5e-4"),
)  # fmt: skip
UNKNOWN = (OURS, "not explained: ")


def reason(way: str, name: str, note: str) -> tuple[str, str]:
    """Whose limit a failure is, and the reason."""
    kernel = re.match(r"NoKernel: tf\.(\w+)\((.*)\)", note)
    if kernel:
        found = re.findall(r"(?:x|<)(u?i\d+|f\d+)>", kernel[2])
        elements = " and ".join(dict.fromkeys(ELEMENTS.get(element, element) for element in found))
        return TFLITE, f"TFLite has no kernel for {kernel[1]} of {elements}"
    for of_way, of_name, of_note, whose, text in REASONS:
        if of_way in way and of_name in name and re.search(of_note, note):
            return whose, text
    return UNKNOWN[0], UNKNOWN[1] + re.sub(r"[|<>`]", " ", note)[:160]


KINDS = (  # of onnx2tf's failures, by its note
    (r"^ChannelsLast", "outputs agree, but in channels-last order"),
    (r"^ModuleNotFoundError: No module named 'onnx2tf\.ops", "it has no such operator"),
    (r"^hung", "hung"),
    (r"^crashed", "crashed"),
    (r"^SystemExit", "exited"),
    (r"^AssertionError: Arrays are not equal.*shape", "another shape"),
    (r"^AssertionError", "other numbers, or another element type"),
    (r"", "an error while converting or running"),
)


def kind(note: str) -> str:
    """What kind of failure of onnx2tf it is."""
    return next(text for pattern, text in KINDS if re.search(pattern, note))
