"""A model that a Python caller has in memory becomes a file that the run starts from."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convertkit.causes import first_line
from convertkit.errors import ModelFileError
from convertkit.recipe import Recipe
from convertkit.run.in_memory import is_module, saved_module
from convertkit.storage.temporary import temporary_folder

TAKEN = "a path, an nn.Module, an ExportedProgram, a ScriptModule, a Keras model, or (nn.Module, state dict)"
WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}
PREFIXES = ("module.", "_orig_mod.")


def is_file(model: Any) -> bool:
    """True for a path."""
    return isinstance(model, str | os.PathLike)


@contextmanager
def model_as_file(model: Any, recipe: Recipe) -> Iterator[tuple[Path, Recipe]]:
    """A temporary file of the model, and the recipe with what it tells of the inputs.

    Raises:
        ModelFileError: it is no model, or cannot be saved as a file.
    """
    model = unwrapped(with_weights(model))
    if is_module(model) and not is_script(model):
        with saved_module(model, recipe) as saved:
            yield saved
        return
    with temporary_folder() as folder:
        yield write_model(model, folder), recipe


def model_name(model: Any) -> str:
    """What the run's folder is called: the class of the model."""
    model = model[0] if isinstance(model, tuple) and model else model
    model = unwrapped(model)
    name = getattr(model, "original_name", "") or getattr(model, "name", "") or type(model).__name__
    return str(name).lower() if str(name).isidentifier() else type(model).__name__.lower()


def unwrapped(model: Any) -> Any:
    """The module that torch.compile or DataParallel is wrapped around."""
    while is_module(model) and type(model).__name__ in WRAPPERS:
        model = getattr(model, WRAPPERS[type(model).__name__])
    return model


def is_script(model: Any) -> bool:
    """True for TorchScript."""
    torch: Any = sys.modules.get("torch")
    return is_module(model) and isinstance(model, torch.jit.ScriptModule)


def with_weights(model: Any) -> Any:
    """A copy of the module with the weights beside it; anything but such a pair as it is.

    Raises:
        ModelFileError: the weights are not those of the module.
    """
    if not isinstance(model, tuple):
        return model
    if len(model) != 2 or not is_module(model[0]) or not isinstance(model[1], Mapping):
        raise not_a_model(model)
    module, weights = copy.deepcopy(unwrapped(model[0])), dict(model[1])
    for prefix in PREFIXES:
        if weights and all(key.startswith(prefix) for key in weights):
            weights = {key.removeprefix(prefix): value for key, value in weights.items()}
    try:
        found = module.load_state_dict(weights, strict=False)
    except (RuntimeError, TypeError, AttributeError) as error:
        told = str(error).strip().splitlines()[-1].strip()
        raise ModelFileError(f"the weights do not fit this {type(module).__name__}: {told}") from error
    missing, extra = list(found.missing_keys), list(found.unexpected_keys)
    if missing or extra:
        parts = [f"lack {', '.join(missing[:3])}"] if missing else []
        parts += [f"have {', '.join(extra[:3])}, which it does not"] if extra else []
        raise ModelFileError(
            f"the weights do not fit this {type(module).__name__}: they {' and '.join(parts)}"
        )
    return module


def write_model(model: Any, folder: Path) -> Path:
    """The file or SavedModel folder of an ExportedProgram, TorchScript or a Keras model.

    Raises:
        ModelFileError: it is none of these, or saving it fails.
    """
    name = model_name(model)
    torch: Any = sys.modules.get("torch")
    keras: Any = sys.modules.get("keras")
    try:
        if torch is not None and isinstance(model, torch.export.ExportedProgram):
            torch.export.save(model, folder / f"{name}.pt2")
            return folder / f"{name}.pt2"
        if is_script(model):
            torch.jit.save(model, str(folder / f"{name}.pt"))
            return folder / f"{name}.pt"
        if keras is not None and isinstance(model, keras.Model):
            model.export(str(folder / name), verbose=False)
            return folder / name
    except Exception as error:  # whatever the framework raises, to the user it is one
        raise ModelFileError(f"this {type(model).__name__} cannot be saved: {first_line(error)}") from error
    raise not_a_model(model)


def not_a_model(model: Any) -> ModelFileError:
    """What to say of something that is no model."""
    if isinstance(model, Mapping):
        return ModelFileError(
            f"the model is of type {type(model).__name__}: weights without a model",
            hint="give the nn.Module beside it: convert((module, weights), …)",
        )
    if isinstance(model, type):
        return ModelFileError(
            f"the model is the class {model.__name__}, not an instance of it", hint=f"{model.__name__}(…)"
        )
    return ModelFileError(f"the model is of type {type(model).__name__}", hint=f"give {TAKEN}")
