"""Images are decoded by a worker with limits, each once; who asks for them loads no reader of images."""

from __future__ import annotations

import gc
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from convertkit.artifacts.signature import TensorSpec
from convertkit.config.run_settings import LimitOptions, SampleOptions
from convertkit.errors import SamplesError, WorkerMemoryError, WorkerSilentError
from convertkit.samples import readers
from convertkit.samples.images import count, load_images
from convertkit.samples.pictures import MOST_FILES, Counted, Pictures, parts
from convertkit.storage.store import Store
from convertkit.workers.pool import Workers

SIZE = (4, 6, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images of noise, of different sizes."""
    source = np.random.default_rng(0)
    for number, name in enumerate(("a.png", "b.jpg", "c.png")):
        pixels = source.integers(0, 255, (20 + number, 30, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    return tmp_path


def counted(folder: Path) -> Counted:
    """The images, sorted."""
    return count(sorted(folder.iterdir()))[0]


def opened(folder: Path, store: Store | None = None) -> Pictures:
    """The images at one size."""
    return Pictures(counted(folder), SIZE, SampleOptions(), store)


def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The environments that workers are started for, from now on."""
    seen: list[str] = []
    start = Workers.start

    def noted(workers: Workers, environment: str) -> object:
        seen.append(environment)
        return start(workers, environment)

    monkeypatch.setattr(Workers, "start", noted)
    return seen


def test_each_is_decoded_once_by_one_worker_which_goes_with_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, asked = started(monkeypatch), []
    decode, others = Pictures._decode, set(psutil.Process().children(recursive=True))
    monkeypatch.setattr(Pictures, "_decode", lambda self, part: (asked.append(part), decode(self, part)))
    images = opened(folder)
    images.check()
    first = images.rows(np.array([2, 0, 2]))
    again = images.rows(np.array([0, 1, 2]))
    assert asked == [[2, 0], [1]]
    np.testing.assert_array_equal(first, again[[2, 0, 2]])
    with Image.open(folder / "c.png") as image:
        expected = np.asarray(image.resize((6, 4), Image.Resampling.BILINEAR).convert("RGB"))
    assert np.abs(again[2].astype(int) - expected).max() < 30  # a centre crop of nearly the same shape
    children = [one for one in psutil.Process().children(recursive=True) if one not in others]
    assert set(seen) == {"samples"}
    assert children
    home = images._folder()
    del images
    gc.collect()
    assert not psutil.wait_procs(children, 5)[1]
    assert not home.exists()


def test_what_was_decoded_before_starts_no_worker(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    numbers = np.arange(3)
    before, images = opened(folder, store), opened(folder, store)
    before.check()
    expected = before.rows(numbers)
    seen = started(monkeypatch)
    images.check()
    np.testing.assert_array_equal(images.rows(numbers), expected)
    assert seen == []
    Image.new("RGB", (9, 9)).save(folder / "a.png")
    opened(folder, store).rows(numbers)
    assert seen


def test_a_file_that_changed_since_it_was_counted_is_refused(folder: Path) -> None:
    images = opened(folder)
    Image.new("RGB", (9, 9)).save(folder / "b.jpg")
    with pytest.raises(SamplesError, match=r"b\.jpg was changed while it was read"):
        images.rows(np.array([1]))
    assert images.rows(np.array([0])).shape == (1, *SIZE)


def bomb(width: int, height: int) -> bytes:
    """A PNG of so many pixels, all black, one bit each."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packed = zlib.compressobj(9)
    row = b"\0" * (1 + (width + 7) // 8)
    content = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()
    found = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", content), (b"IEND", b"")):
        found += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return found


def test_an_image_of_far_too_many_pixels_is_refused_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bomb(20_000, 20_000))
    with pytest.raises(SamplesError, match=r"a\.png is not a usable image: Image size"):
        opened(tmp_path).check()


def test_a_worker_that_takes_too_much_memory_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(bomb(9_000, 9_000))  # 81 megapixels: 243 MB as colours
    monkeypatch.setattr(readers, "LIMITS", LimitOptions(job_seconds=60, memory_bytes=80 << 20))
    monkeypatch.setattr("convertkit.workers.process.POLL_SECONDS", 0.01)
    with pytest.raises(WorkerMemoryError, match="over the limit of 80 MiB"):
        opened(tmp_path).rows(np.array([0]))


def test_pixels_that_were_not_asked_for_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = opened(folder)

    def other(job: object) -> None:
        with open(images._folder() / "pixels.npz", "wb") as file:
            np.savez(file, pixels=np.zeros((1, 4, 6, 4), np.uint8))

    monkeypatch.setattr(images, "_ask", other)
    with pytest.raises(WorkerSilentError, match="other pixels than it was asked for"):
        images.rows(np.array([0]))


def test_the_parent_loads_no_reader_of_images(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from convertkit.artifacts.signature import TensorSpec\n"
        "from convertkit.config.run_settings import SampleOptions\n"
        "from convertkit.samples.images import load_images\n"
        "spec = TensorSpec('x', 'float32', ('batch', 3, 4, 6))\n"
        "samples = load_images(Path(sys.argv[1]), (spec,), SampleOptions())\n"
        "print(samples.take([0, 1])['x'].shape, 'PIL' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "(2, 3, 4, 6) False"


def test_files_go_to_the_worker_in_parts() -> None:
    assert [len(part) for part in parts(range(2 * MOST_FILES + 1), MOST_FILES)] == [MOST_FILES, MOST_FILES, 1]
    assert list(parts([], 3)) == []


def test_the_worker_s_pixels_become_the_samples(folder: Path) -> None:
    spec = TensorSpec("x", "float32", ("batch", 3, 4, 6))
    samples = load_images(folder, (spec,), SampleOptions(mean=(0.5,), std=(0.25,)))
    pixels = opened(folder).rows(np.arange(3)).astype(np.float32)
    expected = (pixels / 255 - 0.5) / 0.25
    np.testing.assert_allclose(samples.take(range(3))["x"], expected.transpose(0, 3, 1, 2), atol=1e-6)
