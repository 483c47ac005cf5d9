"""What NVIDIA's management library says of the GPUs. Imports no framework."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pynvml


@contextlib.contextmanager
def driver() -> Iterator[bool]:
    """NVIDIA's management library for as long as the block lasts; False where there is none."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()


def driver_version() -> str:
    """Version of NVIDIA's driver; empty where there is none."""
    with driver() as is_there:
        return str(pynvml.nvmlSystemGetDriverVersion()) if is_there else ""


def card_used_bytes(device: str) -> int | None:
    """Memory in use on a whole card, by all processes; None where the driver does not tell.

    Args:
        device: `cuda:N`, as CUDA counts; what CUDA_VISIBLE_DEVICES renumbers is taken into account.
    """
    with driver() as is_there:
        if not is_there:
            return None
        try:
            return int(pynvml.nvmlDeviceGetMemoryInfo(card(int(device.partition(":")[2] or 0))).used)
        except (pynvml.NVMLError, IndexError):
            return None


def card(index: int) -> Any:
    """The driver's handle of the card that CUDA calls by that number.

    Raises:
        IndexError: CUDA_VISIBLE_DEVICES hides it.
    """
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    name = str(index) if shown is None else shown.split(",")[index].strip()
    if name.isdigit():
        return pynvml.nvmlDeviceGetHandleByIndex(int(name))
    return pynvml.nvmlDeviceGetHandleByUUID(name)


def card_names() -> tuple[str, ...]:
    """Names of all cards, in the driver's order; empty where there is no driver."""
    with driver() as is_there:
        if not is_there:
            return ()
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return tuple(str(pynvml.nvmlDeviceGetName(handle)) for handle in handles)
