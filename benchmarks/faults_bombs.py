"""Small files that would become large: images, archives, arrays, models, recipes. Refused before they do."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults_made import handmade
from benchmarks.faults_page import Part
from benchmarks.faults_verbs import run_verb

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "fixtures" / "digits" / "model.pt2"
LARGEST_BYTES = 512 << 20  # of the command while it refuses one; it takes a tenth of that for anything
REFUSED = ("exit 6", "exit 2")


def png(width: int, height: int, content: bytes) -> bytes:
    """A grey PNG of one bit a pixel that says it has these sizes."""
    found = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    for kind, data in ((b"IHDR", header), (b"IDAT", content), (b"IEND", b"")):
        found += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return found


def tiff(width: int, height: int) -> bytes:
    """A TIFF that says it has these sizes."""
    tags = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, 8),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + bytes(16)


def bmp(width: int, height: int) -> bytes:
    """A BMP that says it has these sizes."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 1, 1, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 16, 0, 0, 54) + header + bytes(16)


def images() -> Iterator[tuple[str, bytes]]:
    """Images, by the name of their file."""
    row = zlib.compress(bytes(1 << 20), 9)
    yield "many.png", png(20_000, 20_000, row)
    yield "more.png", png(10_000, 9_000, row)
    yield "long.png", png(5_000_000, 1, zlib.compress(bytes(625_001), 9))
    yield "many.gif", b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b"\x2c" + bytes(16)
    yield "many.bmp", bmp(60_000, 60_000)
    yield "many.tiff", tiff(60_000, 60_000)
    yield "many.ppm", b"P6\n99999 99999\n255\n" + bytes(64)


def claims(shape: str) -> bytes:
    """An array whose header claims a shape."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text + b"\n" + bytes(64)


def swollen(path: Path, size: int) -> None:
    """An `.npz` of a few bytes whose list of members says that it unpacks to many more."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(8):
            archive.writestr(f"{number}.npy", bytes(1000))
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 1000), struct.pack("<I", size)))


def samples(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files of samples."""
    for name, content in images():
        home = folder / name.replace(".", "-")
        home.mkdir()
        for copy in "abcdefghij":
            (home / f"{copy}-{name}").write_bytes(content)
        yield name, home
    swollen(folder / "swollen.npz", 0xF0000000)
    yield "swollen.npz", folder / "swollen.npz"
    for name, shape in (
        ("claims", str((1 << 50,))),
        ("product", str((1 << 32, 1 << 32))),
        ("nested", "(" * 4000),
    ):
        (folder / f"{name}.npy").write_bytes(claims(shape))
        yield f"{name}.npy", folder / f"{name}.npy"
    with zipfile.ZipFile(folder / "member.npz", "w") as archive:
        archive.writestr("x.npy", claims(str((1 << 50,))))
    yield "member.npz", folder / "member.npz"


def commands(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Every bomb, and the command that is given it."""
    given = ["--to", "tflite:int8", "-o", "out", "-q"]
    for name, path in samples(folder):
        yield name, ["convert", str(DIGITS), "--samples", str(path), "--set", "sampling.color=gray", *given]
    for name, members in (
        ("state.pt", {"m/data.pkl": bytes(200 << 20)}),
        ("m.keras", {"config.json": bytes(200 << 20)}),
    ):
        (folder / name).write_bytes(handmade.zip_bytes(members, zipfile.ZIP_DEFLATED))
        yield name, ["convert", str(folder / name), "--to", "tflite", "-o", "out", "-q"]
    recipes = {
        "aliases.yaml": "a: &a [x, x]\n" + "".join(f"k{n}: &k{n} [*a, *a]\n" for n in range(30)),
        "deep.yaml": "to: " + "[" * 20_000 + "]" * 20_000,
    }
    for name, text in recipes.items():
        (folder / name).write_text(text)
        yield name, ["convert", str(DIGITS), "--recipe", str(folder / name), *given]


def bombs(folder: Path, share: int) -> Part:
    """Each is refused, and the command takes no memory for it."""
    outcomes, wrong, every = Counter[str](), [], list(commands(folder))[:: max(1, share // 3)]
    for name, command in every:
        ended = run_verb(folder, *command)
        outcomes[ended.outcome] += 1
        if ended.outcome not in REFUSED or ended.fault:
            wrong.append(f"{name}: {ended.fault or ended.outcome}: {ended.said[-200:]}")
        if ended.peak_bytes > LARGEST_BYTES:
            wrong.append(f"{name}: {ended.peak_bytes >> 20} MiB")
    return Part("bombs", len(every), dict(outcomes), tuple(wrong))
