"""A first recipe for a model: the few keys that its owner decides, all others at their defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from convertkit.artifacts.formats import Format, Precision
from convertkit.errors import UsageError
from convertkit.recipe import decode_recipe
from convertkit.registry import parse_variant


class Answers(msgspec.Struct, frozen=True):
    """What was asked, or told by flag.

    Attributes:
        is_static: whether every call has the same sizes, the batch one.
        rescues: whether to search where INT8 fails its gate.
    """

    to: tuple[str, ...]
    samples: str = ""
    factory: str = ""
    is_static: bool = False
    rescues: bool = False


def default_target(samples: str) -> str:
    """What is most asked for: INT8 where there is something to calibrate with."""
    return f"{Format.TFLITE}:{Precision.INT8 if samples else Precision.FLOAT32}"


def recipe_text(model: Path, answers: Answers) -> str:
    """The recipe as YAML, checked.

    Raises:
        UsageError: a variant is none, or needs samples and there are none.
    """
    for target in answers.to:
        if parse_variant(target).precision.needs_calibration and not answers.samples:
            raise UsageError(f"{target} needs real samples to calibrate with", hint="give --samples FILE.npz")
    content: dict[str, Any] = {"summary": f"{model.name} to {', '.join(answers.to)}", "to": list(answers.to)}
    content |= {"samples": answers.samples} if answers.samples else {}
    content |= {"factory": answers.factory} if answers.factory else {}
    content |= {"static": True} if answers.is_static else {}
    content |= {"budget": {"minutes": 10.0}} if answers.rescues else {}
    decode_recipe(content, "the recipe")
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def write_recipe(text: str, file: Path, *, overwrite: bool) -> None:
    """Write it.

    Raises:
        UsageError: there is such a file already, or it cannot be written.
    """
    try:
        with file.open("w" if overwrite else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(f"{file} is there already", hint="--force, or another -o FILE") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}", hint="choose another -o FILE") from None
