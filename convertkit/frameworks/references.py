"""The models of the table: their inputs, and the batches they are measured with. Builds none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array, Arrays
from convertkit.config.run_settings import CompileMode
from convertkit.errors import UsageError, did_you_mean

SEED = 0
LENGTH, SMALL_LENGTH = 128, 16  # of a sequence, tokens


class Input(msgspec.Struct, frozen=True):
    """An input of a model.

    Attributes:
        shape, small: of one sample; of the tiny model.
        values: standard normal floats; token numbers below `words`, `small_words`; or ones.
    """

    name: str
    shape: tuple[int, ...]
    small: tuple[int, ...]
    values: Literal["normal", "tokens", "ones"] = "normal"
    words: int = 0
    small_words: int = 100

    @property
    def dtype(self) -> str:
        """Type of the values."""
        return "float32" if self.values == "normal" else "int64"

    def option(self, *, is_small: bool) -> str:
        """As `--input` has it: `pixel_values:float32[batch,3,224,224]`."""
        sizes = ",".join(map(str, self.small if is_small else self.shape))
        return f"{self.name}:{self.dtype}[batch,{sizes}]"

    def drawn(self, count: int, random: np.random.Generator, *, is_small: bool) -> Array:
        """Seeded samples."""
        shape = (count, *(self.small if is_small else self.shape))
        if self.values == "ones":
            return np.ones(shape, np.int64)
        if self.values == "tokens":
            return random.integers(0, self.small_words if is_small else self.words, shape)
        return random.standard_normal(shape, np.float32)


class Reference(msgspec.Struct, frozen=True):
    """A model of the table.

    Attributes:
        name: also its name among `convertkit.references.models.BUILDERS`.
        unit: what its samples are called.
        cpu_batches, gpu_batches: samples in a call, each measured.
        is_hugging: it is made of transformers' layers.
        modes: of torch.compile.
    """

    name: str
    title: str
    unit: str
    inputs: tuple[Input, ...]
    cpu_batches: tuple[int, ...]
    gpu_batches: tuple[int, ...]
    is_hugging: bool = True
    modes: tuple[CompileMode, ...] = ("default",)

    def options(self, *, is_small: bool) -> tuple[str, ...]:
        """Its inputs, as `--input` has them."""
        return tuple(each.option(is_small=is_small) for each in self.inputs)

    def samples(self, count: int, *, is_small: bool) -> Arrays:
        """Seeded samples."""
        random = np.random.default_rng(SEED)
        return {each.name: each.drawn(count, random, is_small=is_small) for each in self.inputs}


def images(side: int) -> tuple[Input, ...]:
    """Square images, channels first."""
    return (Input("pixel_values", (3, side, side), (3, 32, 32)),)


def tokens(words: int) -> Input:
    """A sequence of tokens out of so many."""
    return Input("input_ids", (LENGTH,), (SMALL_LENGTH,), "tokens", words)


MASK = Input("attention_mask", (LENGTH,), (SMALL_LENGTH,), "ones")
BLOCK = (
    Input("sample", (640, 32, 32), (32, 8, 8)),
    Input("time", (1280,), (32,)),
    Input("context", (77, 768), (7, 16)),
)
REFERENCES = (
    Reference(
        "mlp",
        "MLP 784-512-10",
        "vectors",
        (Input("input", (784,), (64,)),),
        (1, 1000),
        (1, 1000),
        is_hugging=False,
        modes=("default", "reduce-overhead", "max-autotune"),
    ),
    Reference("resnet-50", "ResNet-50", "images", images(224), (4,), (1, 128)),
    Reference("bert-base", "BERT-Base", "sequences", (tokens(30_522), MASK), (2,), (1, 32)),
    Reference("gpt2", "GPT-2", "sequences", (tokens(50_257),), (1,), (1, 16)),
    Reference("vit-b16", "ViT-B/16", "images", images(224), (2,), (1, 64)),
    Reference("efficientnet-b7", "EfficientNet-B7", "images", images(600), (1,), (1, 32)),
    Reference("unet-block", "U-Net block", "blocks", BLOCK, (1,), (1,), is_hugging=False),
)


def chosen(names: Sequence[str]) -> tuple[Reference, ...]:
    """The models of these names, in the table's order; all of them without any.

    Raises:
        UsageError: there is no such model.
    """
    known = [each.name for each in REFERENCES]
    for name in names:
        if name not in known:
            raise UsageError(f"no model '{name}' in the table", hint=did_you_mean(name, known))
    return tuple(each for each in REFERENCES if each.name in names or not names)
