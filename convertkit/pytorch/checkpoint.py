"""Checkpoints: which of their entries are the weights, and how their keys become a module's. In a worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch

from convertkit.errors import ModelFileError
from convertkit.pytorch.factory import ARGUMENTS

AVERAGES = ("ema", "model_ema", "state_dict_ema", "ema_state_dict", "params_ema")  # what trainers ship
DEEPEST = 3
COMPILED = "_orig_mod."  # torch.compile puts its module there, at any depth
NO_EFFECT = frozenset(  # buffers that a module makes itself, or that only training counts
    (
        "position_ids",
        "num_batches_tracked",
        "inv_freq",
        "relative_position_index",
        "total_ops",
        "total_params",
    )
)
SHOWN = 4

State = dict[str, torch.Tensor]


class Entry(NamedTuple):
    """A dict of tensors within a checkpoint, and the keys that lead to it: none where it is the whole."""

    path: tuple[str, ...]
    state: State

    @property
    def is_average(self) -> bool:
        """True for an average of the weights."""
        return any(key in AVERAGES for key in self.path)


class Fitted(NamedTuple):
    """A state dict, its keys as near to a module's names as they come, and what was done for that."""

    state: State
    notes: tuple[str, ...]


def fit_state(loaded: Any, names: Collection[str]) -> Fitted:
    """The state dict in a checkpoint that has most of a module's names.

    An average of the weights (`ema`) is taken before the weights themselves where both have as many.

    Args:
        loaded: what the file holds.
        names: of the module's parameters and buffers.

    Raises:
        ModelFileError: the checkpoint has no tensors.
    """
    found = [(entry, fit_keys(entry.state, names)) for entry in entries(loaded)]
    if not found:
        raise ModelFileError("the file holds no state dict")
    counts = [len(fitted.state.keys() & set(names)) for _, fitted in found]
    best = [pair for pair, count in zip(found, counts, strict=True) if count == max(counts)]
    entry, fitted = next((pair for pair in best if pair[0].is_average), best[0])
    if not entry.path:
        return fitted
    told = f"the weights are the checkpoint's '{'.'.join(entry.path)}'"
    others = [".".join(other.path) for other, _ in best if other is not entry and other.path]
    also = f"; '{', '.join(others[:SHOWN])}' would fit as well" if others else ""
    return Fitted(fitted.state, (told + also, *fitted.notes))


def entries(value: Any, path: tuple[str, ...] = ()) -> Iterator[Entry]:
    """Every dict of tensors in what a checkpoint holds; a module in it counts by its state dict."""
    if isinstance(value, torch.nn.Module):
        value = value.state_dict()
    if not isinstance(value, Mapping):
        return
    state = {str(key): item for key, item in value.items() if torch.is_tensor(item)}
    if state:
        yield Entry(path, state)
    for key, item in value.items():
        if len(path) < DEEPEST and not torch.is_tensor(item):
            yield from entries(item, (*path, str(key)))


def fit_keys(state: State, names: Collection[str]) -> Fitted:
    """The state dict without what wrappers put into its keys, where that makes more of them fit."""
    notes: tuple[str, ...] = ()
    if any(COMPILED in key for key in state) and not any(COMPILED in name for name in names):
        state = {key.replace(COMPILED, ""): value for key, value in state.items()}
        notes = (f"'{COMPILED}' of torch.compile is stripped from the keys",)
    prefix = common_prefix(state, names)
    if not prefix:
        return Fitted(state, notes)
    kept = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    rest = {key: value for key, value in state.items() if not key.startswith(prefix) and key not in kept}
    return Fitted(kept | rest, (*notes, f"the prefix '{prefix}' is stripped from the keys"))


def common_prefix(keys: Iterable[str], names: Collection[str]) -> str:
    """What stands before a module's names in most keys; empty where most are names as they are."""
    wanted = set(names)
    counts: Counter[str] = Counter()
    for key in keys:
        parts = key.split(".")
        tails = (".".join(parts[start:]) for start in range(len(parts)))
        counts.update(key[: len(key) - len(tail)] for tail in tails if tail in wanted)
    best = max(counts.values(), default=0)
    return min((prefix for prefix, count in counts.items() if count == best), key=len, default="")


class Allowed(NamedTuple):
    """Patterns of keys that the file may lack, and of keys that it may have besides the module's."""

    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


def load_state(model: torch.nn.Module, fitted: Fitted, allowed: Allowed, told: str) -> tuple[str, ...]:
    """Load a state dict into a module, all of it, in place.

    Buffers without effect may be missing or more; other keys only where that is allowed.

    Args:
        told: how an error begins: which file does not fit which factory.

    Returns:
        What was left out, one line each.

    Raises:
        ModelFileError: it does not fit.
    """
    own = model.state_dict()
    missing = [name for name in own if name not in fitted.state]
    extra = [name for name in fitted.state if name not in own]
    refuse_unfit(fitted.state, own, told)
    refuse_keys(unexcused(missing, allowed.missing), unexcused(extra, allowed.extra), told)
    model.load_state_dict({key: value for key, value in fitted.state.items() if key in own}, strict=False)
    notes = [f"not in the file, left as the factory made them: {some(missing)}"] if missing else []
    notes += [f"in the file, and not in the module: {some(extra)}"] if extra else []
    return tuple(notes)


def unexcused(keys: Iterable[str], patterns: tuple[str, ...]) -> list[str]:
    """The keys that have an effect and that no pattern allows."""
    return [
        key
        for key in keys
        if key.rpartition(".")[2] not in NO_EFFECT and not any(fnmatchcase(key, p) for p in patterns)
    ]


def refuse_unfit(state: State, own: State, told: str) -> None:
    """Raise ModelFileError for tensors of another shape."""
    unlike = [key for key, value in state.items() if key in own and own[key].shape != value.shape]
    if unlike:
        sizes = (f"'{k}' is {list(state[k].shape)}, the module's is {list(own[k].shape)}" for k in unlike)
        raise ModelFileError(
            f"{told}: {', '.join(list(sizes)[:SHOWN])}",
            hint=f"it is built with other numbers than this file's; {ARGUMENTS}",
        )


def refuse_keys(missing: list[str], extra: list[str], told: str) -> None:
    """Raise ModelFileError for keys that are missing, or more than the module's."""
    if not missing and not extra:
        return
    parts = [f"the file lacks {some(missing)}"] if missing else []
    parts += [f"the module has no {some(extra)}"] if extra else []
    flags = [f"--allow-missing '{common_pattern(missing)}'"] if missing else []
    flags += [f"--allow-extra '{common_pattern(extra)}'"] if extra else []
    hint = f"is it the factory of this very model? if so: {' '.join(flags)}"
    raise ModelFileError(f"{told}: {'; '.join(parts)}", hint=hint)


def some(keys: list[str]) -> str:
    """The first few keys, and how many more there are."""
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + more


def common_pattern(keys: list[str]) -> str:
    """A pattern of these keys: the key itself, or the names that they all begin with."""
    if len(keys) == 1:
        return keys[0]
    shared: list[str] = []
    for parts in zip(*(key.split(".") for key in keys), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join([*shared, "*"])
