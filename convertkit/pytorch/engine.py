"""The engine of PyTorch's quantized operators: global to the process, and so named in every file made for it.

qnnpack is that of ARM, and runs on x86 too; it scrambles clamps of channels-last tensors, which therefore are
taken out (`pytorch.clamps`). Weights are packed while a file is loaded, in the layout of the engine that is
set at that moment. Runs in a worker.
"""

from __future__ import annotations

import zipfile

import torch

from convertkit.errors import MissingDependencyError

MEMBER = "extra/engine"
ENGINES = ("x86", "fbgemm", "qnnpack")  # onednn saturates without VNNI


def use_engine(name: str) -> None:
    """Set the engine for this process.

    Raises:
        MissingDependencyError: this PyTorch does not have it, or it is one that gives wrong results.
    """
    supported = [engine for engine in torch.backends.quantized.supported_engines if engine in ENGINES]
    if name not in supported:
        raise MissingDependencyError(
            f"this PyTorch cannot run the quantization engine '{name}'",
            hint=f"it has {', '.join(supported)}" if supported else "an x86-64 build of PyTorch has it",
        )
    torch.backends.quantized.engine = name


def read_engine(path: str) -> str | None:
    """The engine that a TorchScript file was made for; None where it names none."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(f"/{MEMBER}"):
                    return archive.read(name)[:32].decode("ascii", "replace")
    except (OSError, zipfile.BadZipFile):
        return None  # whoever loads it says what is wrong with it
    return None
