"""Models that give NaN or Inf, change their buffers, or run as if in training; also a factory's module."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """Scores by hand: where a mask leaves nothing, softmax divides 0 by 0."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(8, 8)

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        scores = self.query(x) @ x.transpose(1, 2)
        scores = scores.masked_fill(~keep[:, None, :], float("-inf"))
        return torch.softmax(scores, -1) @ x


class MaskedRows(nn.Module):
    """NaN for samples that are masked entirely, first in `attention`."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.attention, self.head = Attention(), nn.Linear(8, 2)

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        out: Tensor = self.head(self.attention(x, keep))
        return out


class MaskedScores(nn.Module):
    """-Inf where the mask says so, by right."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        out: Tensor = self.head(x)
        return out.masked_fill(~keep[:, :, None], float("-inf"))


class Logarithm(nn.Module):
    """-Inf by `log` of 0."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.log(torch.relu(x))


class LogOfPower(nn.Module):
    """-Inf in a module `log` for silent samples."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.scale, self.log = nn.Linear(8, 4), Logarithm()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.log(self.scale(x))
        return out


class Overflow(nn.Module):
    """Inf by `exp` in `body`, of which `norm` then makes NaN."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(8, 8), Exponential())
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.body(x))
        return out


class Exponential(nn.Module):
    """`exp` of large values."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.exp(1000 * x)


class Normalized(nn.Module):
    """A vector by its own length: 0 by 0 for silent samples."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Linear(8, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.embed(x)
        out: Tensor = y / y.pow(2).sum(-1, keepdim=True).sqrt()
        return out


class BadWeight(nn.Module):
    """Half of the outputs come from a layer with NaN in its weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.good, self.bad = nn.Linear(8, 2), nn.Linear(8, 2)
        with torch.no_grad():
            self.bad.weight[0, 0] = float("nan")

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.good(x), self.bad(x)], -1)


class RunningMean(nn.Module):
    """A running mean and a counter, as streaming normalisers have them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(8, 4)
        self.register_buffer("mean", torch.zeros(8))
        self.register_buffer("steps", torch.tensor(0))
        self.mean: Tensor
        self.steps: Tensor

    def forward(self, x: Tensor) -> Tensor:
        self.steps.add_(1)
        self.mean.mul_(0.9).add_(0.1 * x.mean(0))
        return torch.tanh(self.layer(x - self.mean))


class Counter(nn.Module):
    """Only a counter, which no output depends on."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(8, 4)
        self.register_buffer("steps", torch.tensor(0))
        self.steps: Tensor

    def forward(self, x: Tensor) -> Tensor:
        self.steps.add_(1)
        return torch.tanh(self.layer(x))


class Stream(nn.Module):
    """Adds what the call before it saw, kept in a submodule's buffer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.memory = nn.Linear(8, 4), Memory()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(self.memory(x))
        return out


class Memory(nn.Module):
    """The mean of the call before."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("last", torch.zeros(8))
        self.last: Tensor

    def forward(self, x: Tensor) -> Tensor:
        y = x + self.last
        self.last.copy_(x.mean(0))
        return y


class Trained(nn.Module):
    """Dropout and BatchNorm; a test leaves it in training mode."""

    def __init__(self, p: float = 0.3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.norm = nn.Linear(8, 16), nn.BatchNorm1d(16)
        self.drop, self.b = nn.Dropout(p), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(self.drop(torch.relu(self.norm(self.a(x)))))
        return out


class DropoutOnly(nn.Module):
    """A head whose dropout is `functional` and never told of the mode."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(self.head(x), 0.5)


class DeepLstm(nn.Module):
    """An LSTM with dropout between its layers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.LSTM(8, 4, 2, dropout=0.4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.rnn(x[:, None])[0]
        return out


class NoDropout(nn.Module):
    """Dropout with p = 0, and a BatchNorm that never keeps statistics: the same in both modes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.drop = nn.Linear(8, 4), nn.Dropout(0.0)
        self.norm = nn.BatchNorm1d(4, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(functional.dropout(self.drop(self.a(x)), 0.0))
        return out


class Noisy(nn.Module):
    """Adds noise in every call."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return torch.tanh(y + torch.randn_like(y))


class Spectrum(nn.Module):
    """A complex output."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.layer(x)
        return {"wave": y, "spectrum": torch.fft.rfft(y)}


class Cached(nn.Module):
    """Keeps what it computed in the first call, for the next ones: the same outputs in every call."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(8, 4)
        self.register_buffer("table", torch.zeros(4), persistent=False)
        self.table: Tensor

    def forward(self, x: Tensor) -> Tensor:
        self.table = torch.arange(4, dtype=torch.float32).sin()
        out: Tensor = self.layer(x) + self.table
        return out


class SpectrumAlone(nn.Module):
    """A complex output and no other."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.rfft(x)


class HalfInside(nn.Module):
    """bfloat16 between float32 edges."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(8, 4).to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x.to(torch.bfloat16)).float()
        return out
