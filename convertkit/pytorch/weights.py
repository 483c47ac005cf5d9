"""Bytes of a PyTorch model's weights. Runs in a worker."""

from __future__ import annotations

from typing import Any

import torch


def weights_bytes(model: Any) -> int | None:
    """Bytes of the parameters and buffers, each once, in their own types; None for what is no module."""
    if not isinstance(model, torch.nn.Module):
        return None
    tensors = {
        (tensor.data_ptr(), tensor.numel()): tensor.numel() * tensor.element_size()
        for tensor in (*model.parameters(), *model.buffers())
    }
    return sum(tensors.values())
