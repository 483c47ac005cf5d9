"""Which devices this machine has, found without importing a framework."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from convertkit.environment import nvml
from convertkit.errors import NotMeasuredError, UsageError

DRIVER_FOLDER = Path("/proc/driver/nvidia/gpus")
NO_GPU = "no CUDA device on this machine"
DEVICE_PATTERN = re.compile(r"cpu|auto|cuda(:\d+)?")


def gpu_names() -> tuple[str, ...]:
    """Names of the NVIDIA GPUs that the driver sees, in its order; empty where there is none."""
    if names := nvml.card_names():
        return names
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
