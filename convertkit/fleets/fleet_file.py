"""FLEET.yaml: which models, with which recipes; every job settled and checked before the first one starts."""

from __future__ import annotations

import glob
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from convertkit.config.keys import check_keys
from convertkit.config.strict_yaml import StrictLoader
from convertkit.errors import UsageError, did_you_mean
from convertkit.fleets.job import Job, settle
from convertkit.words import Words

LARGEST_BYTES = 16 << 20
WORDS = sorted(Words.__optional_keys__ - {"recipe"})

Latency = Literal["none", "alone"]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model of the file, or several by a pattern.

    Attributes:
        model: path, or a pattern as of a shell, relative to the current folder.
        name: of the job; empty: the model's, and the recipe's where there is more than one.
        recipes: names or files, a job for each; none: what `words` say alone.
        allow_code: allow the model file to be a program.
        words: what `convert` takes by keyword: `to`, `samples`, `settings`, …
    """

    model: str
    name: str = ""
    recipes: tuple[str, ...] = ()
    allow_code: bool = False
    words: dict[str, Any] = {}


class FleetFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of FLEET.yaml.

    Attributes:
        out: folder of all runs, relative to the current one; empty: `build/<name of the file>`.
        latency: `none`, since jobs share a machine; or `alone`, afterwards, one run at a time on each.
        defaults: words that every entry has unless it says otherwise.
        models: at least one.
    """

    models: tuple[Entry, ...]
    out: str = ""
    latency: Latency = "none"
    defaults: dict[str, Any] = {}


class Fleet(msgspec.Struct, frozen=True):
    """All jobs, settled; `folder` holds one folder for each."""

    origin: str
    folder: Path
    latency: Latency
    jobs: tuple[Job, ...]


def load_fleet(path: Path) -> Fleet:
    """Read a file and settle its jobs.

    Raises:
        UsageError: it is not such a file, names an unknown word or recipe, no model, or one name twice.
    """
    content = read_yaml(path)
    entries = [gathered(entry, str(path)) for entry in content.get("models") or ()]
    content = {**content, "models": entries}
    check_keys(content, FleetFile, str(path), "")
    try:
        file = msgspec.convert(content, FleetFile)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {error}") from None
    if not file.models:
        raise UsageError(f"{path} names no model", hint="models: [{model: model.pt2, to: [tflite:int8]}]")
    folder = Path(file.out or Path("build") / path.stem)
    jobs = tuple(job for entry in file.models for job in jobs_of(entry, file, folder, str(path)))
    return Fleet(str(path), folder, file.latency, with_own_names(jobs, folder, str(path)))


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that the file holds.

    Raises:
        UsageError: it cannot be read, is no YAML, or holds something else.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(f"{path} is {path.stat().st_size >> 20} MiB; no fleet's file is that large")
        content = yaml.load(path.read_text(encoding="utf-8"), StrictLoader)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(content, dict) or not isinstance(content.get("models", []), list):
        raise UsageError(f"{path}: a fleet is a mapping with a list of models", hint="see docs/fleet.md")
    return content


def gathered(entry: Any, origin: str) -> dict[str, Any]:
    """An entry with its words under `words`; a text is a model without any.

    Raises:
        UsageError: it is neither, or has a key that is no word.
    """
    if isinstance(entry, str):
        entry = {"model": entry}
    if not isinstance(entry, dict) or "model" not in entry:
        raise UsageError(f"{origin}: an entry of models has no model", hint="- model: model.pt2")
    own = ("model", "name", "recipes", "allow_code")
    words = {key: value for key, value in entry.items() if key not in own}
    check_words(words, f"{origin}: {entry['model']}", own)
    return {**{key: value for key, value in entry.items() if key in own}, "words": words}


def check_words(words: dict[str, Any], origin: str, own: tuple[str, ...] = ()) -> None:
    """Raise UsageError for a key that `convert` has no word for."""
    for key in words:
        if key not in WORDS:
            raise UsageError(f"{origin}: unknown key '{key}'", hint=did_you_mean(str(key), [*own, *WORDS]))


def jobs_of(entry: Entry, file: FleetFile, folder: Path, origin: str) -> Iterator[Job]:
    """A job for every model that the entry stands for, and every recipe."""
    check_words(file.defaults, f"{origin}: defaults")
    words = {**file.defaults, **entry.words}
    models = sorted(glob.glob(entry.model, recursive=True)) if glob.has_magic(entry.model) else [entry.model]
    if not models:
        raise UsageError(f"{origin}: no file is like '{entry.model}'")
    for model, recipe in itertools.product(models, entry.recipes or ("",)):
        parts = [entry.name] if entry.name else []
        suffix = Path(recipe).stem if len(entry.recipes) > 1 else ""
        yield settle(Path(model), recipe, words, "-".join(parts), suffix, folder, allow_code=entry.allow_code)


def with_own_names(jobs: tuple[Job, ...], folder: Path, origin: str) -> tuple[Job, ...]:
    """The jobs, each of a name of its own: where two have the same, their models' folders come before it.

    Raises:
        UsageError: two have the same name all the same.
    """
    counts = Counter(job.name for job in jobs)
    named = tuple(job.renamed(folder) if counts[job.name] > 1 else job for job in jobs)
    for name, count in Counter(job.name for job in named).items():
        if count > 1:
            raise UsageError(
                f"{origin}: {count} jobs are called '{name}'", hint="give each a name: of its own"
            )
    return named
