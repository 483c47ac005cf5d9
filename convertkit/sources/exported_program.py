"""A .pt2 file of torch.export.save: which members it may have, and what may be in them.

Loading one with torch.export.load runs code from it in several ways. Each rule closes one:

* Members: only those of one program, by full name. Compiled code (`data/aotinductor`), delegates, pickled
  objects (`custom_obj_*`, `opaque_obj_*`) and further programs are refused.
* Pickles (`data/sample_inputs/model.pt`, and weights as torch 2.8 wrote them): torch falls back to full
  unpickling when its safe loader fails, so the allow-list of names holds for all of them.
* Weights and constants: `use_pickle` is unpickling, a path that is no `weight_N` or `tensor_N` may be.
* The program's JSON: see `program_rules`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from convertkit.errors import ModelFileError
from convertkit.sources.archive import Archive, ArchiveError
from convertkit.sources.program_rules import refusals_of
from convertkit.sources.program_signature import describe_program
from convertkit.sources.source import Findings, Kind
from convertkit.sources.state_dict import refusals_of_bytes
from convertkit.sources.wording import listed

MODEL = "models/model.json"
CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
PICKLES = ("data/sample_inputs/model.pt", "data/weights/model.pt", "data/constants/model.pt")
MEMBERS = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/version|\.data/serialization_id|\.format_version"
    r"|\.storage_alignment|data/weights/weight_\d+|data/constants/tensor_\d+|extra/[\w./-]+"
)
OLD_MEMBER = "serialized_exported_program.json"


def looks_like(archive: Archive) -> bool:
    """True where the archive is laid out as torch.export.save does, today or up to torch 2.7."""
    is_model = any(name.startswith("models/") for name in archive.members)
    return "archive_format" in archive or is_model or OLD_MEMBER in archive


def read(archive: Archive) -> Findings:
    """Findings on an exported program.

    Raises:
        ModelFileError: it is damaged, or in the format of torch 2.7 and before.
        ArchiveError: a member is damaged or missing.
    """
    if MODEL not in archive:
        if OLD_MEMBER in archive:
            hint = "load it with torch 2.7 or 2.8 and save it again"
            raise ModelFileError("an exported program in the old format of torch 2.7", hint=hint)
        return Findings(Kind.EXPORTED_PROGRAM, refusals=member_refusals(archive) or ("it has no program",))
    program = read_json(archive, MODEL)
    refusals = member_refusals(archive) + pickle_refusals(archive)
    for document in [program, *(read_json(archive, name) for name in CONFIGS if name in archive)]:
        refusals += refusals_of(document)
    try:
        return describe_program(program, tuple(dict.fromkeys(refusals)))
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        SyntaxError,
        RecursionError,
    ) as error:
        if refusals:
            return Findings(Kind.EXPORTED_PROGRAM, refusals=refusals)
        raise ModelFileError("an exported program whose description is damaged") from error


def read_json(archive: Archive, name: str) -> Any:
    """A member's JSON, decoded as torch does."""
    try:
        return json.loads(archive.read(name).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"an exported program whose {name} is damaged") from error


def member_refusals(archive: Archive) -> tuple[str, ...]:
    """A reason to refuse for members that one plain program does not have."""
    if "archive_format" in archive and archive.read("archive_format", 64) != b"pt2":
        return ("its archive is of another format",)
    known = {MODEL, *CONFIGS, *PICKLES}
    odd = [name for name in archive.members if name not in known and not MEMBERS.fullmatch(name)]
    if not archive.root:
        odd.append("members outside one folder")
    return (f"its archive has members of another kind: {listed(odd)}",) if odd else ()


def pickle_refusals(archive: Archive) -> tuple[str, ...]:
    """Reasons to refuse for the archive's pickles."""
    reasons: list[str] = []
    for name in PICKLES:
        if name in archive:
            try:
                found = refusals_of_bytes(archive.read(name))
            except ArchiveError as error:
                found = (str(error),)
            reasons += [f"in {name}, {reason}" for reason in found]
    return tuple(reasons)
