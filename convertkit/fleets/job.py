"""One job of a fleet: a model, a recipe with everything settled, the words that do it, and its key."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from convertkit.artifacts.digest import hash_path
from convertkit.environment.own_code import whole_code_hash
from convertkit.errors import UsageError
from convertkit.plan import default_variant
from convertkit.recipe import Recipe
from convertkit.registry import parse_variant
from convertkit.run.prepare import file_stem
from convertkit.words import Words, worded_recipe

RECORDS = ".fleet"


class Job(msgspec.Struct, frozen=True):
    """A model and what it is converted to.

    Attributes:
        name: that of its folder too.
        folder: of its run.
        recipe: settled: every word of the file is in it.
    """

    name: str
    model: str
    folder: str
    recipe: Recipe
    allow_code: bool = False

    @property
    def recipe_file(self) -> Path:
        """Where its recipe is written, beside the folder of its run."""
        return Path(self.folder).parent / RECORDS / f"{self.name}.yaml"

    @property
    def record_file(self) -> Path:
        """Where what became of it is written."""
        return Path(self.folder).parent / RECORDS / f"{self.name}.json"

    def renamed(self, folder: Path) -> Job:
        """The job, with the folder of its model before its name."""
        name = f"{Path(self.model).absolute().parent.name}-{self.name}"
        return msgspec.structs.replace(self, name=name, folder=str(folder / name))

    def words(self) -> list[str]:
        """What `convertkit` is told to do the run, as anybody may tell it by hand."""
        allowed = ["--allow-code"] if self.allow_code else []
        return [
            "convert",
            self.model,
            "--recipe",
            str(self.recipe_file),
            "-o",
            self.folder,
            "--quiet",
            *allowed,
        ]

    @property
    def output(self) -> str:
        """The file that takes what it prints; a conversion prints nothing."""
        return os.devnull

    def write_recipe(self) -> None:
        """Write the settled recipe, which the command names."""
        self.recipe_file.parent.mkdir(parents=True, exist_ok=True)
        content = msgspec.to_builtins(self.recipe)
        self.recipe_file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf-8")


def settle(
    model: Path,
    recipe: str,
    words: Mapping[str, Any],
    name: str,
    suffix: str,
    folder: Path,
    *,
    allow_code: bool,
) -> Job:
    """A job, its recipe and variants checked.

    Raises:
        UsageError: an unknown recipe, key or variant, a value of the wrong type, or nothing to convert to.
    """
    given: Words = {**words, "recipe": recipe or None}  # type: ignore[typeddict-item]
    try:
        settled = worded_recipe(**given)
    except UsageError as error:
        raise UsageError(f"{model}: {error.message}", hint=error.hint) from None
    if not settled.to:
        raise UsageError(f"{model}: nothing to convert to", hint="give it to: [tflite:int8], or a recipe")
    for target in settled.to:
        parse_variant(default_variant(target, has_samples=settled.samples is not None))
    parts = (name or file_stem(model), suffix)
    full = "-".join(part for part in parts if part)
    return Job(full, str(model), str(folder / full), settled, allow_code)


def key_of(job: Job) -> str:
    """SHA-256 of what was asked for, of convertkit's own code, and of the bytes of model and samples."""
    given = [job.model, job.recipe.samples, job.recipe.sampling.calibration_samples]
    contents = [digest_of(path) for path in given if path]
    asked = msgspec.json.encode([whole_code_hash(), job.model, job.allow_code, job.recipe, contents])
    return hashlib.sha256(asked).hexdigest()


def digest_of(path: str) -> str:
    """SHA-256 of a file or folder; empty where there is none, or it cannot be read."""
    try:
        return hash_path(Path(path))[0]
    except OSError:
        return ""
