"""Devices: what the driver says, and what may be asked for."""

import pytest

from convertkit.environment import devices
from convertkit.environment.devices import check_device, cpu_name, gpu_names
from convertkit.errors import NotMeasuredError, UsageError


@pytest.fixture
def gpus(monkeypatch):
    def have(*names):
        monkeypatch.setattr(devices, "gpu_names", lambda: names)

    return have


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_without_a_gpu(gpus, device):
    gpus()
    assert check_device(device) is None


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:3"])
def test_a_gpu_that_is_asked_for_and_not_there(gpus, device):
    gpus()
    with pytest.raises(NotMeasuredError, match=f"--device {device}") as caught:
        check_device(device)
    assert caught.value.exit_code == 8
    assert "--device auto" in caught.value.hint


@pytest.mark.parametrize(
    ("device", "expected"),
    [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cuda:0", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", None)],
)
def test_with_two_gpus(gpus, device, expected):
    gpus("A", "B")
    assert check_device(device) == expected


def test_one_beyond_the_last(gpus):
    gpus("A", "B")
    with pytest.raises(NotMeasuredError) as caught:
        check_device("cuda:2")
    assert "cuda:2" in caught.value.message


@pytest.mark.parametrize(
    "device", ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:0,1", "mps", "cpu:0", " cpu"]
)
def test_unknown_words(gpus, device):
    gpus("A")
    with pytest.raises(UsageError, match="unknown device"):
        check_device(device)


def test_names_come_from_the_driver_in_its_order(tmp_path, monkeypatch):
    for address, text in {
        "0000:81:00.0": "Model: \t\t NVIDIA B\nIRQ: 1\n",
        "0000:01:00.0": "IRQ: 2\nModel:  NVIDIA A: x\n",
        "0000:c1:00.0": "nothing known\n",
    }.items():
        (tmp_path / address).mkdir()
        (tmp_path / address / "information").write_text(text)
    monkeypatch.setattr(devices, "DRIVER_FOLDER", tmp_path)
    assert gpu_names() == ("NVIDIA A: x", "NVIDIA B", "0000:c1:00.0")


def test_the_processor_has_a_name():
    assert cpu_name()
    assert "\n" not in cpu_name()
