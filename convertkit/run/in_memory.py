"""An `nn.Module` in memory becomes a `.pt2` file, in the caller's own process, which has torch loaded."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from convertkit.artifacts.signature import TensorSpec
from convertkit.errors import ModelFileError, SamplesError
from convertkit.recipe import Recipe
from convertkit.samples.asked import Asked, asked_of
from convertkit.samples.examples import example_arrays
from convertkit.samples.reading import read_samples
from convertkit.sources.export_words import plain_words
from convertkit.storage.temporary import temporary_folder

NEEDED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def is_module(model: Any) -> bool:
    """True for an `nn.Module`; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def dim_of(torch: Any, asked: Asked, name: str) -> Any:
    """torch.export's own form of a free axis, within the bounds that were asked for."""
    low, high = asked.ranges.get(name, (1, None))
    return torch.export.Dim(name, min=low, max=high)


@contextmanager
def saved_module(model: Any, recipe: Recipe) -> Iterator[tuple[Path, Recipe]]:
    """A temporary `.pt2` of the module in eval mode, its first axis dynamic where the samples allow it; the
    recipe with what it tells of the inputs under the names that these have there.

    Raises:
        ModelFileError: torch.export does not take the module.
    """
    torch = sys.modules["torch"]
    asked = asked_of(recipe)
    path = Path(recipe.samples) if recipe.samples else None
    samples, inputs = read_samples(path, asked.specs(()), recipe.sampling, asked=asked)
    inputs = in_order(model, inputs)
    examples = tuple(torch.from_numpy(values) for values in example_arrays(samples, inputs).values())
    dims: dict[str, Any] = {}
    shapes = tuple(
        {axis: dims.setdefault(name, dim_of(torch, asked, name)) for axis, name in s.dynamic_axes.items()}
        for s in inputs
    )
    was_training = model.training
    try:
        examples = taken_by(torch, model.eval(), examples)
        program = torch.export.export(model, examples, dynamic_shapes=shapes)
    except Exception as error:  # torch.export raises many kinds; to the user they are one
        raise ModelFileError(
            f"torch.export does not take this {type(model).__name__}: {plain_words(error)}",
            hint="save it as TorchScript, or as a state dict with --factory",
        ) from error
    finally:
        model.train(was_training)
    with temporary_folder() as folder:
        file = folder / f"{type(model).__name__.lower()}.pt2"
        torch.export.save(program, file)
        yield file, msgspec.structs.replace(recipe, inputs=told(asked, program.graph_signature.user_inputs))


def in_order(model: Any, inputs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """The inputs in the order of forward's parameters, where all of them are called as these.

    Raises:
        SamplesError: forward needs more of them.
    """
    parameters = inspect.signature(model.forward).parameters
    needed = [name for name, each in parameters.items() if each.kind in NEEDED and each.default is each.empty]
    if len(needed) > len(inputs):
        count = f"{len(inputs)} array{'s' if len(inputs) > 1 else ''}"
        raise SamplesError(
            f"the model takes {', '.join(needed)}, the samples hold {count}",
            hint=f"give a dict: {{{', '.join(f'{name!r}: …' for name in needed)}}}",
        )
    places = {name: place for place, name in enumerate(parameters)}
    if any(spec.name not in places for spec in inputs):
        return inputs
    return tuple(sorted(inputs, key=lambda spec: places[spec.name]))


def taken_by(torch: Any, model: Any, examples: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs in the type that a model takes: as they are, or all floats in its half precision."""
    halves = {t.dtype for t in model.parameters()} & {torch.float16, torch.bfloat16}
    if not halves:
        return examples
    for dtype in (None, *halves):
        cast = examples if dtype is None else floats_as(dtype, examples)
        try:
            with torch.inference_mode():
                model(*cast)
        except RuntimeError:  # the exporter says what is wrong, where none is right
            continue
        return cast
    return examples


def floats_as(dtype: Any, tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    """Tensors, those of floats in this type."""
    return tuple(t.to(dtype) if t.is_floating_point() else t for t in tensors)


def told(asked: Asked, names: Sequence[str]) -> tuple[str, ...]:
    """What was asked of the inputs, in the words of `--input`, the inputs under these names in order."""
    specs = zip(asked.inputs, names, strict=False)
    inputs = [msgspec.structs.replace(spec, name=name).describe() for spec, name in specs]
    return (*inputs, *(f"{name}={low}..{high or ''}" for name, (low, high) in asked.ranges.items()))
