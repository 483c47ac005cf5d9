"""NVIDIA's management library: names, driver, memory of the card that CUDA counts."""

from types import SimpleNamespace

import pytest

from convertkit.environment import nvml
from convertkit.environment.devices import gpu_names
from convertkit.environment.nvml import card_names, card_used_bytes, driver_version


@pytest.fixture
def library(monkeypatch):
    """NVIDIA's management library, as far as it is asked."""

    monkeypatch.setattr(nvml.pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(nvml.pynvml, "nvmlShutdown", lambda: None)
    monkeypatch.setattr(nvml.pynvml, "nvmlDeviceGetCount", lambda: 2)
    monkeypatch.setattr(nvml.pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
    monkeypatch.setattr(nvml.pynvml, "nvmlDeviceGetHandleByUUID", lambda name: {"GPU-b": 1}[name])
    monkeypatch.setattr(nvml.pynvml, "nvmlDeviceGetName", lambda handle: ("NVIDIA H100", "NVIDIA L4")[handle])
    monkeypatch.setattr(nvml.pynvml, "nvmlSystemGetDriverVersion", lambda: "580.1")
    monkeypatch.setattr(
        nvml.pynvml, "nvmlDeviceGetMemoryInfo", lambda handle: SimpleNamespace(used=(100, 200)[handle])
    )
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_the_library_is_asked_first(library):
    assert card_names() == gpu_names() == ("NVIDIA H100", "NVIDIA L4")
    assert driver_version() == "580.1"


@pytest.mark.parametrize(
    ("shown", "device", "used"),
    [
        (None, "cuda:1", 200),
        ("1", "cuda:0", 200),
        ("1,0", "cuda:1", 100),
        ("GPU-b", "cuda:0", 200),
        ("0", "cuda:1", None),
    ],
)
def test_memory_is_that_of_the_card_that_cuda_counts(library, monkeypatch, shown, device, used):
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert card_used_bytes(device) == used


def test_without_a_driver_nothing_is_known(monkeypatch, tmp_path):
    def absent():
        raise nvml.pynvml.NVMLError(nvml.pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(nvml.pynvml, "nvmlInit", absent)
    assert driver_version() == ""
    assert card_used_bytes("cuda:0") is None
