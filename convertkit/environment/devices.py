"""Which devices this machine has, found without importing a framework."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pynvml

from convertkit.errors import NotMeasuredError, UsageError

DRIVER_FOLDER = Path("/proc/driver/nvidia/gpus")
NO_GPU = "no CUDA device on this machine"
DEVICE_PATTERN = re.compile(r"cpu|auto|cuda(:\d+)?")


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


def gpu_names() -> tuple[str, ...]:
    """Names of the NVIDIA GPUs that the driver sees, in its order; empty where there is none."""
    with driver() as is_there:
        if is_there:
            handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
            return tuple(str(pynvml.nvmlDeviceGetName(handle)) for handle in handles)
    if DRIVER_FOLDER.is_dir():
        return tuple(read_model(file) for file in sorted(DRIVER_FOLDER.glob("*/information")))
    return tuple(path.name for path in sorted(Path("/dev").glob("nvidia[0-9]*")))


def read_model(file: Path) -> str:
    """The `Model:` line of a driver information file."""
    for line in file.read_text(errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "Model":
            return value.strip()
    return file.parent.name


def cpu_name() -> str:
    """The processor's own name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def check_device(device: str) -> str | None:
    """The GPU to measure on besides the CPU, as `cuda:N`; None for the CPU alone.

    Raises:
        UsageError: no such kind of device.
        NotMeasuredError: asked for by name and not there.
    """
    if not DEVICE_PATTERN.fullmatch(device):
        raise UsageError(f"unknown device '{device}'", hint="auto, cpu, cuda or cuda:N")
    if device == "cpu":
        return None
    gpus = gpu_names()
    index = int(device.partition(":")[2] or 0)
    if index < len(gpus):
        return f"cuda:{index}"
    if device == "auto":
        return None
    raise NotMeasuredError(f"--device {device}: {NO_GPU}", hint="--device auto goes on without it")
