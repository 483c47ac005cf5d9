"""Every option that a message names with its value can be pasted into a shell as it stands."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import convertkit

PACKAGE = Path(convertkit.__file__).parent
OPTION = re.compile(
    r"--(?:set|input|bind|map|factory|samples|output|device|backend|to) (?P<rest>'[^']*'|[^\s'].*)"
)
SAFE = re.compile(r"[\w.:=,/+@%^-]+(?=[\s;)'\"]|$)")
# What stands in the place of a part that is only known later: the worst that it can be.
STAND_INS = (
    (".describe(", "x:float32[a, b]"),
    ("path", "a b"),
    ("file", "a b"),
    ("folder", "a b"),
    ("run", "a b"),
)


def stand_in(code: str) -> str:
    """The worst text of a part; a plain word where it is one of a list of words."""
    return next((text for mark, text in STAND_INS if mark in code), "word")


def text_of(node: ast.AST) -> str:
    """The text of a literal, or of an f-string with stand-ins."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.JoinedStr)
    parts = (
        str(part.value) if isinstance(part, ast.Constant) else stand_in(ast.unparse(part))
        for part in node.values
    )
    return "".join(parts)


def messages() -> Iterator[tuple[str, str]]:
    """Texts of the program that are no docstrings, with where they stand."""
    for file in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        inside = {
            id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) or id(node) in inside:
                continue
            is_text = (
                isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value
            )
            if is_text or isinstance(node, ast.JoinedStr):
                yield f"{file.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}", text_of(node)


def faults(text: str) -> list[str]:
    """Options in the text whose values a shell would take apart."""
    found = []
    for match in OPTION.finditer(text):
        rest = match["rest"]
        if rest.startswith(("'", '"')):
            if len(shlex.split(rest)) != 1:
                found.append(match[0])
        elif not SAFE.match(rest):
            found.append(match[0])
    return found


@pytest.mark.parametrize(
    ("text", "is_fault"),
    [
        ("give --input x:float32[batch,3]", True),
        ("give --input 'x:float32[batch,3]'", False),
        ("--set sampling.accept=[range]", True),
        ("--set 'sampling.accept=[range]'", False),
        ("--set sampling.color=gray", False),
        ("--bind scale=[1, 2]", True),
        ("--samples FILE.npz; or none", False),
        ("--map a;b", False),
        ("--map a<b", True),
        ("--map $a", True),
    ],
)
def test_the_rule_itself(text: str, is_fault: bool) -> None:
    assert bool(faults(text)) == is_fault


def test_there_are_messages_to_look_at() -> None:
    assert sum(bool(OPTION.search(text)) for _, text in messages()) > 20


def test_no_message_names_a_value_that_a_shell_takes_apart() -> None:
    assert [(place, fault) for place, text in messages() for fault in faults(text)] == []
