"""Where NaN and Inf come from in a PyTorch model: the first operator that makes one of finite values.

Runs in a worker.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils import _pytree

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.pytorch.load import Module, load_model
from convertkit.pytorch.script import tensors
from convertkit.pytorch.watch import Call, Run, watch
from convertkit.samples.representative import calibration_steps
from convertkit.workers.answers import Origin

UNSET = "empty"  # in the names of operators that give memory as it is
WEIGHTS = "its weights"


class Specials(NamedTuple):
    """Whether there is any NaN, and any Inf."""

    nan: bool
    infinity: bool


def find_origins(artifact: Artifact, samples: Arrays, threads: int) -> tuple[Origin | None, Origin | None]:
    """The first operator that makes NaN, and the first that makes Inf, over samples, one call after another.

    Args:
        samples: logical, first axis = sample.

    Returns:
        None where no operator makes one of arguments that have none: it is given, as a mask's -Inf is.
    """
    torch.set_num_threads(threads)
    torch.backends.mha.set_fastpath_enabled(False)  # as in every run; the fast path skips the layers' hooks
    model = load_model(artifact.path, artifact.loader)
    search = Search()
    search.nan = origin_in_weights(model)
    for step in calibration_steps(artifact.signature, samples):
        watch(model, tensors(step), search)
        if search.nan and search.infinity:
            break
    return search.nan, search.infinity


def origin_in_weights(model: Module) -> Origin | None:
    """The first module whose own weights or buffers are NaN."""
    if not isinstance(model, nn.Module):
        return None
    named = (*model.named_parameters(), *model.named_buffers())
    bad = (name for name, values in named if specials(values).nan)
    return next((Origin(name.rpartition(".")[0], WEIGHTS) for name in bad), None)


class Search:
    """Looks at every operator's arguments and results until it knows where NaN and Inf come from.

    NaN that an operator makes of Inf comes from where the Inf does, where the model makes that.
    """

    def __init__(self) -> None:
        self.nan: Origin | None = None
        self.infinity: Origin | None = None

    def __call__(self, call: Call, run: Run) -> Any:
        """The operator's result."""
        if (self.nan and self.infinity) or UNSET in call.operator:
            return run()
        given = specials(call.arguments)
        result = run()
        made = specials(result)
        here = Origin(call.module, call.operator)
        if made.infinity and not (given.infinity or given.nan) and self.infinity is None:
            self.infinity = here
        if made.nan and not given.nan and self.nan is None:
            self.nan = (self.infinity if given.infinity else None) or here
        return result


def specials(values: Any) -> Specials:
    """What is not finite among all tensors and numbers within a structure."""
    nan = infinity = False
    for leaf in _pytree.tree_leaves(values):
        if isinstance(leaf, float):
            leaf = torch.tensor(leaf)
        if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and not leaf.is_quantized:
            nan = nan or bool(leaf.isnan().any())
            infinity = infinity or bool(leaf.isinf().any())
    return Specials(nan, infinity)
