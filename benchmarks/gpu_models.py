"""The models that are measured on a GPU: the seed's, with seeded weights. Imports torch; never TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from benchmarks.zoo_models import config, hugging
from convertkit.artifacts.signature import Arrays

TOKENS = 128  # length of a sequence


@dataclass(frozen=True)
class Subject:
    """A model to measure.

    Attributes:
        build: makes it.
        inputs: from a batch size to its inputs, by name.
        unit: what a sample is called.
    """

    build: Callable[[], nn.Module]
    inputs: Callable[[int], Arrays]
    unit: str = "images"


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))


def vectors(batch: int) -> Arrays:
    return {"x": normal((batch, 784))}


def images(batch: int) -> Arrays:
    return {"first": normal((batch, 3, 224, 224))}


def tokens(batch: int) -> Arrays:
    return {"first": np.random.default_rng(batch).integers(1, 30_000, (batch, TOKENS))}


def masked_tokens(batch: int) -> Arrays:
    mask = np.ones((batch, TOKENS), np.int64)
    mask[batch // 2 :, TOKENS * 3 // 4 :] = 0
    return {**tokens(batch), "second": mask}


def normal(shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(shape[0]).standard_normal(shape, np.float32)


SUBJECTS = {
    "mlp": Subject(mlp, vectors, "vectors"),
    "resnet-50": Subject(
        hugging("ResNetForImageClassification", config("ResNetConfig"), ("pixel_values",), "logits"),
        images,
    ),
    "bert-base": Subject(
        hugging("BertModel", config("BertConfig"), ("input_ids", "attention_mask"), "last_hidden_state"),
        masked_tokens,
        "sequences",
    ),
    "vit-b16": Subject(
        hugging("ViTForImageClassification", config("ViTConfig"), ("pixel_values",), "logits"),
        images,
    ),
    "gpt2": Subject(
        hugging("GPT2LMHeadModel", config("GPT2Config", use_cache=False), ("input_ids",), "logits"),
        tokens,
        "sequences",
    ),
}


def made(name: str) -> nn.Module:
    """The model in eval mode; the same weights each time."""
    torch.manual_seed(0)
    return SUBJECTS[name].build().eval()
