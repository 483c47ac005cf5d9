"""Real files that tell speech from silence, in every form that silero-vad has been exported to."""

from __future__ import annotations

import numpy as np

from benchmarks.real_files_case import ALL, Case
from benchmarks.real_files_prepared import vad, vad_calls, vad_sequence, vad_sequence_calls

VAD = "silero_vad/data"

VOICES = (
    Case("silero-jit", f"{VAD}/silero_vad.jit", "TorchScript of two models, a state kept inside"),
    Case(
        "silero-onnx",
        f"{VAD}/silero_vad.onnx",
        "If by the rate over two models, sizes of 0",
        words=("--bind", "sr=16000"),
        samples=lambda: vad(f"{VAD}/silero_vad.onnx", sr=np.array(16000)),
        calls=lambda: vad_calls(sr=np.array(16000)),
        targets=ALL,
    ),
    Case(
        "silero-op15",
        f"{VAD}/silero_vad_16k_op15.onnx",
        "opset 15, three If, 0-d rate",
        samples=lambda: vad(f"{VAD}/silero_vad_16k_op15.onnx", sr=np.array(16000)) | {"sr": np.array(16000)},
        calls=lambda: vad_calls(sr=np.array(16000)),
        targets=ALL,
    ),
    Case(
        "silero-op18",
        f"{VAD}/silero_vad_op18_ifless.onnx",
        "opset 18, one If by the rate",
        words=("--bind", "sr=16000"),
        samples=lambda: vad(f"{VAD}/silero_vad_op18_ifless.onnx", sr=np.array(16000)),
        calls=lambda: vad_calls(sr=np.array(16000)),
        targets=ALL,
    ),
    Case(
        "silero-half",
        f"{VAD}/silero_vad_half.onnx",
        "weights in float16, cast",
        samples=lambda: vad(f"{VAD}/silero_vad_half.onnx"),
        calls=vad_calls,
        targets=ALL,
    ),
    Case(
        "silero-openvino",
        f"{VAD}/silero_vad_openvino_16k.onnx",
        "every size fixed, for OpenVINO",
        samples=lambda: vad(f"{VAD}/silero_vad_openvino_16k.onnx"),
        calls=lambda: (vad_calls()[0],) * 2,
        targets=ALL,
    ),
    Case(
        "silero-sequence",
        f"{VAD}/silero_vad_16k_sequence.onnx",
        "a whole recording, time first, states of batch 1",
        samples=vad_sequence,
        calls=vad_sequence_calls,
        targets=ALL,
    ),
    Case(
        "whisper-vad",
        "faster_whisper/assets/silero_vad_v6.onnx",
        "the same by another exporter",
        samples=vad_sequence,
        calls=vad_sequence_calls,
        targets=ALL,
    ),
    Case(
        "silero-safetensors",
        f"{VAD}/silero_vad_16k.safetensors",
        "safetensors and a factory",
        ("--input", "input:float32[batch,576]", "--input", "state:float32[2,batch,128]"),
        factory="VoiceActivity",
        samples=lambda: vad(f"{VAD}/silero_vad_half.onnx"),
        calls=vad_calls,
    ),
)
