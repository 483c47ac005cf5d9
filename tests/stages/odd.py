"""The odd models as sources. A process of its own writes their weights: torch stays out of this one."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.signature import Arrays
from tests.conftest import ROOT, Lab

RANDOM = np.random.default_rng(0)
SAMPLES: dict[str, Arrays] = {
    "branch": {"x": RANDOM.normal(size=(64, 8)).astype(np.float32)},
    "recurrent": {"x": RANDOM.normal(size=(64, 12, 8)).astype(np.float32)},
    "words": {"x": RANDOM.integers(0, 100, (64, 7))},
    "upsampling": {"x": RANDOM.normal(size=(64, 3, 16, 16)).astype(np.float32)},
    "layerless": {"x": RANDOM.normal(size=(64, 8)).astype(np.float32)},
}
GRAPH: Arrays = {"x": RANDOM.normal(size=(64, 4, 16)).astype(np.float32)}


def odd_sources(lab: Lab) -> dict[str, Artifact]:
    """Every odd model, as a state dict with its factory; `graph` as an exported program."""
    folder = lab.path("odd")
    folder.mkdir()
    code = f"from tests.stages.odd_models import save_all; save_all({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    sources = {name: lab.source(str(folder / f"{name}.pt"), loader(name), SAMPLES[name]) for name in SAMPLES}
    program = lab.source(str(folder / "graph.pt2"), Loader("exported-program"), GRAPH)
    return sources | {"graph": program}


def loader(name: str) -> Loader:
    """How an odd model is opened."""
    return Loader("state-dict", f"tests.stages.odd_models:{name}", search_path=str(ROOT))
