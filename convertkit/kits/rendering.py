"""Templates of kits, a folder each; names are quoted for each language. Must not know what a run is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from convertkit.kits.identifiers import camel, pascal
from convertkit.report.report import write_whole

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".jinja"


def quoted(text: Any) -> str:
    """A literal of JavaScript, Python, Swift and JSON."""
    return json.dumps(text)


def kotlin_quoted(text: Any) -> str:
    """A literal of Kotlin, where `$` begins a template."""
    return json.dumps(text).replace("$", "\\$")


def environment(folder: Path) -> jinja2.Environment:
    """Where templates are found; an undefined name is an error. Code is no markup, so nothing is escaped."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"quoted": quoted, "kotlin": kotlin_quoted, "camel": camel, "pascal": pascal}
    return found


def render_folder(kind: str, out: Path, names: Mapping[str, Any]) -> None:
    """Render every template of a kind below a folder; names of files may hold `__name__` of `names`."""
    home = TEMPLATES / kind
    templates = environment(home)
    for file in sorted(home.rglob(f"*{SUFFIX}")):
        relative = file.relative_to(home).as_posix()
        target = relative.removesuffix(SUFFIX)
        for name, value in names.items():
            target = target.replace(f"__{name}__", str(value)) if isinstance(value, str) else target
        (out / target).parent.mkdir(parents=True, exist_ok=True)
        write_whole(templates.get_template(relative).render(names).encode(), out / target)
