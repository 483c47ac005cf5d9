"""A pickled module, alone or within a checkpoint, made ready to convert. Runs in a worker, with consent."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from convertkit.causes import caused
from convertkit.errors import MissingDependencyError, ModelFileError
from convertkit.pytorch.casts import HALVES

ENTRIES = ("ema", "model_ema", "model", "net", "module", "network", "generator")  # the likeliest first
WRAPPERS = {"_orig_mod": "torch.compile", "module": "DataParallel"}
EXPORT_FORMAT = "tflite"  # Ultralytics: boxes as fractions of the image, beside scores of the same size


class Pickled(NamedTuple):
    """A module, and what was done to it, one line each."""

    module: nn.Module
    notes: tuple[str, ...]


def load_pickle(path: str) -> Any:
    """What the file holds, its code run.

    Raises:
        MissingDependencyError: its classes are of a package that is not here.
        ModelFileError: it cannot be loaded.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        raise MissingDependencyError(
            f"{path} is made of classes of '{package}', which cannot be imported here",
            hint=f"run in the folder that {package} lies in, or: pip install {package}",
        ) from error
    except Exception as error:  # classes that changed since raise anything
        raise ModelFileError(
            f"{path} cannot be unpickled: {caused(error)[:300]}",
            hint="save its state dict where it was trained, and give that with --factory",
        ) from error


def open_pickle(path: str) -> Pickled:
    """The module in a file, unwrapped, in float32 and in eval mode, its heads set to export.

    Raises:
        ModelFileError: it holds no module.
    """
    module, notes = find_module(load_pickle(path), path)
    while type(module).__name__ in ("OptimizedModule", "DataParallel", "DistributedDataParallel"):
        name = next(name for name in WRAPPERS if hasattr(module, name))
        module, notes = getattr(module, name), (*notes, f"taken out of its wrapper of {WRAPPERS[name]}")
    return Pickled(module.eval(), (*notes, *set_to_export(module)))


def find_module(loaded: Any, path: str) -> tuple[nn.Module, tuple[str, ...]]:
    """The module that a file holds: the whole, or the likeliest entry of a checkpoint, cast to float32.

    Raises:
        ModelFileError: there is none.
    """
    if isinstance(loaded, nn.Module):
        return loaded, ()
    parts = loaded if isinstance(loaded, dict) else {}
    modules = {str(key): value for key, value in parts.items() if isinstance(value, nn.Module)}
    name = next((name for name in (*ENTRIES, *modules) if name in modules), None)
    if name is None:
        told = f"{path} holds a {type(loaded).__name__}, not an nn.Module"
        hint = "if it holds a state dict, name what builds its module: --factory MODULE:CALLABLE"
        raise ModelFileError(told, hint=hint if parts else "")
    module = modules[name]
    notes = [f"the model is the checkpoint's '{name}'"]
    halves = sorted({HALVES[p.dtype] for p in module.parameters() if p.dtype in HALVES})
    if halves:
        module = module.float()
        notes.append(f"its weights are kept as {', '.join(halves)}, and cast to float32")
    return module, tuple(notes)


def set_to_export(model: nn.Module) -> tuple[str, ...]:
    """Put every part that knows an export mode into it, sizes free; what was set, one line.

    Ultralytics' heads have `export`, `format` and `dynamic`: in export mode they give predictions alone.
    """
    parts = []
    for name, module in model.named_modules():
        if not isinstance(vars(module).get("export", getattr(type(module), "export", None)), bool):
            continue
        settings: dict[str, Any] = {"export": True, "format": EXPORT_FORMAT, "dynamic": True}
        for key, value in settings.items():
            if hasattr(module, key):
                setattr(module, key, value)
        parts.append(f"'{name}'" if name else "the model itself")
    return (f"in export mode, format {EXPORT_FORMAT}: {', '.join(parts)}",) if parts else ()
