"""Words: what a recipe is told by keyword in Python and by flag on the command line, over its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

import msgspec

from convertkit.config.keys import set_key, set_value
from convertkit.config.rounding import Rounding
from convertkit.errors import UsageError, did_you_mean
from convertkit.recipe import Quality, Recipe, decode_recipe, load_recipe
from convertkit.registry import STAGES


class WeightWords(TypedDict, total=False):
    """How a state dict becomes a module; `factory_args` is a JSON object, or a mapping."""

    factory: str | None
    factory_args: str | Mapping[str, Any] | None
    allow_missing: Sequence[str]
    allow_extra: Sequence[str]


class Words(WeightWords, total=False):
    """What a recipe is told by keyword in Python and by flag on the command line.

    Attributes:
        recipe: name or file; the other words win over it.
        samples, calibration_samples: paths; in Python also what `convert` takes in their place.
        settings: `KEY=VALUE` for any key of a recipe, dotted: `gate.min_sqnr_db=30`.
        gate: the same for keys of `gate` alone: `delegate=gpu`.
        rescue: search where a hop fails; the recipe's `budget`, or ten minutes.
    """

    recipe: str | None
    to: str | Sequence[str]
    samples: Any
    calibration_samples: Any
    inputs: Sequence[str]
    bind: Sequence[str]
    batch: int | None
    static: bool
    output_names: str | Sequence[str]
    layout: str | None
    io: str | None
    backend: str | None
    quality: str | None
    device: str | None
    timeout: float | None
    sandbox: str | None
    require_sandbox: bool
    settings: Sequence[str]
    gate: Sequence[str]
    rescue: bool
    fold_preprocessing: bool


# The key of a recipe that each word sets; `recipe`, `settings`, `gate` and `rescue` stand for more than one.
KEYS = {
    "to": "to",
    "samples": "samples",
    "calibration_samples": "sampling.calibration_samples",
    "fold_preprocessing": "sampling.fold_preprocessing",
    "inputs": "inputs",
    "bind": "bind",
    "batch": "batch",
    "static": "static",
    "output_names": "output_names",
    "factory": "factory",
    "factory_args": "factory_args",
    "allow_missing": "allow_missing",
    "allow_extra": "allow_extra",
    "layout": "layout",
    "io": "io",
    "backend": "backend",
    "quality": "quality",
    "device": "device",
    "timeout": "limits.run_seconds",
    "sandbox": "limits.sandbox",
    "require_sandbox": "limits.require_sandbox",
}
SHORTHANDS = ("layout", "io", "backend")
ROUNDINGS: dict[Quality, Rounding] = {"fast": "nearest", "default": "auto", "high": "best"}
PLAIN = {"heads": "joined", "integers": "everywhere", "ranges": "minmax"}


def worded_recipe(**words: Unpack[Words]) -> Recipe:
    """The recipe that was named, or an empty one, with what was given besides.

    Raises:
        UsageError: no such recipe, an unknown key, or a value of the wrong type.
        TypeError: no such word.
    """
    for word in words.keys() - Words.__optional_keys__:
        hint = did_you_mean(word, sorted(Words.__optional_keys__))
        raise TypeError(f"unexpected keyword argument '{word}' ({hint})")
    recipe = words.get("recipe")
    return merge(load_recipe(recipe) if recipe else Recipe(), words)


def merge(recipe: Recipe, words: Words) -> Recipe:
    """The recipe with what the words say in its place, and its shorthands in the options of the stages."""
    content = msgspec.to_builtins(recipe)
    if words.get("rescue") and content["budget"] is None:
        content["budget"] = {}
    for word, key in KEYS.items():
        value = words.get(word)
        if value:
            set_value(content, key, plain(word, value))
    for setting in (*words.get("settings", ()), *(f"gate.{one}" for one in words.get("gate", ()))):
        set_key(content, setting)
    return with_shorthands(decode_recipe(content, "options"))


def plain(word: str, value: Any) -> Any:
    """A word's value as a recipe's file would have it: text for a path, a list for several."""
    if word == "factory_args":
        return parse_arguments(value) if isinstance(value, str) else dict(value)
    if word in ("to", "inputs", "bind", "allow_missing", "allow_extra"):
        return [value] if isinstance(value, str) else list(value)
    if word == "output_names" and isinstance(value, str):
        return [name.strip() for name in value.split(",")]
    if word == "output_names":
        return list(value)
    if word in ("batch", "static", "timeout", "require_sandbox", "fold_preprocessing"):
        return value
    return str(value)


def parse_arguments(text: str) -> dict[str, Any]:
    """The keyword arguments that a JSON object holds.

    Raises:
        UsageError: it is none.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        example = "for example --factory-args '{\"num_classes\": 3}'"
        raise UsageError(f"--factory-args '{text}' is no JSON object", hint=example) from None


def with_shorthands(recipe: Recipe) -> Recipe:
    """The recipe with its shorthands written into the options of the stages that have them."""
    content = msgspec.to_builtins(recipe)
    for row in STAGES:
        options = content["stages"][row.name]
        options |= {key: content[key] for key in SHORTHANDS if key in options and content[key]}
        if recipe.quality and "rounding" in options:
            options["rounding"] = ROUNDINGS[recipe.quality]
        if recipe.quality == "fast":
            options |= {key: plain for key, plain in PLAIN.items() if key in options}
    return decode_recipe(content, "options")
