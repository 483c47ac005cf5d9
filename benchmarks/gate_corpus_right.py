"""Right artifacts: which models are converted into what, and their samples. Imports torch to build one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import gate_corpus_pretrained as pretrained
from benchmarks.gate_corpus_case import Arrays
from benchmarks.zoo import known_models

ROOT = Path(__file__).resolve().parents[1]
FLOATS = ("onnx:float32", "savedmodel:float32", "tflite:float32", "tflite:float16")
INTEGERS = ("onnx:int8", "tflite:int8-dynamic", "tflite:int8", "tflite:int16x8")
PYTORCH = ("torch:int8-dynamic", "torch:int8")
FIXTURES = ("digits", "mlp", "transformer", "two_inputs")
NOT_RIGHT = {"two_inputs": ("tflite:int16x8",)}  # 20.6 dB: samples beyond the range that calibrated
ZOO_SAMPLES = 24
FEWER = {
    "gpt2": 4,
    "bert-base": 8,
    "distilbert": 16,
    "transformer-12x768": 8,
    "swin-tiny": 8,
    "resnet-50": 12,
}


@dataclass(frozen=True)
class Right:
    """A model to convert.

    Attributes:
        source: an `nn.Module` or a model file.
        samples: named as the model's inputs.
        must_pass: variants whose artifact is right, so that a gate that fails it gives a false alarm.
        factory: what builds the module of a state dict.
    """

    group: str
    name: str
    source: Callable[[], Any]
    samples: Callable[[], Arrays]
    to: tuple[str, ...]
    must_pass: tuple[str, ...]
    settings: tuple[str, ...] = ()
    factory: str | None = None


def zoo_module(name: str) -> Any:
    from benchmarks.zoo_models import made

    return made(name)


def zoo_samples(name: str) -> Arrays:
    """Seeded inputs, named as the arguments of the model's `forward`."""
    import inspect

    import torch

    from benchmarks.zoo_models import MODELS, made

    names = list(inspect.signature(made(name).forward).parameters)
    torch.manual_seed(2)
    inputs = MODELS[name].inputs(batch=FEWER.get(name, ZOO_SAMPLES))
    return {key: value.numpy() for key, value in zip(names, inputs, strict=False)}


def trained(name: str) -> Right:
    """A pretrained model in every variant; which of them pass by right was found by hand."""
    source, samples, settings = pretrained.MODELS[name]
    to = (FLOATS[1:] if name in pretrained.ONNX else FLOATS) + INTEGERS
    must_pass = tuple(variant for variant in to if variant not in pretrained.NOT_RIGHT.get(name, ()))
    return Right("pretrained", name, source, samples, to, must_pass, settings)


def zoo(name: str, is_int8: bool) -> Right:
    """A model of the zoo in every float variant, and INT8 where the zoo has it."""
    to = (*FLOATS, "tflite:int8") if is_int8 else FLOATS
    return Right("zoo", name, lambda: zoo_module(name), lambda: zoo_samples(name), to, to)


def fixture_samples(name: str) -> Arrays:
    with np.load(ROOT / "fixtures" / name / "samples.npz") as arrays:
        return dict(arrays)


def fixture(name: str) -> Right:
    """A fixture in every variant, from its weights: PyTorch's own INT8 is made of a module."""
    path = ROOT / "fixtures" / name / "model.state_dict.pt"
    to = FLOATS + INTEGERS + PYTORCH
    return Right(
        "fixtures",
        name,
        lambda: path,
        lambda: fixture_samples(name),
        to,
        tuple(variant for variant in to if variant not in NOT_RIGHT.get(name, ())),
        factory=f"fixtures.models:{name}",
    )


def right_models() -> list[Right]:
    """All of them: fixtures, then pretrained models, then the zoo."""
    found = [fixture(name) for name in FIXTURES]
    found += [trained(name) for name in pretrained.MODELS]
    return found + [zoo(name, int8_db is not None) for name, int8_db in known_models().items()]
