"""Recipes: everything a run can be told, as YAML. Unknown keys are errors with "did you mean"."""

from __future__ import annotations

import contextlib
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from convertkit.config.keys import check_keys, with_lists
from convertkit.config.run_settings import (
    BenchOptions,
    BudgetOptions,
    GateOptions,
    LimitOptions,
    PositiveInt,
    SampleOptions,
)
from convertkit.config.stage_options import IoType, Layout
from convertkit.config.strict_yaml import StrictLoader
from convertkit.config.torch_options import Backend
from convertkit.errors import UsageError, did_you_mean
from convertkit.registry import STAGES

Quality = Literal["fast", "default", "high"]

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
        inputs: `NAME:DTYPE[d0,d1,…]`, where the file cannot tell, or to fix free axes; `AXIS=LOW..HIGH` for
            the sizes of a free axis that are tried.
        bind: `NAME=VALUE`: a constant in place of an input, which the artifacts do not have.
        batch: fix the batch axis at that size.
        static: fix every free axis: the batch at one, others at the samples' sizes.
        output_names: what the outputs are called in every artifact, in their order; empty: as in the model.
        factory: `MODULE:CALLABLE`, or `FILE.py:CALLABLE`, that builds the `nn.Module` of a state dict.
        factory_args: its keyword arguments.
        allow_missing, allow_extra: patterns of keys that a state dict may lack, and may have besides the
            module's.
        layout, io, backend: shorthands for the stage options of the same name.
        quality: a shorthand for `rounding` of the stages that quantize: `fast` to nearest, `default`
            with compensation where that does not pass, `high` both ways, of which the better is kept.
        device: where latency is measured besides the CPU: `auto`, `cpu`, `cuda`, `cuda:N`.
        budget: what an INT8 artifact has to meet; where it does not, others are tried. None: none are.
    """

    summary: str = ""
    to: tuple[str, ...] = ()
    samples: str | None = None
    inputs: tuple[str, ...] = ()
    bind: tuple[str, ...] = ()
    batch: PositiveInt | None = None
    static: bool = False
    output_names: tuple[str, ...] = ()
    factory: str | None = None
    factory_args: dict[str, Any] = {}
    allow_missing: tuple[str, ...] = ()
    allow_extra: tuple[str, ...] = ()
    layout: Layout | None = None
    io: IoType | None = None
    backend: Backend | None = None
    quality: Quality | None = None
    device: str = "auto"
    stages: StageTable = StageTable()  # type: ignore[valid-type]
    sampling: SampleOptions = SampleOptions()
    gate: GateOptions = GateOptions()
    budget: BudgetOptions | None = None
    bench: BenchOptions = BenchOptions()
    limits: LimitOptions = LimitOptions()


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
    content = with_lists(content, Recipe)
    check_keys(content, Recipe, origin, "")
    try:
        return msgspec.convert(content, Recipe)
    except msgspec.ValidationError as error:
        raise UsageError(f"{origin}: {error}") from None


def recipe_schema() -> dict[str, Any]:
    """JSON schema of a recipe, for editors."""
    return msgspec.json.schema(Recipe)
