"""Reference models by name, as large as they are known, and tiny ones of the same layers.

Architectures are those of `transformers`, from its configurations: their defaults are ResNet-50, BERT-Base,
GPT-2, ViT-B/16 and EfficientNet-B7. `build` is a factory: `convertkit.references.models:build`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from convertkit.references.unet_block import UnetBlock

WHOLE = {"num_labels": 1000}


class Pixels(nn.Module):
    """The first output of a model of images."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: torch.Tensor) -> Any:
        """Scores [batch, classes] of images [batch, 3, height, width]."""
        return self.model(pixel_values, return_dict=False)[0]


class Tokens(nn.Module):
    """The first output of a model of text."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor) -> Any:
        """Values of every token of [batch, length]."""
        return self.model(input_ids, return_dict=False)[0]


class MaskedTokens(nn.Module):
    """The first output of a model of text that is told which tokens are padding."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        """Values of every token of [batch, length]; the mask, of the same shape, is 0 at padding."""
        return self.model(input_ids, attention_mask=attention_mask, return_dict=False)[0]


def hugging(config: str, kind: str, **settings: Any) -> nn.Module:
    """A model of transformers, from a configuration with these settings in place of its defaults."""
    transformers = importlib.import_module("transformers")
    model: nn.Module = getattr(transformers, kind)(getattr(transformers, config)(**settings))
    return model


def mlp(*, is_small: bool) -> nn.Module:
    """784 → 512 → 10 with ReLU; 64 → 32 → 10."""
    inputs, hidden = (64, 32) if is_small else (784, 512)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def resnet50(*, is_small: bool) -> nn.Module:
    """Bottleneck blocks 3, 4, 6, 3; one each, narrow."""
    small = {"embedding_size": 8, "hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "num_labels": 10}
    return Pixels(hugging("ResNetConfig", "ResNetForImageClassification", **(small if is_small else WHOLE)))


ENCODER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def bert(*, is_small: bool) -> nn.Module:
    """12 layers of width 768; 2 of width 32."""
    small = {**ENCODER, "vocab_size": 100, "max_position_embeddings": 32}
    return MaskedTokens(hugging("BertConfig", "BertModel", **(small if is_small else {})))


def gpt2(*, is_small: bool) -> nn.Module:
    """12 layers of width 768 without a cache; 2 of width 32."""
    small = {"n_embd": 32, "n_layer": 2, "n_head": 2, "vocab_size": 100, "n_positions": 32}
    settings = {"use_cache": False, **(small if is_small else {})}
    return Tokens(hugging("GPT2Config", "GPT2LMHeadModel", **settings))


def vit(*, is_small: bool) -> nn.Module:
    """12 layers of width 768 over patches of 16 × 16; 2 of width 32."""
    small = {**ENCODER, "image_size": 32, "num_labels": 10}
    return Pixels(hugging("ViTConfig", "ViTForImageClassification", **(small if is_small else WHOLE)))


def efficientnet(*, is_small: bool) -> nn.Module:
    """B7, of images of 600 × 600; two narrow stages."""
    small = {
        "width_coefficient": 0.1,
        "depth_coefficient": 1.0,
        "hidden_dim": 128,  # 1280 channels by the width
        "in_channels": [32, 16],
        "out_channels": [16, 24],
        "kernel_sizes": [3, 3],
        "strides": [1, 2],
        "num_block_repeats": [1, 1],
        "expand_ratios": [1, 6],
        "num_labels": 10,
    }
    kind = "EfficientNetForImageClassification"
    return Pixels(hugging("EfficientNetConfig", kind, **(small if is_small else WHOLE)))


def unet_block(*, is_small: bool) -> nn.Module:
    """A block of Stable Diffusion's U-Net at its second resolution: 640 channels, 8 heads; 32 and 2."""
    if is_small:
        return UnetBlock(channels=32, heads=2, time_width=32, context_width=16)
    return UnetBlock(channels=640, heads=8, time_width=1280, context_width=768)


BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "mlp": mlp,
    "resnet-50": resnet50,
    "bert-base": bert,
    "gpt2": gpt2,
    "vit-b16": vit,
    "efficientnet-b7": efficientnet,
    "unet-block": unet_block,
}


def build(name: str, is_small: bool) -> nn.Module:
    """The module of that name in eval mode, its weights as PyTorch makes them."""
    return BUILDERS[name](is_small=is_small).eval()
