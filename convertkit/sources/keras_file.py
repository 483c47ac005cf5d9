"""A Keras file: `.keras`, an archive whose configuration is checked here; `.h5`, checked in a worker.

Keras builds the classes that a configuration names and fills them with weights. Its own classes are plain; a
Lambda holds code, and a class from elsewhere is imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from convertkit.errors import ModelFileError
from convertkit.sources.archive import Archive
from convertkit.sources.source import Findings, Kind
from convertkit.sources.wording import listed, quoted

CONFIG = "config.json"
LARGEST_CONFIG = 64 << 20
CODE = frozenset(("Lambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"))
HDF5 = b"\x89HDF\r\n"


def read_zip(archive: Archive) -> Findings:
    """Findings on a `.keras` file.

    Raises:
        ModelFileError: it has no configuration that can be read.
    """
    try:
        config = json.loads(archive.read(CONFIG, LARGEST_CONFIG))
    except (ValueError, RecursionError):
        raise ModelFileError("a Keras file whose configuration is damaged") from None
    if not isinstance(config, dict) or "class_name" not in config:
        raise ModelFileError("a Keras file without a model")
    return Findings(
        Kind.KERAS, refusals=refusals_of(config), details={"class": quoted(config["class_name"])[1:-1]}
    )


def read_hdf5() -> Findings:
    """Findings on a `.h5` file: its configuration is read in the worker, and held to the same rules there."""
    return Findings(Kind.KERAS)


def refusals_of(config: Any) -> tuple[str, ...]:
    """Reasons why building what a configuration names would run code that is not Keras's own."""
    strange = [name for module, name in classes(config) if name in CODE or not is_own(module)]
    return (f"it is built of {listed(strange)}, which are not plain layers of Keras",) if strange else ()


def is_own(module: str) -> bool:
    """True for Keras's own modules."""
    return module in ("", "builtins") or module.split(".")[0] == "keras"


def classes(value: Any) -> Iterator[tuple[str, str]]:
    """Module and name of every class that a configuration names; () where it names none."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if isinstance(item.get("class_name"), str):
                package = str(item.get("registered_name") or "").partition(">")
                own = str(item.get("module") or "")
                yield (package[0] if package[1] and not own else own), item["class_name"]
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
