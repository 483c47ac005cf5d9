"""Names of TensorFlow operators from which the ONNX value that they compute can be read back.

TensorFlow takes letters, digits and `_ . / -` in a name scope, and a letter, a digit or a dot in front. What
it does not take is written `-hex-`; a dot is set in front where the first character is no letter or digit. So
no two ONNX names share a scope.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

ESCAPED = re.compile(r"[^A-Za-z0-9_./]")
UNESCAPED = re.compile(r"-([0-9a-f]+)-")


def scope_of(name: str) -> str:
    """The name scope of the operators that compute an ONNX value."""
    escaped = ESCAPED.sub(lambda match: f"-{ord(match.group()):x}-", name)
    return escaped if re.match(r"[A-Za-z0-9]", escaped) else f".{escaped}"


def value_of(scope: str) -> str:
    """The ONNX value whose operators have that name scope; the inverse of `scope_of`."""
    name = UNESCAPED.sub(lambda match: chr(int(match.group(1), 16)), scope)
    return name[1:] if name.startswith(".") else name


def possible_values(tensor: str) -> tuple[str, ...]:
    """All that may be the ONNX values of a tensor, last one first, where the graph is not at hand."""
    found: dict[str, None] = {}
    for operator in tensor.split(";"):
        pieces = operator.split("/")
        found |= {value_of("/".join(pieces[:count])): None for count in range(len(pieces) - 1, 0, -1)}
    return tuple(found)


def onnx_values(tensor: str, names: Iterable[str]) -> list[str]:
    """The ONNX values that a TFLite tensor holds or that were fused into it, last one first.

    Args:
        tensor: its name: those of the fused operators joined by `;`, each `scope/operator`.
        names: the ONNX values in question.

    Returns:
        The names found, each once; empty for a tensor that the converter added.
    """
    scopes = {scope_of(name): name for name in names}
    found: dict[str, None] = {}
    for operator in tensor.split(";"):
        pieces = operator.split("/")
        for count in range(len(pieces) - 1, 0, -1):  # a name may itself hold slashes: the longest is meant
            name = scopes.get("/".join(pieces[:count]))
            if name is not None:
                found[name] = None
                break
    return list(found)
