"""Models of the corpus whose inputs have odd axes, and what can be told of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.signatures_case import COUNT, Case, Input
from benchmarks.signatures_parts import (
    FREE_IMAGE,
    SEQUENCE,
    STATE,
    X,
    causal,
    constant,
    conv,
    encoder,
    linear,
    many,
    net,
    positive,
)


def lstm(m: Any, audio: Tensor, state: Tensor) -> Any:
    """A step of a recurrent layer that takes both of its states in one tensor."""
    y, (h, c) = m["r"](audio, (state[:1], state[1:]))
    return m["o"](y[:, -1]), torch.cat([h, c])


def streaming(m: Any, audio: Tensor, state: Tensor) -> Any:
    y, h = m["r"](audio, state)
    return m["o"](y[:, -1]), h


CASES = [
    Case("plain", "one input, one output", net(lambda m, x: m["o"](x).relu(), o=linear()), {"x": X}),
    Case(
        "lstm-state",
        "a state [layers, batch, hidden] in and out",
        net(lstm, r=lambda: nn.LSTM(8, 8, batch_first=True), o=linear()),
        {"audio": Input(("batch", 5, 8)), "state": Input((2, "batch", 8))},
    ),
    Case(
        "gru-state",
        "a state of one layer, a step of fixed length",
        net(streaming, r=lambda: nn.GRU(8, 8, batch_first=True), o=linear()),
        {"audio": Input(("batch", 5, 8)), "state": STATE},
    ),
    Case(
        "last-state",
        "an output with its batch on axis 1",
        net(lambda m, x: m["r"](x), r=lambda: nn.GRU(8, 6, batch_first=True)),
        {"x": SEQUENCE},
    ),
    Case(
        "time-first",
        "time first, the batch on axis 1",
        net(lambda m, x: m["o"](x).cumsum(0), o=linear()),
        {"x": Input(("time", "batch", 8))},
        words={"inputs": ["x:float32[time,batch,8]"]},
    ),
    Case(
        "mask",
        "a mask [time, time] beside a batch",
        net(lambda m, src, mask: m["e"](src, mask, is_causal=False), e=encoder),
        {"src": SEQUENCE, "mask": Input(("time", "time"), values=causal)},
    ),
    Case(
        "padding-mask",
        "a mask of booleans [batch, time]",
        net(lambda m, src, keep: m["e"](src, src_key_padding_mask=~keep), e=encoder),
        {
            "src": SEQUENCE,
            "keep": Input(
                ("batch", "time"),
                dtype="bool",
                values=lambda s, r: np.arange(s[1])[None] < r.integers(2, s[1] + 1, (s[0], 1)),
            ),
        },
    ),
    Case(
        "scalar",
        "a 0-d input beside a batch",
        net(lambda m, x, t: m["o"](x) / t, o=linear()),
        {"x": X, "t": Input((), values=constant)},
    ),
    Case(
        "one-number",
        "an input [1] beside a batch",
        net(lambda m, x, t: m["o"](x) * t, o=linear()),
        {"x": X, "t": Input((1,), values=constant)},
    ),
    Case(
        "numbers",
        "a 0-d input, one number a sample",
        net(lambda m, x, t: m["o"](x) / t, o=linear()),
        {"x": X, "t": Input((), values=positive)},
        samples=lambda a: a | {"t": np.random.default_rng(1).uniform(1, 2, COUNT).astype(np.float32)},
    ),
    Case(
        "table",
        "a matrix for every call, one a sample",
        net(lambda m, x, table: m["o"](x) @ table, o=linear()),
        {"x": X, "table": Input((4, 4))},
        samples=many("table"),
    ),
    Case(
        "two-free",
        "two inputs with free axes of their own",
        net(lambda m, one, two: m["a"](one).mean(1) * m["b"](two).mean(1), a=linear(), b=linear()),
        {"one": Input(("batch", "left", 8)), "two": Input(("batch", "right", 8))},
    ),
    Case(
        "no-batch",
        "no batch axis at all",
        net(lambda m, x: m["o"](x).softmax(-1), o=linear()),
        {"x": Input((6, 8))},
        samples=many("x"),
    ),
    Case(
        "free-image", "height and width free", net(lambda m, x: m["c"](x).relu(), c=conv()), {"x": FREE_IMAGE}
    ),
    Case(
        "global-pool",
        "an image of any size to a vector",
        net(lambda m, x: m["o"](m["c"](x).relu().mean((2, 3))), c=conv(to=8), o=linear()),
        {"x": FREE_IMAGE},
    ),
    Case(
        "bounded",
        "bounds of an axis",
        net(lambda m, x: m["c"](x).relu().amax(2), c=conv()),
        {"x": FREE_IMAGE},
        words={"inputs": ["x:float32[batch,3,height=8..32,width=12..24]"]},
    ),
    Case(
        "pinned",
        "a free axis fixed by --input",
        net(lambda m, x: m["c"](x).relu(), c=conv()),
        {"x": FREE_IMAGE},
        words={"inputs": ["x:float32[batch,3,height,16]"]},
        fixed={"width": 16},
    ),
    Case(
        "bound",
        "a constant in place of an input",
        net(lambda m, x, rate: m["o"](x) * (rate / 8000), o=linear()),
        {"x": X, "rate": Input((1,), dtype="int64", values=lambda s, r: np.full(s, 16000))},
        words={"bind": ["rate=16000"]},
        call=lambda call: {"x": call["x"]},
    ),
    Case(
        "batch-1",
        "--batch 1",
        net(lambda m, x: m["o"](x).tanh(), o=linear()),
        {"x": SEQUENCE},
        words={"batch": 1},
        fixed={"batch": 1},
    ),
    Case(
        "static",
        "--static",
        net(lambda m, x: m["c"](x).relu(), c=conv()),
        {"x": FREE_IMAGE},
        words={"static": True},
        fixed={"batch": 1, "height": 12, "width": 16},
    ),
    Case(
        "named",
        "--output-names",
        net(lambda m, x: (m["o"](x), x.exp()), o=linear()),
        {"x": X},
        words={"output_names": "logits,powers"},
    ),
    Case(
        "opset-15",
        "opset 15",
        net(lambda m, x: m["n"](m["o"](x)).mean(1), n=lambda: nn.LayerNorm(8), o=linear(8, 8)),
        {"x": SEQUENCE},
        words={"settings": ["stages.torch_to_onnx.opset=15"]},
    ),
]
