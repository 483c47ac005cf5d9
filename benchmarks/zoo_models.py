"""The models of the zoo: seeded random weights, no downloads. Imports torch; never TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Entry:
    """A model of the zoo.

    Attributes:
        build: makes it, in eval mode.
        inputs: from a batch size (and other free sizes) to the inputs.
        free: name of the input's axis → axis, for every input in order; the batch is axis 0 of each.
        sizes: further settings of the free axes that have to agree.
    """

    build: Callable[[], nn.Module]
    inputs: Callable[..., tuple[torch.Tensor, ...]]
    free: dict[str, int] = field(default_factory=dict)
    sizes: tuple[dict[str, int], ...] = ()
    int8_db: float | None = None


def images(side: int) -> Callable[..., tuple[torch.Tensor, ...]]:
    def make(batch: int = 1, height: int = side, width: int = side) -> tuple[torch.Tensor, ...]:
        return (torch.randn(batch, 3, height, width),)

    return make


class Cnn(nn.Module):
    """Grouped and depthwise convolutions, a padded max-pool, batch normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.MaxPool2d(3, 2, 1), nn.Conv2d(16, 32, 3, padding=1, groups=4), nn.Hardswish(),
            nn.Conv2d(32, 32, 3, padding=1, groups=32), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1 = self._block(3, 16)
        self.down2 = self._block(16, 32)
        self.bottom = self._block(32, 64)
        self.up2 = nn.ConvTranspose2d(64, 32, 2, stride=2)
        self.join2 = self._block(64, 32)
        self.join1 = self._block(48, 16)
        self.head = nn.Conv2d(16, 2, 1)

    @staticmethod
    def _block(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.down1(x)
        second = self.down2(nn.functional.max_pool2d(first, 2))
        bottom = self.bottom(nn.functional.max_pool2d(second, 2))
        up = self.join2(torch.cat([self.up2(bottom), second], 1))
        wide = nn.functional.interpolate(up, scale_factor=2, mode="bilinear", align_corners=False)
        return self.head(self.join1(torch.cat([wide, first], 1)))


class YoloHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.SiLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.SiLU())
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.mix = nn.Conv2d(128, 64, 1)
        self.box = nn.Conv2d(64, 3 * 9, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = self.mix(torch.cat([x, self.pool(x)], 1))
        y = self.box(x)
        batch, _, height, width = y.shape
        y = y.view(batch, 3, 9, height, width).permute(0, 1, 3, 4, 2)
        xy, wh, rest = y.sigmoid().split([2, 2, 5], -1)
        return torch.cat([xy * 2 - 0.5, (wh * 2) ** 2, rest], -1).reshape(batch, -1, 9)


class Recurrent(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.rnn = getattr(nn, kind)(16, 32, num_layers=1, batch_first=True, bidirectional=kind == "LSTM")
        self.head = nn.Linear(64 if kind == "LSTM" else 32, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0])


class Norms(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.group, self.instance, self.prelu = (
            nn.GroupNorm(4, 16),
            nn.InstanceNorm2d(16, affine=True),
            nn.PReLU(16),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.prelu(self.instance(self.prelu(self.group(self.conv(x)))))


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image, self.vector = nn.Conv2d(3, 8, 3), nn.Linear(10, 8)

    def forward(self, x: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.image(x).mean((2, 3))
        return image + self.vector(v), image


class Logits(nn.Module):
    """A transformers model as a function of tensors to one tensor."""

    def __init__(self, model: nn.Module, names: tuple[str, ...], output: str) -> None:
        super().__init__()
        self.model, self.names, self.output = model, names, output

    def forward(self, first: torch.Tensor, second: torch.Tensor | None = None) -> torch.Tensor:
        given = dict(zip(self.names, (first, second), strict=False))
        return getattr(self.model(**given), self.output)


def hugging(
    class_name: str, config: Callable[[], Any], names: tuple[str, ...], output: str
) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        import transformers

        return Logits(getattr(transformers, class_name)(config()), names, output)

    return build


def config(name: str, **settings: Any) -> Callable[[], Any]:
    def make() -> Any:
        import transformers

        return getattr(transformers, name)(**settings)

    return make


def tokens(vocabulary: int, length: int, masked: bool) -> Callable[..., tuple[torch.Tensor, ...]]:
    def make(batch: int = 1, sequence: int = length) -> tuple[torch.Tensor, ...]:
        ids = torch.randint(1, vocabulary, (batch, sequence))
        mask = torch.ones(batch, sequence, dtype=torch.int64)
        mask[batch // 2 :, sequence - sequence // 3 :] = 0
        return (ids, mask) if masked else (ids,)

    return make


def sequences(width: int, length: int) -> Callable[..., tuple[torch.Tensor, ...]]:
    return lambda batch=1, sequence=length: (torch.randn(batch, sequence, width),)


def transformer(layers: int, width: int) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        layer = nn.TransformerEncoderLayer(
            width, max(4, width // 64), 4 * width, batch_first=True, activation="gelu"
        )
        encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        for parameter in encoder.parameters():  # the layers are copies of one
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)
        return encoder

    return build


def detr() -> nn.Module:
    class Detr(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = nn.Sequential(
                nn.Conv2d(3, 32, 7, 4, 3), nn.ReLU(), nn.Conv2d(32, 64, 3, 4, 1), nn.ReLU()
            )
            self.transformer = nn.Transformer(64, 4, 2, 2, 128, batch_first=True)
            self.queries = nn.Parameter(torch.randn(10, 64))
            self.row, self.column = nn.Parameter(torch.randn(16, 32)), nn.Parameter(torch.randn(16, 32))
            self.box = nn.Linear(64, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            features = self.backbone(x)
            height, width = features.shape[-2:]
            place = torch.cat([
                self.column[:width].unsqueeze(0).repeat(height, 1, 1),
                self.row[:height].unsqueeze(1).repeat(1, width, 1),
            ], -1).flatten(0, 1)  # fmt: skip
            source = features.flatten(2).transpose(1, 2) + place
            target = self.queries.unsqueeze(0).expand(x.shape[0], -1, -1)
            return self.box(self.transformer(source, target)).sigmoid()

    return Detr()


HW = {"height": 2, "width": 3}
MODELS: dict[str, Entry] = {
    "mlp": Entry(
        lambda: nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4)),
        lambda batch=1: (torch.randn(batch, 16),),
    ),
    "cnn": Entry(Cnn, images(32), int8_db=30),
    "two-inputs": Entry(TwoInputs, lambda batch=1: (torch.randn(batch, 3, 16, 16), torch.randn(batch, 10))),
    "transformer-2x64": Entry(transformer(2, 64), sequences(64, 12), int8_db=30),
    "transformer-12x768": Entry(transformer(12, 768), sequences(768, 16)),
    "conv1d": Entry(
        lambda: nn.Sequential(
            nn.Conv1d(4, 8, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(8, 8, 3, stride=2, groups=2),
            nn.MaxPool1d(3, 2, 1),
        ),
        lambda batch=1: (torch.randn(batch, 4, 64),),
    ),
    "conv3d": Entry(
        lambda: nn.Sequential(
            nn.Conv3d(2, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(8, 4, 3),
            nn.AvgPool3d(2),
            nn.Flatten(),
        ),
        lambda batch=1: (torch.randn(batch, 2, 8, 16, 16),),
    ),
    "norms": Entry(Norms, images(16)),
    "pixel-shuffle": Entry(
        lambda: nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(3, 4, 1)),
        images(16),
    ),
    "unet": Entry(
        UNet, images(64), HW, ({"height": 32, "width": 96}, {"height": 48, "width": 48}), int8_db=30
    ),
    "yolo": Entry(
        YoloHead, images(64), HW, ({"height": 32, "width": 96}, {"height": 48, "width": 48}), int8_db=30
    ),
    "detr": Entry(detr, images(64)),
    "bi-lstm": Entry(lambda: Recurrent("LSTM"), sequences(16, 20)),
    "gru": Entry(
        lambda: Recurrent("GRU"), sequences(16, 20), {"sequence": 1}, ({"sequence": 7}, {"sequence": 33})
    ),
    "mobilenet-v2": Entry(
        hugging(
            "MobileNetV2ForImageClassification", config("MobileNetV2Config"), ("pixel_values",), "logits"
        ),
        images(224),
        int8_db=30,
    ),
    "resnet-50": Entry(
        hugging("ResNetForImageClassification", config("ResNetConfig"), ("pixel_values",), "logits"),
        images(224),
        int8_db=20,
    ),
    "efficientnet-b0": Entry(
        hugging(
            "EfficientNetForImageClassification",
            config(
                "EfficientNetConfig",
                width_coefficient=1.0,
                depth_coefficient=1.0,
                image_size=224,
                hidden_dim=1280,
            ),
            ("pixel_values",),
            "logits",
        ),
        images(224),
    ),
    "mobilevit-s": Entry(
        hugging("MobileViTForImageClassification", config("MobileViTConfig"), ("pixel_values",), "logits"),
        images(256),
    ),
    "deit-tiny": Entry(
        hugging(
            "DeiTForImageClassification",
            config("DeiTConfig", hidden_size=192, num_attention_heads=3, intermediate_size=768),
            ("pixel_values",),
            "logits",
        ),
        images(224),
    ),
    "segformer-b0": Entry(
        hugging("SegformerForSemanticSegmentation", config("SegformerConfig"), ("pixel_values",), "logits"),
        images(128),
    ),
    "swin-tiny": Entry(
        hugging("SwinForImageClassification", config("SwinConfig"), ("pixel_values",), "logits"), images(224)
    ),
    "distilbert": Entry(
        hugging(
            "DistilBertForSequenceClassification",
            config("DistilBertConfig"),
            ("input_ids", "attention_mask"),
            "logits",
        ),
        tokens(30000, 32, True),
        {"sequence": 1},
        ({"sequence": 16}, {"sequence": 50}),
    ),
    "bert-base": Entry(
        hugging("BertModel", config("BertConfig"), ("input_ids", "attention_mask"), "last_hidden_state"),
        tokens(30000, 32, True),
    ),
    "gpt2": Entry(
        hugging("GPT2LMHeadModel", config("GPT2Config", use_cache=False), ("input_ids",), "logits"),
        tokens(50000, 32, False),
    ),
}


def made(name: str) -> nn.Module:
    torch.manual_seed(0)
    torch.backends.mha.set_fastpath_enabled(False)
    model = MODELS[name].build().eval()
    for module in model.modules():  # running statistics that are not trivial
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model


if __name__ == "__main__":
    print(*[f"{name}:{entry.int8_db}" for name, entry in MODELS.items()])
