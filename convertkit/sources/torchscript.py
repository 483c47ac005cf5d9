"""A TorchScript archive: which members it may have, what its pickles may name, what its code may do.

Its pickles are read by torch's C++ unpickler, which makes objects of the archive's own classes
(`__torch__.*`); custom C++ classes (`__torch__.torch.classes.*`) bring their own loading code and are
refused. The code is held to `script_code`.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from convertkit.sources.archive import Archive
from convertkit.sources.pickle_names import SCRIPT_NAMES
from convertkit.sources.pickle_scan import scan_pickle
from convertkit.sources.pickle_values import Call
from convertkit.sources.script_code import breaches, defined_names, forward_arguments, parse
from convertkit.sources.source import Findings, Kind
from convertkit.sources.wording import listed, quoted

PICKLES = ("data.pkl", "constants.pkl", "traced_inputs.pkl")
MEMBERS = re.compile(
    r"data\.pkl|constants\.pkl|traced_inputs\.pkl|version|byteorder|\.data/(version|serialization_id)"
    r"|\.format_version|\.storage_alignment|(data|constants|traced_inputs)/\d+|extra/[\w./-]+"
    r"|code/[\w./-]+\.py(\.debug_pkl)?"
)
MAX_CODE_BYTES = 1 << 26


class ScriptNames:
    """The names that a TorchScript pickle may import."""

    def __contains__(self, name: object) -> bool:
        is_own = isinstance(name, str) and name.startswith("__torch__.")
        return name in SCRIPT_NAMES or (is_own and not str(name).startswith("__torch__.torch.classes."))


def looks_like(archive: Archive) -> bool:
    """True where the archive has code."""
    return any(name.startswith("code/") for name in archive.members) or "constants.pkl" in archive


def read(archive: Archive) -> Findings:
    """Findings on a TorchScript archive.

    Raises:
        ArchiveError: a member is damaged or missing.
    """
    odd = [name for name in archive.members if not MEMBERS.fullmatch(name)]
    refusals = [f"its archive has members of another kind: {listed(odd)}"] if odd else []
    top = top_class(archive, refusals)
    trees = parse_code(archive, refusals)
    defined = defined_names(trees.values())
    found = [breach for tree in trees.values() for breach in breaches(tree, defined)]
    if found:
        refusals.append(f"its code uses {listed(found)}")
    return Findings(
        Kind.TORCHSCRIPT,
        input_names=input_names(trees, top),
        refusals=tuple(refusals),
        details={"class": quoted(top)[1:-1], "classes": str(len(trees))} if top else {},
    )


def top_class(archive: Archive, refusals: list[str]) -> str:
    """The name of the archive's class; reasons against its pickles are added to `refusals`."""
    value: Any = None
    for name in archive.members:
        if name not in PICKLES and not name.endswith(".debug_pkl"):
            continue
        scan = scan_pickle(archive.read(name), ScriptNames())
        refusals += [f"in {name}, {reason}" for reason in scan.refusals]
        if scan.is_damaged and not scan.refusals:
            refusals.append(f"its {name} is damaged")
        if name == "data.pkl":
            value = scan.value
    return value.name if isinstance(value, Call) and value.name.startswith("__torch__.") else ""


def parse_code(archive: Archive, refusals: list[str]) -> dict[str, ast.Module]:
    """Member name → tree of the archive's code; code that cannot be parsed is added to `refusals`."""
    trees: dict[str, ast.Module] = {}
    for name in archive.members:
        if name.startswith("code/") and name.endswith(".py"):
            tree = parse(archive.read(name, MAX_CODE_BYTES))
            if tree is None:
                refusals.append(f"code that cannot be checked, in {quoted(name)}")
            else:
                trees[name] = tree
    return trees


def input_names(trees: dict[str, ast.Module], top: str) -> tuple[str, ...]:
    """The arguments of the top class's forward: `__torch__.a.B` is class B of code/__torch__/a.py."""
    module, _, name = top.rpartition(".")
    tree = trees.get(f"code/{module.replace('.', '/')}.py")
    return forward_arguments(tree, name) if tree is not None else ()
