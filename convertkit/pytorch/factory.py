"""Call what builds an `nn.Module`: `MODULE:CALLABLE`, or `path/to/file.py:CALLABLE`. Runs in a worker."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from convertkit.causes import caused, first_line
from convertkit.errors import UsageError

FORM = "MODULE:CALLABLE, importable from the current folder, or path/to/file.py:CALLABLE"
ARGUMENTS = "its keyword arguments, as JSON: --factory-args '{\"NAME\": VALUE}'"


def build_module(factory: str, arguments: Mapping[str, Any]) -> torch.nn.Module:
    """What the factory returns for these keyword arguments.

    Raises:
        UsageError: it cannot be imported or called, or does not return an `nn.Module`.
    """
    where, _, attribute = factory.rpartition(":")
    told = f"--factory {factory}"
    try:
        module = import_file(where) if where.endswith(".py") else importlib.import_module(where)
        function = getattr(module, attribute)
    except (ImportError, AttributeError, OSError, SyntaxError, ValueError) as error:
        raise UsageError(f"{told}: {first_line(error)}", hint=FORM) from None
    try:
        built = function(**arguments)
    except Exception as error:  # it is the user's own code
        hint = ARGUMENTS if isinstance(error, TypeError) else ""
        raise UsageError(f"{told} raised {caused(error)[:300]}", hint=hint) from error
    if not isinstance(built, torch.nn.Module):
        raise UsageError(f"{told} returned a {type(built).__name__}, not an nn.Module")
    return built


def import_file(name: str) -> ModuleType:
    """A Python file as a module of its own name; modules beside it can be imported from it.

    Raises:
        FileNotFoundError: it is not there.
    """
    path = Path(name).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"there is no {name}")
    if path.stem in sys.modules and getattr(sys.modules[path.stem], "__file__", None) == str(path):
        return sys.modules[path.stem]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
