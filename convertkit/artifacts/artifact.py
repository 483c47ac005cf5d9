"""Artifacts: a variant of a model on disk, and how it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from convertkit.artifacts.formats import Variant
from convertkit.artifacts.signature import Signature


class Loader(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a PyTorch or a Keras file is opened.

    Attributes:
        kind: a `sources.Kind`: exported-program, torchscript, state-dict, safetensors or module.
        factory: `MODULE:CALLABLE`, or `FILE.py:CALLABLE`, that builds the `nn.Module` a state dict is loaded
            into.
        factory_args: its keyword arguments.
        allow_missing, allow_extra: patterns of keys that the weights may lack, and may have besides.
        search_path: folder added to the import path for `factory` and for pickled modules' classes.
        casts: of each input, the half precision that the model takes where it is given another type; empty
            for one that is taken as it is.
        is_code_allowed: of a Keras file: what is no plain layer of Keras may be built.
        compiled: of a PyTorch file: the mode of torch.compile that it is run by; empty: it is run as it is.
    """

    kind: str
    factory: str | None = None
    factory_args: dict[str, Any] = {}
    allow_missing: tuple[str, ...] = ()
    allow_extra: tuple[str, ...] = ()
    search_path: str | None = None
    casts: tuple[str, ...] = ()
    is_code_allowed: bool = False
    compiled: str = ""


class Artifact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model file (or folder) that a runtime can load.

    Attributes:
        variant: format and precision.
        path: absolute path.
        signature: its own (physical) inputs and outputs.
        sha256: of the file, or of a folder's names and contents.
        size_bytes: of the file, or of all files in the folder.
        loader: for PyTorch files only.
        half: the half precision that a source computes in, `float16` or `bfloat16`; empty: none. What is made
            of it computes in float32.
        in_float32: the source itself is run in float32, to see what its half precision loses.
    """

    variant: Variant
    path: str
    signature: Signature
    sha256: str = ""
    size_bytes: int = 0
    loader: Loader | None = None
    half: str = ""
    in_float32: bool = False

    @property
    def file(self) -> Path:
        """`path` as a Path."""
        return Path(self.path)
