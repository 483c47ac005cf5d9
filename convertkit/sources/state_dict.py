"""Files of torch.save: a state dict is data, anything that wants to import more is a program.

Read are the zip form (torch 1.6 and later) and the form before it, five pickles in a row. Both are walked,
not unpickled (`pickle_scan`), against the names that torch's `weights_only` loader knows.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import IO, Any

from convertkit.errors import ModelFileError
from convertkit.sources.archive import Archive, ArchiveError, open_archive
from convertkit.sources.pickle_names import REBUILD_FUNCTIONS, TENSOR_NAMES
from convertkit.sources.pickle_scan import scan_pickle
from convertkit.sources.pickle_values import Call, Items, Scan
from convertkit.sources.source import Findings, Kind
from convertkit.sources.wording import listed, quoted

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
MEMBERS = re.compile(
    r"data\.pkl|byteorder|version|\.format_version|\.storage_alignment|\.data/serialization_id|data/\d+"
)
NOT_DATA = "it holds no tensors"


def read_zip(archive: Archive) -> Findings:
    """Findings on a zip archive of torch.save.

    Raises:
        ModelFileError: the pickle in it is damaged, or holds no tensors.
    """
    scan = scan_pickle(archive.read("data.pkl"), TENSOR_NAMES)
    return judge(scan, odd_members(archive))


def odd_members(archive: Archive) -> tuple[str, ...]:
    """A reason to refuse for members that torch.save never writes (one makes torch.load run TorchScript)."""
    odd = [name for name in archive.members if not MEMBERS.fullmatch(name)]
    return (f"its archive has members of another kind: {listed(odd)}",) if odd else ()


def read_legacy(stream: IO[bytes]) -> Findings:
    """Findings on a file that is a pickle, or several in a row.

    Raises:
        ModelFileError: it is damaged, or not one that torch.save wrote.
    """
    scan, is_torch = scan_legacy(stream)
    if not is_torch and not scan.refusals:
        raise ModelFileError("a pickle, but not one that torch.save wrote", hint="save the state dict again")
    return judge(scan)


def scan_text(stream: IO[bytes]) -> Findings | None:
    """Findings on a text that is a pickle of protocol 0; None where it is none."""
    scan = scan_pickle(stream, TENSOR_NAMES)
    if scan.refusals or not scan.is_damaged:
        return judge(scan)
    return None


def scan_legacy(stream: IO[bytes]) -> tuple[Scan, bool]:
    """The scan of a torch.save file of five pickles, and whether it is one.

    Four pickles stand before the tensors' bytes besides the object itself; all are walked, and what any of
    them would import counts.
    """
    scans = [scan_pickle(stream, TENSOR_NAMES)]
    is_torch = not scans[0].is_damaged and scans[0].value == LEGACY_MAGIC
    while is_torch and len(scans) < 5 and not scans[-1].is_damaged:
        scans.append(scan_pickle(stream, TENSOR_NAMES))
    whole = scans[3] if len(scans) > 3 else scans[-1]
    whole.is_damaged = any(scan.is_damaged for scan in scans)
    for scan in scans:
        if scan is not whole:
            whole.refused.extend(scan.refused)
            whole.reasons.extend(scan.reasons)
    return whole, is_torch


def judge(scan: Scan, more_refusals: tuple[str, ...] = ()) -> Findings:
    """A state dict where the pickle is data, a module where it wants to be a program.

    Raises:
        ModelFileError: it is neither.
    """
    refusals = scan.refusals + more_refusals
    if refusals:
        names = {"classes": listed(scan.refused)} if scan.refused else {}
        return Findings(Kind.MODULE, refusals=refusals, details=names)
    if scan.is_damaged:
        raise ModelFileError("a damaged or truncated pickle")
    tensors = list(tensors_in(scan.value))
    if not tensors:
        raise ModelFileError(f"a file of torch.save, but {NOT_DATA}")
    return Findings(Kind.STATE_DICT, details=describe(scan.value, tensors))


def refusals_of_bytes(content: bytes) -> tuple[str, ...]:
    """Reasons why loading these bytes by torch.load, without `weights_only`, would run code."""
    if not content:
        return ()
    if not content.startswith(b"PK"):
        scan, is_torch = scan_legacy(io.BytesIO(content))
        return scan.refusals or (() if is_torch and not scan.is_damaged else ("it is no file of torch.save",))
    try:
        archive = open_archive(content)
        scan = scan_pickle(archive.read("data.pkl"), TENSOR_NAMES)
    except ArchiveError as error:
        return (str(error),)
    damage = ("its pickle is damaged",) if scan.is_damaged else ()
    return (scan.refusals or damage) + odd_members(archive)


def describe(value: Any, tensors: list[Call]) -> dict[str, str]:
    """Number of tensors and parameters, and the top-level keys where the state dict is nested."""
    details = {"tensors": str(len(tensors)), "parameters": str(sum(map(element_count, tensors)))}
    pairs = pairs_of(value)
    if any(pairs_of(child) for _, child in pairs):
        details["keys"] = ", ".join(quoted(key)[1:-1] for key, _ in pairs[:8])
    return details


def pairs_of(value: Any) -> list[tuple[Any, Any]]:
    """The pairs of a dict or OrderedDict, [] for anything else."""
    return value.pairs if isinstance(value, Items | Call) else []


def tensors_in(value: Any) -> Iterator[Call]:
    """Every tensor in a pickle's value; shared parts are looked at once."""
    waiting, seen = [value], set[int]()
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Call) and item.name in REBUILD_FUNCTIONS and "parameter" not in item.name:
            yield item
        elif isinstance(item, Call):
            waiting += [item.arguments, item.state, *(child for _, child in item.pairs)]
        elif isinstance(item, Items):
            waiting += [child for _, child in item.pairs]
        elif isinstance(item, list | tuple):
            waiting += item


def element_count(tensor: Call) -> int:
    """Number of elements of a rebuilt tensor, 0 where it cannot be told."""
    size = tensor.arguments[2] if isinstance(tensor.arguments, tuple) and len(tensor.arguments) > 2 else ()
    if not isinstance(size, tuple) or not all(isinstance(dim, int) and 0 <= dim < 2**40 for dim in size):
        return 0
    total = 1
    for dim in size[:16]:
        total *= dim
    return total
