"""Which of convertkit's own code something depends on: a hash over a file and all that it imports."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
BY_NAME = {
    "pytorch/backends.py": ("pytorch/*.py",),
    "__init__.py": (),  # its names lead to the parent's side, and only where they are asked for
}
"""Files that lead to others than those they name, and to which."""
IMPORT = re.compile(
    r"^[ \t]*(?:from convertkit\.?([\w.]*) import (\([^)]*\)|[^\n]*)|import convertkit\.?([^\n]*))",
    re.MULTILINE,
)  # read by ast it takes forty times as long, in every run
WORD = re.compile(r"\w+")
STARTS = ("worker/main.py", "worker/perform.py")


@functools.cache
def code_hash(start: str) -> str:
    """SHA-256 over a file of convertkit and every other one that it leads to, by name and content.

    Args:
        start: as `stages/torch_to_onnx.py`.
    """
    digest = hashlib.sha256()
    for name in sorted(closure(start) | closure(*STARTS)):
        content = (PACKAGE / name).read_bytes()
        digest.update(b"%d:%s:%d:" % (len(name), name.encode(), len(content)) + content)
    return digest.hexdigest()


@functools.cache
def whole_code_hash() -> str:
    """SHA-256 over every file of convertkit, by name and content."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        name, content = path.relative_to(PACKAGE).as_posix(), path.read_bytes()
        digest.update(b"%d:%s:%d:" % (len(name), name.encode(), len(content)) + content)
    return digest.hexdigest()


@functools.cache
def closure(*starts: str) -> frozenset[str]:
    """The files, and every file of convertkit that they import, one by way of another."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += imports_of(name)
    return frozenset(found)


@functools.cache
def imports_of(name: str) -> tuple[str, ...]:
    """Files of convertkit that a file imports anywhere in its text."""
    if name in BY_NAME:
        return tuple(path.relative_to(PACKAGE).as_posix() for g in BY_NAME[name] for path in PACKAGE.glob(g))
    text = (PACKAGE / name).read_text(encoding="utf-8")
    return tuple(sorted({file for dotted in imported(text) for file in files_of(dotted)}))


def imported(text: str) -> Iterator[str]:
    """Dotted names within convertkit of what a module's text imports: modules, and what is in them."""
    for dotted, names, plain in IMPORT.findall(text):
        for module in plain.split(","):
            yield module.split()[0] if module.strip() else dotted
        yield from (f"{dotted}.{name}".lstrip(".") for name in WORD.findall(names))


def files_of(dotted: str) -> list[str]:
    """The files of a module and of the folders it lies in; none for a name that is no module."""
    parts = dotted.split(".") if dotted else []
    found = ["/".join([*parts[:depth], "__init__.py"]) for depth in range(len(parts) + 1)]
    found.append("/".join(parts) + ".py")
    return [name for name in found if name in names_in(PACKAGE)]


@functools.cache
def names_in(package: Path) -> frozenset[str]:
    """The files of convertkit, relative to its folder."""
    return frozenset(path.relative_to(package).as_posix() for path in package.rglob("*.py"))
