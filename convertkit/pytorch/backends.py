"""Which code quantizes a PyTorch model, imported when asked for: either may be missing. Runs in a worker."""

from __future__ import annotations

import importlib
from typing import Any, Literal

import torch

from convertkit.errors import MissingDependencyError


def load_backend(backend: str, kind: Literal["static", "dynamic"]) -> Any:
    """The module whose `quantize` serves.

    Raises:
        MissingDependencyError: this PyTorch has no torch.ao.quantization any more, or torchao is missing.
    """
    name = "pt2e" if backend == "pt2e" else f"ao_{kind}"
    try:
        return importlib.import_module(f"convertkit.pytorch.{name}")
    except ImportError as error:
        if backend == "pt2e":
            raise MissingDependencyError(
                f"torchao cannot be imported: {error}", hint="convertkit doctor says how to install it"
            ) from error
        raise MissingDependencyError(
            f"PyTorch {torch.__version__} has no torch.ao.quantization any more", hint="give --backend pt2e"
        ) from error
