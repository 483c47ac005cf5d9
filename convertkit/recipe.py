"""Recipes: everything a run can be told, as YAML. Unknown keys are errors with "did you mean"."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import yaml

from convertkit.config.run_settings import (
    BenchOptions,
    BudgetOptions,
    GateOptions,
    LimitOptions,
    SampleOptions,
)
from convertkit.config.stage_options import Backend, IoType, Layout
from convertkit.errors import UsageError, did_you_mean
from convertkit.registry import STAGES

SUFFIX = ".yaml"
LARGEST_BYTES = 1 << 20


StageTable = msgspec.defstruct(
    "StageTable",
    [(row.name, row.options, row.options()) for row in STAGES],
    frozen=True,
    forbid_unknown_fields=True,
)
"""Options of each stage, under the stage's name."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run is told, besides the model.

    Attributes:
        summary: one line for `convertkit recipes list`.
        to: variants to make.
        samples: path of the samples, relative to the current folder.
        inputs: `NAME:DTYPE[d0,d1,…]`, where the file cannot tell.
        factory: `MODULE:CALLABLE` that builds the `nn.Module` of a state dict.
        layout, io, backend: shorthands for the stage options of the same name.
        device: where latency is measured besides the CPU: `auto`, `cpu`, `cuda`, `cuda:N`.
        budget: what an INT8 artifact has to meet; where it does not, others are tried. None: none are.
    """

    summary: str = ""
    to: tuple[str, ...] = ()
    samples: str | None = None
    inputs: tuple[str, ...] = ()
    factory: str | None = None
    layout: Layout | None = None
    io: IoType | None = None
    backend: Backend | None = None
    device: str = "auto"
    stages: StageTable = StageTable()  # type: ignore[valid-type]
    sampling: SampleOptions = SampleOptions()
    gate: GateOptions = GateOptions()
    budget: BudgetOptions | None = None
    bench: BenchOptions = BenchOptions()
    limits: LimitOptions = LimitOptions()


class StrictLoader(yaml.SafeLoader):
    """YAML's safe loader without aliases (they can expand without bound) and without duplicate keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(None, None, "aliases are not allowed", None)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Refuse a key that stands twice."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                break  # the safe loader's own error follows
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key}' stands twice", node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def recipe_folder() -> Path:
    """Where the recipes that come with convertkit lie: inside the wheel, or in the source tree."""
    packaged = Path(str(resources.files("convertkit"))) / "_recipes"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[1] / "recipes"


def recipe_names() -> list[str]:
    """Names of the recipes that come with convertkit, sorted."""
    return sorted(path.stem for path in recipe_folder().glob(f"*{SUFFIX}"))


def find_recipe(name: str) -> Path:
    """The file of a recipe, given by name or by path.

    Raises:
        UsageError: neither.
    """
    named = recipe_folder() / f"{name}{SUFFIX}"
    if name in recipe_names():
        return named
    path = Path(name)
    with contextlib.suppress(OSError):  # a name that is too long for a file
        if path.is_file():
            return path
    raise UsageError(f"no recipe '{name}'", hint=did_you_mean(name, recipe_names()))


def load_recipe(name: str) -> Recipe:
    """Read a recipe by name or path.

    Raises:
        UsageError: it is not there, not YAML, or has a key or value that recipes do not have.
    """
    path = find_recipe(name)
    if path.stat().st_size > LARGEST_BYTES:
        raise UsageError(f"{path} is {path.stat().st_size >> 20} MiB; no recipe is that large")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), StrictLoader)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, no such date
        reason = " ".join(str(error).split())
        raise UsageError(f"{path} is not a YAML recipe: {reason[:200]}") from None
    return decode_recipe(content if content is not None else {}, str(path))


def decode_recipe(content: Any, origin: str) -> Recipe:
    """A recipe from plain values.

    Raises:
        UsageError: an unknown key (with the nearest known one), or a value of the wrong type.
    """
    if not isinstance(content, dict):
        raise UsageError(f"{origin}: a recipe is a mapping of keys, this is a {type(content).__name__}")
    check_keys(content, Recipe, origin, "")
    try:
        return msgspec.convert(content, Recipe)
    except msgspec.ValidationError as error:
        raise UsageError(f"{origin}: {error}") from None


def check_keys(content: Any, kind: Any, origin: str, prefix: str) -> None:
    """Raise UsageError for a key that the struct does not have, or a word that is no choice, at any depth."""
    if not isinstance(content, dict) or not is_struct(kind):
        return
    fields = {field.encode_name: present(field.type) for field in msgspec.structs.fields(kind)}
    for key, value in content.items():
        if key not in fields:
            raise UsageError(f"{origin}: unknown key '{prefix}{key}'", hint=did_you_mean(str(key), fields))
        choices = choices_of(fields[key])
        for word in value if isinstance(value, list) else [value]:
            if choices and isinstance(word, str) and word not in choices:
                raise UsageError(
                    f"{origin}: {prefix}{key} cannot be '{word}'", hint=did_you_mean(word, choices)
                )
        check_keys(value, fields[key], origin, f"{prefix}{key}.")


def choices_of(kind: Any) -> tuple[Any, ...]:
    """The words that a literal, an optional one, or each of a tuple of them may be; none of other types."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    parts = [part for part in get_args(kind) if part not in (type(None), ...)]
    return choices_of(parts[0]) if len(parts) == 1 else ()


def present(kind: Any) -> Any:
    """The struct of an optional section; any other type as it is."""
    return next(filter(is_struct, get_args(kind)), kind)


def is_struct(kind: Any) -> bool:
    """True for a msgspec struct class."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def recipe_schema() -> dict[str, Any]:
    """JSON schema of a recipe, for editors."""
    return msgspec.json.schema(Recipe)
