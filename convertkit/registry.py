"""What exists: the stages, the runtimes, and the environments they run in. Literal tables of rows."""

from __future__ import annotations

import msgspec

from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.config.attempts import StageOptions
from convertkit.config.onnx_options import OnnxToOnnxInt8Options
from convertkit.config.stage_options import (
    KerasToSavedmodelOptions,
    OnnxToSavedmodelOptions,
    SavedmodelToTfliteOptions,
    TorchToOnnxOptions,
)
from convertkit.config.torch_options import TorchToTorchDynamicOptions, TorchToTorchFxOptions
from convertkit.errors import UsageError, did_you_mean


class EnvironmentRow(msgspec.Struct, frozen=True):
    """A set of packages that one worker process imports.

    Attributes:
        name: also the word in `CONVERTKIT_PYTHON_<NAME>`, which names another interpreter for it.
        preload: modules imported while the worker is idle.
        own_interpreter: its packages cannot live beside the others; without an interpreter of its own
            it is not available.
        install: exact line that makes it available; `{folder}` is where it is looked for.
        python: the only version of Python that its packages are for, `3.11`; empty: any.
        packages: distributions that it needs besides those of its stages and runtimes.
    """

    name: str
    preload: tuple[str, ...]
    own_interpreter: bool = False
    install: str = "pip install convertkit"
    python: str = ""
    packages: tuple[str, ...] = ()


class StageRow(msgspec.Struct, frozen=True):
    """One edge of the map; its code is `convertkit/stages/<name>.py`.

    Attributes:
        packages: distributions that it needs, of which the versions are part of its cache key.
    """

    name: str
    source: Variant
    targets: tuple[Variant, ...]
    environment: str
    options: type[StageOptions]
    packages: tuple[str, ...]
    summary: str


class ExtraRow(msgspec.Struct, frozen=True):
    """A package that one way of a stage needs and the others do not: an optional extra of the same name.

    Attributes:
        package: its distribution, whose version is part of the cache key where it serves.
        environment: where it is imported.
    """

    name: str
    package: str
    environment: str
    summary: str


class RuntimeRow(msgspec.Struct, frozen=True):
    """What loads one format and runs it; its code is `convertkit/runtimes/<name>.py`."""

    name: str
    format: Format
    environment: str
    packages: tuple[str, ...]


ENVIRONMENTS = (
    EnvironmentRow(
        "torch",
        (
            "torch",
            "convertkit.stages.torch_to_onnx",
            "convertkit.runtimes.torch",
            "convertkit.stages.torch_to_torch_dynamic",
            "convertkit.stages.torch_to_torch_fx",
        ),
    ),
    EnvironmentRow("onnx", ("convertkit.runtimes.onnxruntime", "convertkit.stages.onnx_to_onnx_int8")),
    EnvironmentRow(
        "tf",
        (
            "convertkit.stages.savedmodel_to_tflite",
            "convertkit.runtimes.tensorflow",
            "convertkit.stages.onnx_to_savedmodel",
            "convertkit.stages.keras_to_savedmodel",
            "convertkit.runtimes.keras",
        ),
    ),
    EnvironmentRow("litert", ("convertkit.runtimes.litert",)),
    EnvironmentRow(
        "samples", ("convertkit.worker.images", "convertkit.worker.archives"), packages=("pillow",)
    ),
    EnvironmentRow(
        "field",
        ("convertkit.runtimes.tflite_runtime",),
        own_interpreter=True,
        install="python3.11 -m venv {folder} && {folder}/bin/pip install "
        "tflite-runtime==2.14.0 'numpy<2' msgspec",
        python="3.11",
    ),
)

STAGES = (
    StageRow(
        "torch_to_onnx",
        Variant(Format.TORCH),
        (Variant(Format.ONNX),),
        "torch",
        TorchToOnnxOptions,
        ("torch", "onnx", "onnxscript"),
        "torch.onnx export, dynamic axes and names kept",
    ),
    StageRow(
        "onnx_to_savedmodel",
        Variant(Format.ONNX),
        (Variant(Format.SAVEDMODEL),),
        "tf",
        OnnxToSavedmodelOptions,
        ("tensorflow", "onnx", "onnx2tf", "onnxslim"),
        "a SavedModel with a serving_default signature under the source's names",
    ),
    StageRow(
        "keras_to_savedmodel",
        Variant(Format.KERAS),
        (Variant(Format.SAVEDMODEL),),
        "tf",
        KerasToSavedmodelOptions,
        ("tensorflow", "keras"),
        "a SavedModel with a serving_default signature under the model's own names",
    ),
    StageRow(
        "savedmodel_to_tflite",
        Variant(Format.SAVEDMODEL),
        tuple(Variant(Format.TFLITE, precision) for precision in Precision),
        "tf",
        SavedmodelToTfliteOptions,
        ("tensorflow",),
        "TFLite at five precisions, built-in operators only",
    ),
    StageRow(
        "onnx_to_onnx_int8",
        Variant(Format.ONNX),
        (Variant(Format.ONNX, Precision.INT8),),
        "onnx",
        OnnxToOnnxInt8Options,
        ("onnxruntime-gpu", "onnx"),
        "ONNX Runtime's static quantization, QDQ",
    ),
    StageRow(
        "torch_to_torch_dynamic",
        Variant(Format.TORCH),
        (Variant(Format.TORCH, Precision.INT8_DYNAMIC),),
        "torch",
        TorchToTorchDynamicOptions,
        ("torch",),
        "INT8 weights, activations quantized in every call",
    ),
    StageRow(
        "torch_to_torch_fx",
        Variant(Format.TORCH),
        (Variant(Format.TORCH, Precision.INT8),),
        "torch",
        TorchToTorchFxOptions,
        ("torch",),
        "FX graph mode, calibrated",
    ),
)

TARGETS = tuple(dict.fromkeys(target for row in STAGES for target in row.targets))

EXTRAS = (
    ExtraRow("litert-quantizer", "litert-quantizer", "tf", "the second quantizer of savedmodel_to_tflite"),
    ExtraRow("transformers", "transformers", "torch", "Hugging Face folders as models"),
    ExtraRow("pt2e", "torchao", "torch", "the backend pt2e of torch_to_torch_fx and torch_to_torch_dynamic"),
)

RUNTIMES = (
    RuntimeRow("torch", Format.TORCH, "torch", ("torch",)),
    RuntimeRow("onnxruntime", Format.ONNX, "onnx", ("onnxruntime-gpu", "onnx")),
    RuntimeRow("tensorflow", Format.SAVEDMODEL, "tf", ("tensorflow",)),
    RuntimeRow("keras", Format.KERAS, "tf", ("tensorflow", "keras")),
    RuntimeRow("litert", Format.TFLITE, "litert", ("ai-edge-litert",)),
)

FIELD_RUNTIME = RuntimeRow("tflite_runtime", Format.TFLITE, "field", ("tflite-runtime",))


def stage_row(name: str) -> StageRow:
    """The stage of that name; KeyError where there is none."""
    return {row.name: row for row in STAGES}[name]


def extra_row(name: str) -> ExtraRow:
    """The extra of that name; KeyError where there is none."""
    return {row.name: row for row in EXTRAS}[name]


def runtime_row(format: Format) -> RuntimeRow:
    """The runtime that loads that format."""
    return {row.format: row for row in RUNTIMES}[format]


def environment_row(name: str) -> EnvironmentRow:
    """The environment of that name; KeyError where there is none."""
    return {row.name: row for row in ENVIRONMENTS}[name]


def parse_variant(text: str) -> Variant:
    """The variant that `text` names: `onnx`, `tflite:int8`, or in full `onnx:float32`.

    Raises:
        UsageError: no stage makes it; the hint names the nearest one that some does.
    """
    spelling = {str(target): target for target in TARGETS}
    spelling |= {str(t.format): t for t in TARGETS if t.precision is Precision.FLOAT32}
    if text not in spelling:
        raise UsageError(f"unknown variant '{text}'", hint=variant_hint(text, sorted(spelling)))
    return spelling[text]


def variant_hint(text: str, known: list[str]) -> str:
    """The variant that was meant; of a bare precision the TFLite one, and the others that there are."""
    tflite, others = f"{Format.TFLITE}:{text}", [name for name in known if name.endswith(f":{text}")]
    if tflite not in others:
        return did_you_mean(text, known)
    more = ", ".join(name for name in others if name != tflite)
    return f"did you mean '{tflite}'?{f' (or {more})' if more else ''}"
