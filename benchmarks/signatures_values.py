"""Models of the corpus with odd inputs, outputs, samples, types and operators."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.signatures_case import KINDS, Case, Input
from benchmarks.signatures_parts import (
    IDS,
    IMAGE,
    SEQUENCE,
    X,
    conv,
    linear,
    net,
)

NOT_SCRIPT = tuple(kind for kind in KINDS if kind != "torchscript")


@dataclass
class Found:
    """What a detector returns."""

    boxes: Tensor
    scores: Tensor


class Optional(nn.Module):
    """A mask that need not be given."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 4)

    def forward(self, x: Tensor, mask: Tensor | None = None, scale: Tensor | None = None) -> Tensor:
        """Scores of every step."""
        if mask is not None:
            x = x * mask.unsqueeze(-1)
        return self.linear(x) if scale is None else self.linear(x) * scale


CASES = [
    Case(
        "optional",
        "an optional argument that is given",
        Optional,
        {"x": SEQUENCE, "mask": Input(("batch", "time"), high=2)},
    ),
    Case(
        "unused",
        "an input that nothing needs",
        net(lambda m, x, kind: m["o"](x), o=linear()),
        {"x": X, "kind": Input(("batch", 1), high=2, dtype="int64")},
    ),
    Case("echo", "an input handed through", net(lambda m, x: (m["o"](x), x), o=linear()), {"x": X}),
    Case(
        "twice",
        "the same tensor twice",
        net(lambda m, x: (lambda y: (y, y * 2, y))(m["o"](x)), o=linear()),
        {"x": X},
    ),
    Case(
        "dict",
        "a dict",
        net(lambda m, x: {"boxes": m["o"](x), "scores": m["o"](x).sigmoid()}, o=linear()),
        {"x": X},
    ),
    Case(
        "data-class",
        "a dataclass",
        net(lambda m, x: Found(m["o"](x), m["o"](x).sigmoid()), o=linear()),
        {"x": X},
        kinds=("state-dict",),
    ),
    Case(
        "nested",
        "nested structures whose inner names repeat",
        net(lambda m, x: {"small": {"cls": m["o"](x)}, "large": {"cls": m["o"](x).exp()}}, o=linear()),
        {"x": X},
        kinds=NOT_SCRIPT,
    ),
    Case(
        "none",
        "an entry that is None",
        net(lambda m, x: (m["o"](x), None), o=linear()),
        {"x": X},
        kinds=("pt2", "state-dict"),
    ),
    Case(
        "same-name",
        "an output called as an input is",
        net(lambda m, pos: {"pos": m["o"](pos)}, o=linear()),
        {"pos": X},
    ),
    Case("complex", "a complex output", net(lambda m, x: torch.fft.rfft(x), o=linear()), {"x": X}),
    Case(
        "classes",
        "an output of integers",
        net(lambda m, x: (m["o"](x), m["o"](x).argmax(-1)), o=linear()),
        {"x": X},
    ),
    Case(
        "ids",
        "integers of 64 bits",
        net(lambda m, ids: m["o"](m["e"](ids)).mean(1), e=lambda: nn.Embedding(30, 8), o=linear()),
        {"ids": IDS},
    ),
    Case(
        "ids-32",
        "samples of another integer type",
        net(lambda m, ids: m["o"](m["e"](ids)).mean(1), e=lambda: nn.Embedding(30, 8), o=linear()),
        {"ids": IDS},
        samples=lambda a: {"ids": a["ids"].astype(np.int32)},
    ),
    Case(
        "pixels",
        "bytes for floats",
        net(lambda m, x: m["c"](x / 255).relu(), c=conv()),
        {"x": replace(IMAGE, high=256)},
        samples=lambda a: {"x": a["x"].astype(np.uint8)},
        words={"settings": ("sampling.accept=[range]",)},
    ),
    Case(
        "float64",
        "samples of float64",
        net(lambda m, x: m["o"](x).tanh(), o=linear()),
        {"x": X},
        samples=lambda a: {"x": a["x"].astype(np.float64)},
    ),
    Case(
        "other-name",
        "one array of another name",
        net(lambda m, x: m["o"](x).tanh(), o=linear()),
        {"x": X},
        samples=lambda a: {"data": a["x"]},
    ),
    Case(
        "no-names",
        "arr_0, arr_1",
        net(lambda m, a, b: m["o"](a) * m["o"](b), o=linear()),
        {"a": X, "b": X},
        samples=lambda a: {"arr_0": a["a"], "arr_1": a["b"]},
    ),
    Case(
        "channels-last",
        "images with their channels last",
        net(lambda m, x: m["c"](x).relu(), c=conv()),
        {"x": IMAGE},
        samples=lambda a: {"x": a["x"].transpose(0, 2, 3, 1).copy()},
        words={"settings": ["sampling.axis_order=channels-last"]},
    ),
    Case(
        "adaptive",
        "pooling to sizes that do not divide",
        net(lambda m, x: m["p"](m["c"](x)), c=conv(), p=lambda: nn.AdaptiveAvgPool2d((5, 7))),
        {"x": IMAGE},
    ),
    Case(
        "rank-6",
        "a choice of rank 6",
        net(
            lambda m, x: torch.where(
                x.reshape(-1, 3, 3, 4, 4, 4) > 0,
                x.reshape(-1, 3, 3, 4, 4, 4),
                m["o"](x).reshape(-1, 3, 3, 4, 4, 4),
            ).sum((2, 4)),
            o=lambda: nn.Linear(16, 16),
        ),
        {"x": IMAGE},
    ),
    Case(
        "half",
        "weights of float16",
        net(lambda m, x: m["o"](x.half()).float(), o=lambda: nn.Linear(8, 4).half()),
        {"x": X},
        own_db=35.0,
    ),
    Case(
        "bfloat16",
        "weights of bfloat16",
        net(lambda m, x: m["o"](x.bfloat16()).float(), o=lambda: nn.Linear(8, 4).bfloat16()),
        {"x": X},
        own_db=35.0,
    ),
    Case(
        "lengths",
        "lengths beside a sequence",
        net(
            lambda m, x, n: (
                (m["o"](x) * (torch.arange(x.shape[1])[None] < n[:, None]).unsqueeze(-1)).sum(1) / n[:, None]
            ),
            o=linear(),
        ),
        {"x": SEQUENCE, "n": Input(("batch",), dtype="int64", values=lambda s, r: r.integers(1, 4, s))},
    ),
    Case(
        "late-batch",
        "the batch on the last axis",
        net(lambda m, x: m["o"](x.transpose(0, 1)).transpose(0, 1), o=linear()),
        {"x": Input((8, "batch"))},
        words={"inputs": ["x:float32[8,batch]"]},
    ),
    Case(
        "cache",
        "a cache that grows by a step",
        net(
            lambda m, x, past: (m["o"](torch.cat([past, x], 1)).mean(1), torch.cat([past, x], 1)), o=linear()
        ),
        {"x": Input(("batch", 1, 8)), "past": Input(("batch", "time", 8))},
    ),
]
