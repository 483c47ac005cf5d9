"""Why a PyTorch model cannot be converted as it is, in plain words: training mode, state, noise, types.

Found by running it twice on the same inputs, the second time with every operator watched. Runs in a worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from convertkit.errors import ModelFileError
from convertkit.pytorch.casts import HALVES
from convertkit.pytorch.half import half_weights
from convertkit.pytorch.load import Module
from convertkit.pytorch.outputs import complex_names, flatten_outputs, run_once
from convertkit.pytorch.watch import Call, Run, watch

NOISE = 1e-3  # of an output's largest value: more than any two kernels differ by
MOST_NAMED = 3
READS = frozenset(["is_nonzero", "item", "_local_scalar_dense"])
DROPS = "dot_product_attention"  # which has a dropout, and here it drops nothing
EXPORTED = "exported-program"
TRAINING_HINT = (
    "call model.eval() before torch.export.export or torch.jit.trace; "
    "a functional dropout needs training=self.training"
)
STATE_HINT = (
    "no format keeps a state between calls: take it as an input and return the new value as an output, or "
    "leave the update out in eval mode"
)
EMPTY_HINT = "leave it out of what the model returns: there is nothing to compare"
RANDOM_HINT = "leave the noise out in eval mode, or take it as an input"

Outputs = dict[str, torch.Tensor]
Buffers = dict[str, torch.Tensor]


class Seen(NamedTuple):
    """What the operators of one run tell: where it trains, and where it may draw random numbers."""

    training: list[str]
    random: list[str]
    half: list[str]


class Checked(NamedTuple):
    """The outputs of a model that can be converted, the half precision that it computes in, or none, and the
    names of complex outputs, which are two each.
    """

    outputs: Outputs
    half: str
    complex: tuple[str, ...] = ()


def run_checked(model: Module, kind: str, arrays: list[Any]) -> Checked:
    """The outputs for these inputs, if there is none of the known reasons why a model cannot be converted.

    Args:
        model: as it was loaded; it has not run yet.
        kind: of its loader.

    Raises:
        SamplesError: the model does not take the inputs.
        ModelFileError: it runs as in training, changes its buffers, or gives other outputs in every call,
            or one without elements.
    """
    before = buffers(model)
    first = run_once(model, arrays)
    refuse_empty(first)
    between = buffers(model)
    seen = Seen([], [], half_weights(model))
    inputs = [torch.from_numpy(np.asarray(values, order="C")) for values in arrays]
    try:
        given = watch(model, inputs, Watcher(seen))
        second = flatten_outputs(given)
    except Exception:  # what cannot be watched has run all the same, and its gates will tell
        return Checked(first, next(iter(seen.half), ""))
    refuse_training(seen, kind)
    is_steady = not differ(first, second) or not differ(first, run_once(model, arrays))
    changed = changes(between, buffers(model))
    if not is_steady or kind == EXPORTED:  # others may keep what they computed once
        changed = [*changes(before, between), *changed]
    refuse_state(list(dict.fromkeys(changed)))
    if not is_steady:
        refuse_noise(seen)
    return Checked(first, next(iter(seen.half), ""), tuple(complex_names(given)))


def read_values(model: Module, inputs: Sequence[torch.Tensor]) -> list[str]:
    """Where a model reads the value of a tensor into Python, as `if x.sum() > 0` does: `in 'body'`."""
    places: list[str] = []

    def note(call: Call, run: Run) -> Any:
        if call.operator in READS:
            places.append(f"in '{call.module}'" if call.module else "in its own forward")
        return run()

    try:
        watch(model, inputs, note)
    except Exception:  # what cannot be watched is judged by what it gives
        return []
    return list(dict.fromkeys(places))


def refuse_training(seen: Seen, kind: str) -> None:
    """Raise for operators that run as in training."""
    if not seen.training:
        return
    how = "was exported" if kind == EXPORTED else "runs as"
    raise ModelFileError(f"the model {how} in training mode: {named(seen.training)}", hint=TRAINING_HINT)


def refuse_empty(outputs: Outputs) -> None:
    """Raise for an output that has no elements."""
    for name, value in outputs.items():
        if not value.numel():
            raise ModelFileError(f"output '{name}' has no elements: {list(value.shape)}", hint=EMPTY_HINT)


def refuse_state(changed: list[str]) -> None:
    """Raise for buffers that a call changes."""
    if changed:
        noun = "buffer" if len(changed) == 1 else "buffers"
        raise ModelFileError(f"a call of the model changes its {noun} {named(changed)}", hint=STATE_HINT)


def refuse_noise(seen: Seen) -> None:
    """Raise for outputs that are others in every call."""
    message = "the model gives other outputs at a second call with the same inputs"
    if seen.random:
        raise ModelFileError(f"{message}: it draws random numbers, {named(seen.random)}", hint=RANDOM_HINT)
    raise ModelFileError(f"{message}: it keeps a state outside of its buffers", hint=STATE_HINT)


def named(words: Iterable[str]) -> str:
    """The first few of some words, each once."""
    every = list(dict.fromkeys(words))
    more = f" and {len(every) - MOST_NAMED} more" if len(every) > MOST_NAMED else ""
    return ", ".join(every[:MOST_NAMED]) + more


def buffers(model: Module) -> Buffers:
    """Copies of a model's buffers."""
    if not isinstance(model, nn.Module):
        return {}
    return {name: value.detach().clone() for name, value in model.named_buffers()}


def changes(before: Buffers, after: Buffers) -> list[str]:
    """Names of the buffers that have other values of the same shape; NaN is as good as NaN."""
    return [
        name
        for name, value in after.items()
        if name in before and before[name].shape == value.shape and not same(before[name], value)
    ]


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """True where all values are equal."""
    return bool(((one == other) | ((one != one) & (other != other))).all())


def differ(one: Outputs, other: Outputs) -> bool:
    """True where a float output has other sizes, or values apart by more than noise."""
    return any(
        value.shape != other[name].shape or apart(value.double(), other[name].double())
        for name, value in one.items()
        if value.is_floating_point()
    )


def apart(one: torch.Tensor, other: torch.Tensor) -> bool:
    """True where values differ by more than noise, or one is NaN and the other is not."""
    unlike = (one != other) & ~((one != one) & (other != other))
    error = (one - other)[unlike].abs()
    largest = one[one.isfinite()].abs().max() if bool(one.isfinite().any()) else torch.tensor(0.0)
    return bool((~(error <= NOISE * largest)).any())


class Watcher:
    """Writes down the operators that run as in training, and those that draw random numbers."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def __call__(self, call: Call, run: Run) -> Any:
        """The operator's result."""
        where = f" in '{call.module}'" if call.module else ""
        what = training_act(call)
        if what:
            self._seen.training.append(what + where)
        elif call.is_random and given_mode(call) is not False and DROPS not in call.operator:
            self._seen.random.append(call.operator + where)
        result = run()
        if not self._seen.half and isinstance(result, torch.Tensor) and result.dtype in HALVES:
            self._seen.half.append(HALVES[result.dtype])
        return result


def given_mode(call: Call) -> Any:
    """Whether an operator is told to train; None where it has no such argument."""
    return call.arguments.get("train", call.arguments.get("training"))


def training_act(call: Call) -> str:
    """What an operator does that it would not do in eval mode; empty where it does nothing of the kind.

    Dropout of nothing, and BatchNorm without statistics of its own, are the same in both modes.
    """
    given = call.arguments
    trains = given_mode(call) is True or "with_update" in call.operator
    share = given.get("dropout_p", 0.0)
    if trains:
        share = share or given.get("p", 0.0) or given.get("dropout", 0.0)
    if share:
        return f"{call.operator} drops {share:.0%}"
    if (trains or given.get("use_input_stats") is True) and given.get("running_mean") is not None:
        return f"{call.operator} uses the statistics of its batch"
    return f"{call.operator} is random" if trains and call.operator.startswith("rrelu") else ""
