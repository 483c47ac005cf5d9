"""Models whose inputs and outputs are not all batch first; what they give in PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

BATCH, WIDTH, TIME = (torch.export.Dim(name) for name in ("batch", "width", "time"))
COUNT = 40


class Streaming(nn.Module):
    """A recurrent layer that takes its state [layers, batch, hidden] and gives the next one."""

    def __init__(self, kind: type[nn.Module], layers: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn: Any = kind(6, 10, layers, batch_first=True)
        self.out = nn.Linear(10, 3)

    def forward(self, audio: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores [batch, 3] and the next state."""
        if isinstance(self.rnn, nn.LSTM):
            half = state.shape[0] // 2
            y, (h, c) = self.rnn(audio, (state[:half], state[half:]))
            return self.out(y[:, -1]), torch.cat([h, c])
        y, h = self.rnn(audio, state)
        return self.out(y[:, -1]), h


class LastState(nn.Module):
    """A recurrent layer whose final state goes out with its batch on axis 1."""

    def __init__(self, *, bidirectional: bool = False, is_time_first: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.GRU(6, 8, 2, batch_first=not is_time_first, bidirectional=bidirectional)
        self.out = nn.Linear(16 if bidirectional else 8, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores of every step, and the final state."""
        y, h = self.rnn(x)
        return self.out(y), h


class LastStep(nn.Module):
    """A recurrent layer that begins with zeros, read at its last step."""

    def __init__(self, kind: type[nn.Module], *, bidirectional: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn: Any = kind(6, 10, batch_first=True, bidirectional=bidirectional)
        self.out = nn.Linear(20 if bidirectional else 10, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores [batch, 3]."""
        scores: torch.Tensor = self.out(self.rnn(x)[0][:, -1])
        return scores


class Tempered(nn.Module):
    """An unused input, a 0-d (or [1]) input, one tensor given out twice, and an input handed through."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(8, 6)

    def forward(
        self, x: torch.Tensor, token_type: torch.Tensor, temperature: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Four outputs, two of them the same."""
        y = self.linear(x)
        return {"logits": y, "scaled": y / temperature, "again": y, "echo": x}


class Masked(nn.Module):
    """A transformer encoder that takes its attention mask [time, time], the same for the whole batch."""

    def __init__(self, *, is_time_first: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=not is_time_first, dropout=0.0)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

    def forward(self, src: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The encoded sequence."""
        return self.encoder(src, mask, is_causal=False)


class Apart(nn.Module):
    """Two inputs whose free axes have nothing to do with each other."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right = nn.Conv1d(3, 4, 3, padding=1), nn.Conv1d(2, 4, 3, padding=1)

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """One vector a sample."""
        return self.left(left).relu().mean(-1) * self.right(right).relu().mean(-1)


def random(*shape: int) -> np.ndarray:
    """Seeded normal values."""
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


class Patches(nn.Module):
    """A small vision transformer: patches, a class token, positions, attention over four heads."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.places = nn.Parameter(torch.randn(1, 17, 16))
        self.parts, self.head = nn.Linear(16, 48), nn.Linear(16, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        parts = self.parts(x).view(x.shape[0], 17, 3, 4, 4).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(*parts.unbind(0))
        return self.head((x + seen.transpose(1, 2).reshape(x.shape[0], 17, 16))[:, 0])


def save(model: nn.Module, inputs: tuple[np.ndarray, ...], dynamic: Any, folder: Path) -> Path:
    """The model as `.pt2`, exported with these inputs."""
    torch.backends.mha.set_fastpath_enabled(False)
    path = folder / "m.pt2"
    tensors = tuple(torch.from_numpy(np.array(values, order="C")) for values in inputs)
    torch.export.save(torch.export.export(model.eval(), tensors, dynamic_shapes=dynamic), path)
    return path


def expected(model: nn.Module, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """What PyTorch gives, flat."""
    with torch.no_grad():
        leaves = torch.utils._pytree.tree_leaves(model.eval()(*map(torch.from_numpy, inputs.values())))
    return [leaf.numpy() for leaf in leaves]
