"""The corpus of signatures: small models, each with an input, output or axis that real models have."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from benchmarks import signatures_axes, signatures_values

CASES = [*signatures_axes.CASES, *signatures_values.CASES]
BY_NAME = {case.name: case for case in CASES}


def __getattr__(name: str) -> Callable[[], nn.Module]:
    """The builder of a case, for `--factory benchmarks.signatures_models:NAME`."""
    if name not in BY_NAME:
        raise AttributeError(name)
    return BY_NAME[name].model
