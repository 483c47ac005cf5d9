"""Samples that a Python caller has in memory become files, and what was decided about them is said."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array, Arrays
from convertkit.artifacts.tensors import write_npz
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import ConvertkitError
from convertkit.run.in_memory import NEEDED
from convertkit.samples.handed import Handed, read_handed
from convertkit.samples.inputs import parse_input, take_bounds
from convertkit.samples.leaves import is_leaf
from convertkit.samples.samples import MOST_CALIBRATION
from convertkit.sources import inspect_source
from convertkit.storage.temporary import temporary_folder
from convertkit.words import Words, worded_recipe

Word = Literal["samples", "calibration_samples"]
WORDS: tuple[Word, ...] = ("samples", "calibration_samples")


class ModelInputs(msgspec.Struct, frozen=True):
    """What a model says of its inputs before it is opened.

    Attributes:
        count: how many it needs; None where it does not tell.
        ranks: how many axes each has; empty where it does not tell.
        takes: whether it runs on these arrays in order; None where it cannot be asked.
        is_double: whether it computes in float64.
    """

    count: int | None = None
    ranks: tuple[int, ...] = ()
    takes: Callable[[list[Array]], bool] | None = None
    is_double: bool = False


@contextmanager
def samples_as_files(words: Words, model: Any) -> Iterator[tuple[Words, tuple[str, ...]]]:
    """The words with paths where samples were in memory, for as long as they are needed, and notes on them.

    Args:
        model: the path or the object that the samples are for.

    Raises:
        SamplesError: one is nothing that holds samples.
    """
    given = {word: words[word] for word in WORDS if not is_path(words.get(word))}
    if not given:
        yield words, ()
        return
    rest: Words = {**words}
    for word in given:
        rest[word] = None
    limit = most_samples(worded_recipe(**rest).sampling)
    notes: list[str] = []
    with temporary_folder() as folder:
        for word, value in given.items():
            handed = read_for(value, limit, words, model)
            file = folder / f"{word}.npz"
            write_npz(file, handed.content)
            rest[word] = str(file)
            notes += handed.notes
        yield rest, tuple(dict.fromkeys(notes))


def is_path(value: Any) -> bool:
    """True for a path, and for nothing at all."""
    return value is None or isinstance(value, str | os.PathLike)


def most_samples(options: SampleOptions) -> int:
    """The most samples that a run uses."""
    return options.validation + (options.calibration or MOST_CALIBRATION)


def read_for(value: Any, limit: int, words: Words, model: Any) -> Handed:
    """The samples as this model takes them.

    Raises:
        SamplesError: they are no samples.
    """
    is_plain = isinstance(value, Mapping) or is_leaf(value)
    inputs = module_inputs(model) or (ModelInputs() if is_plain else file_inputs(words, model))
    handed = read_handed(value, limit, inputs.count)
    if handed.is_open and are_batches(handed, inputs):
        count = len(next(iter(handed.arrays.values())))
        handed = handed.joined()
        note = f"the {count} items of the samples were read as batches, since the model takes each as it is"
        handed = msgspec.structs.replace(handed, notes=(*handed.notes, note))
    return msgspec.structs.replace(handed, arrays=singles(handed.arrays, inputs))


def are_batches(handed: Handed, inputs: ModelInputs) -> bool:
    """Whether each stacked item is what the model takes in one call."""
    items = list(handed.arrays.values())
    if inputs.ranks:
        return len(items) == len(inputs.ranks) and all(
            item.ndim - 1 == rank for item, rank in zip(items, inputs.ranks, strict=True)
        )
    if inputs.takes is None or any(item.ndim < 3 for item in items):
        return False
    return inputs.takes([np.concatenate(list(item[:2])) for item in items])


def singles(arrays: Arrays, inputs: ModelInputs) -> Arrays:
    """float64, which Python's floats and data frames are, as float32 where the model has other weights."""
    if inputs.is_double or inputs.takes is None:
        return arrays
    return {name: v.astype(np.float32) if v.dtype == np.float64 else v for name, v in arrays.items()}


def module_inputs(model: Any) -> ModelInputs | None:
    """What an `nn.Module` in memory tells; None for anything else."""
    model = model[0] if isinstance(model, tuple) and model else model
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        return None

    def takes(arrays: list[Array]) -> bool:
        was_training = model.training
        try:
            with torch.inference_mode():
                model.eval()(*(torch.from_numpy(values) for values in arrays))
        except Exception:  # a model may raise anything; here it only means no
            return False
        finally:
            model.train(was_training)
        return True

    is_double = any(weight.dtype == torch.float64 for weight in model.parameters())
    return ModelInputs(count_parameters(model), takes=takes, is_double=is_double)


def count_parameters(model: Any) -> int | None:
    """How many arguments `forward` needs; None where its signature does not tell."""
    try:
        parameters = inspect.signature(getattr(model, "_orig_mod", model).forward).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in NEEDED and p.default is inspect.Parameter.empty for p in parameters)


def file_inputs(words: Words, model: Any) -> ModelInputs:
    """What `inputs`, or a model file, tells; nothing where it cannot be read, which is said later."""
    plain = [take_bounds(text)[0] for text in words.get("inputs") or ()]
    told = [parse_input(text) for text in plain if ":" in text]
    if told:
        return ModelInputs(len(told), tuple(len(spec.shape) for spec in told))
    if not isinstance(model, str | os.PathLike):
        return ModelInputs()
    try:
        file = inspect_source(Path(model))
    except ConvertkitError:
        return ModelInputs()
    count = len(file.inputs) or len(file.input_names) or None
    return ModelInputs(count, tuple(len(spec.shape) for spec in file.inputs))
