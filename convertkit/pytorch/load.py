"""Open PyTorch files by their loader. The files were checked before they came here."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import safetensors.torch
import torch

from convertkit.artifacts.artifact import Loader
from convertkit.errors import ModelFileError
from convertkit.pytorch.casts import cast_inputs
from convertkit.pytorch.checkpoint import Allowed, fit_state, load_state
from convertkit.pytorch.engine import read_engine, use_engine
from convertkit.pytorch.factory import build_module
from convertkit.pytorch.huggingface import open_folder
from convertkit.pytorch.pickled import load_pickle, open_pickle

Module = Callable[..., Any]


class Opened(NamedTuple):
    """A model, and what was done to open it, one line each."""

    model: Module
    notes: tuple[str, ...] = ()


def load_model(path: str, loader: Loader | None) -> Module:
    """The callable model, in eval mode where it has modes. The file was checked before it came here."""
    return open_model(path, loader).model


def open_model(path: str, loader: Loader | None) -> Opened:
    """The callable model as `load_model` gives it, and what was done to open it."""
    if loader is None:
        raise ModelFileError(f"{path}: no loader for a PyTorch file")
    opened = read_model(path, loader)
    cast_inputs(opened.model, loader.casts)
    return opened


def read_model(path: str, loader: Loader) -> Opened:
    """The model as the file has it, in eval mode."""
    if loader.search_path:  # the user's own code, which may read files by their relative names
        os.chdir(loader.search_path)
        if loader.search_path not in sys.path:
            sys.path.insert(0, loader.search_path)
    if loader.kind == "exported-program":
        register_quantized_operators()
        return Opened(torch.export.load(path).module())
    if loader.kind == "torchscript":
        engine = read_engine(path)
        if engine is not None:
            use_engine(engine)  # weights are packed for it while they are loaded
        return Opened(torch.jit.load(path, map_location="cpu").eval())
    if loader.kind == "huggingface":
        folder = open_folder(path, loader)
        return Opened(folder.model, folder.notes)
    if loader.factory is None:
        return Opened(*open_pickle(path))
    return load_with_factory(path, loader, loader.factory)


def register_quantized_operators() -> None:
    """Make the operators of PT2E programs known; where this PyTorch has them no more, loading names them."""
    with contextlib.suppress(ImportError):
        importlib.import_module("torch.ao.quantization.fx._decomposed")


def load_with_factory(path: str, loader: Loader, factory: str) -> Opened:
    """An `nn.Module` from the factory, with the file's weights loaded into it.

    Raises:
        UsageError: the factory cannot be imported or does not return an `nn.Module`.
        ModelFileError: the weights do not fit the module.
    """
    model = build_module(factory, loader.factory_args)
    loaded = read_weights(path, loader)
    fitted = fit_state(loaded, model.state_dict())
    allowed = Allowed(loader.allow_missing, loader.allow_extra)
    notes = load_state(model, fitted, allowed, f"{path} does not fit what {factory} builds")
    return Opened(model.eval(), (*fitted.notes, *notes))


def read_weights(path: str, loader: Loader) -> Any:
    """What a file of weights holds; a pickle that is no data only where that was allowed."""
    if loader.kind == "safetensors":
        return safetensors.torch.load_file(path)
    if loader.kind == "module":
        return load_pickle(path)
    return torch.load(path, map_location="cpu", weights_only=True)
