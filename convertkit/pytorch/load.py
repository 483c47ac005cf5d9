"""Open PyTorch files by their loader. The files were checked before they came here."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import safetensors.torch
import torch

from convertkit.artifacts.artifact import Loader
from convertkit.errors import ModelFileError, UsageError
from convertkit.pytorch.casts import cast_inputs
from convertkit.pytorch.engine import read_engine, use_engine

Module = Callable[..., Any]


def load_model(path: str, loader: Loader | None) -> Module:
    """The callable model, in eval mode where it has modes. The file was checked before it came here."""
    if loader is None:
        raise ModelFileError(f"{path}: no loader for a PyTorch file")
    model = read_model(path, loader)
    cast_inputs(model, loader.casts)
    return model


def read_model(path: str, loader: Loader) -> Module:
    """The model as the file has it, in eval mode."""
    if loader.search_path:  # the user's own code, which may read files by their relative names
        os.chdir(loader.search_path)
        if loader.search_path not in sys.path:
            sys.path.insert(0, loader.search_path)
    model: Module
    if loader.kind == "exported-program":
        register_quantized_operators()
        model = torch.export.load(path).module()
        return model
    if loader.kind == "torchscript":
        engine = read_engine(path)
        if engine is not None:
            use_engine(engine)  # weights are packed for it while they are loaded
        model = torch.jit.load(path, map_location="cpu")
        return model.eval()  # type: ignore[attr-defined,no-any-return]
    if loader.kind == "module":
        model = torch.load(path, map_location="cpu", weights_only=False)
        if not isinstance(model, torch.nn.Module):
            raise ModelFileError(f"{path} holds a {type(model).__name__}, not an nn.Module")
        return model.eval()
    return load_with_factory(path, loader)


def register_quantized_operators() -> None:
    """Make the operators of PT2E programs known; where this PyTorch has them no more, loading names them."""
    with contextlib.suppress(ImportError):
        importlib.import_module("torch.ao.quantization.fx._decomposed")


def load_with_factory(path: str, loader: Loader) -> torch.nn.Module:
    """An `nn.Module` from the factory, with the file's state dict loaded into it.

    Raises:
        UsageError: the factory cannot be imported or does not return an `nn.Module`.
        ModelFileError: the state dict does not fit the module.
    """
    model = build_module(loader.factory or "")
    if loader.kind == "safetensors":
        state = safetensors.torch.load_file(path)
    else:
        state = find_state_dict(torch.load(path, map_location="cpu", weights_only=True), model)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reasons = " ".join(line.strip() for line in str(error).splitlines()[1:])
        raise ModelFileError(
            f"{path} does not fit what {loader.factory} builds: {reasons[:300]}",
            hint="is it the factory of this very model?",
        ) from None
    return model.eval()


def build_module(factory: str) -> torch.nn.Module:
    """Call `MODULE:CALLABLE`."""
    module_name, _, attribute = factory.partition(":")
    try:
        built = getattr(importlib.import_module(module_name), attribute)()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"--factory {factory}: {error}", hint="MODULE:CALLABLE, importable from the current folder"
        ) from None
    if not isinstance(built, torch.nn.Module):
        raise UsageError(f"--factory {factory} returned a {type(built).__name__}, not an nn.Module")
    return built


def find_state_dict(loaded: Any, model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state dict within a checkpoint: itself, or the one entry that is a dict of tensors."""
    names = set(model.state_dict())
    candidates = [loaded, *(loaded.values() if isinstance(loaded, dict) else ())]
    dicts = [c for c in candidates if isinstance(c, dict) and any(torch.is_tensor(v) for v in c.values())]
    if not dicts:
        raise ModelFileError("the file holds no state dict")
    return max(dicts, key=lambda candidate: len(names & set(candidate)))
