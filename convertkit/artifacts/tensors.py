"""Named arrays on disk: `.npz`, never pickle."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from convertkit.artifacts.signature import Arrays


def read_npz(path: str | Path) -> Arrays:
    """All arrays of an `.npz` that this program wrote."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def write_npz(path: str | Path, arrays: Arrays) -> None:
    """Write named arrays, uncompressed. The same arrays give the same bytes, under any name (also `file`)."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(values), allow_pickle=False)
