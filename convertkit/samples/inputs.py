"""Inputs as they are told by hand: `NAME:DTYPE[d0,d1,…]`."""

from __future__ import annotations

import re

from convertkit.artifacts.signature import Dim, TensorSpec
from convertkit.errors import UsageError

INPUT_PATTERN = re.compile(r"(?P<name>\S(?:.*\S)?):(?P<dtype>[a-z]+\d*)\[(?P<dims>[^\]]*)\]")
DTYPES = frozenset(["float32", "float16", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"])
MOST_DIGITS = 18
BOUNDS_PATTERN = re.compile(r"(?<![\w./])(?P<name>[A-Za-z_][\w./]*)\s*=\s*(?P<low>\d+)\.\.(?P<high>\d*)")
AXIS_PATTERN = re.compile(r"[A-Za-z_][^\s,=]*")  # as exporters name axes: `p2o.DynamicDimension.0`


def take_bounds(text: str) -> tuple[str, dict[str, tuple[int, int | None]]]:
    """The text with `width=16..512` as `width`, and the bounds by axis: smallest and largest size.

    Raises:
        UsageError: the largest size is below the smallest, or that is 0.
    """
    found: dict[str, tuple[int, int | None]] = {}
    for match in BOUNDS_PATTERN.finditer(text):
        low, high = int(match["low"]), int(match["high"]) if match["high"] else None
        if low < 1 or (high is not None and high < low):
            raise UsageError(
                f"--input '{text}': {match[0]} holds no size", hint="for example --input width=16..512"
            )
        found[match["name"]] = (low, high)
    return BOUNDS_PATTERN.sub(lambda match: match["name"], text), found


def parse_input(text: str) -> TensorSpec:
    """The input that `NAME:DTYPE[d0,d1,…]` describes; a word in place of a number is a dynamic axis.

    A name may hold blanks and colons, as exporters write them.

    Raises:
        UsageError: it is not of that form.
    """
    match = INPUT_PATTERN.fullmatch(text.strip())
    if match is None or match["dtype"] not in DTYPES:
        raise UsageError(
            f"--input '{text}' is not NAME:DTYPE[d0,d1,…]",
            hint="for example --input 'input:float32[batch,3,224,224]'",
        )
    dims: list[Dim] = []
    for word in filter(None, (part.strip() for part in match["dims"].split(","))):
        if not is_axis(word) and not (is_number(word) and int(word) > 0):
            raise UsageError(f"--input '{text}': '{word}' is neither a size nor a name")
        dims.append(int(word) if is_number(word) else word)
    return TensorSpec(match["name"], match["dtype"], tuple(dims))


def check_axes(told: tuple[TensorSpec, ...], known: tuple[TensorSpec, ...]) -> None:
    """Raise UsageError for an axis whose name is neither an identifier nor one of the file's own."""
    own = {word for spec in known for word in spec.dynamic_axes.values()}
    for spec in told:
        for word in spec.dynamic_axes.values():
            if not word.isidentifier() and word not in own:
                raise UsageError(
                    f"--input '{spec.describe()}': '{word}' is neither a size nor a name",
                    hint="letters, digits and _ make a name, or it is one of the file's own",
                )


def is_axis(word: str) -> bool:
    """True for the name of an axis."""
    return word.isidentifier() or AXIS_PATTERN.fullmatch(word) is not None


def is_number(word: str) -> bool:
    """True for digits that `int` reads, and not too many of them; `²` is none."""
    return word.isascii() and word.isdigit() and len(word) < MOST_DIGITS
