"""FX quantization part by part, for a model that cannot be traced as a whole. Runs in a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import fx, nn
from torch.ao.quantization import quantize_fx

UNSEEN = (torch.zeros(1),)  # prepare_fx counts its example inputs, and runs nothing


def quantize_parts(model: nn.Module, mapping: Any, calibrate: Callable[[nn.Module], None]) -> nn.Module:
    """Quantize, in place, the largest parts that `torch.fx` traces; what calibration never ran is left."""
    before: dict[str, tuple[nn.Module, fx.GraphModule]] = {}
    ran: set[str] = set()
    for path, part in list(traceable_parts(model, "", mapping)):
        before[path] = model.get_submodule(path), part
        part.register_forward_hook(lambda *_, path=path: ran.add(path))
        set_part(model, path, part)
    calibrate(model)
    for path, (original, prepared) in before.items():
        prepared._forward_hooks.clear()
        set_part(model, path, quantize_fx.convert_fx(prepared) if path in ran else original)
    return model


def traceable_parts(module: nn.Module, path: str, mapping: Any) -> Iterator[tuple[str, fx.GraphModule]]:
    """Path and prepared form of each largest part with weights that can be traced."""
    for name, child in module.named_children():
        child_path = f"{path}.{name}" if path else name
        if not any(parameter.dim() > 1 for parameter in child.parameters()):
            continue
        is_leaf = not any(True for _ in child.children())
        try:
            yield (
                child_path,
                quantize_fx.prepare_fx(nn.Sequential(child) if is_leaf else child, mapping, UNSEEN),
            )
        except Exception:  # whatever the tracer met, it may not meet further down
            yield from traceable_parts(child, child_path, mapping)


def set_part(model: nn.Module, path: str, part: nn.Module) -> None:
    """Put a module where another one was."""
    owner, _, name = path.rpartition(".")
    setattr(model.get_submodule(owner), name, part)
