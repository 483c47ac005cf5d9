"""Names of models and tensors as Kotlin, Swift and Python take them. Must not know what a run is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

WORDS = (
    "abstract and any as assert associatedtype async await boolean break byte case catch char class const"
    " continue def default defer deinit del do double elif else enum except extends extension fallthrough"
    " false fileprivate final finally float for from fun func global goto guard if implements import in init"
    " inout instanceof int interface internal is lambda let long native new nil nonlocal not null object"
    " open operator or package pass private protected protocol public raise repeat rethrows return self"
    " short static strictfp struct subscript super switch synchronized this throw throws transient true try"
    " typealias typeof val var void volatile when where while with yield"
)
RESERVED = frozenset(WORDS.split())
"""Words of Java, Kotlin, Swift and Python that are no names."""


def identifier(name: str) -> str:
    """A name as a variable: letters, digits and `_`, no digit first."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "model"
    return f"_{plain}" if plain[0].isdigit() else plain


def variables(names: Iterable[str]) -> tuple[str, ...]:
    """A variable for each tensor, no two alike.

    None begins with `_`, which fields of pydantic's models must not.
    """
    found: list[str] = []
    for name in names:
        plain = named(identifier(name).strip("_"), "tensor")
        again = (f"{plain}_{count}" for count in itertools.count(2))
        found.append(next(each for each in itertools.chain([plain], again) if each not in found))
    return tuple(found)


def package(name: str) -> str:
    """The last part of a package's name, which begins with a letter and is no word of Java or Kotlin."""
    return named(identifier(name).strip("_").lower(), "model")


def named(plain: str, kind: str) -> str:
    """`3d` as `tensor_3d`, `in` as `in_tensor`, for a kind of `tensor`."""
    if plain[:1].isdigit():
        return f"{kind}_{plain}"
    return f"{plain}_{kind}" if plain in RESERVED else plain


def camel(name: str) -> str:
    """`class_scores` as `classScores`."""
    first, *rest = [part for part in name.split("_") if part] or ["model"]
    return first[:1].lower() + first[1:] + "".join(part[:1].upper() + part[1:] for part in rest)


def pascal(name: str) -> str:
    """`digit_model` as `DigitModel`, and `2d` as `Model2d`: a type's name begins with a letter."""
    plain = camel(name)
    return f"Model{plain}" if plain[0].isdigit() else plain[:1].upper() + plain[1:]
