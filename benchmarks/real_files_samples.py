"""Samples as the packages of the real files prepare them: photographs, lines of text, sound, characters.

All are seeded, out of what wheels hold; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gate_corpus_pretrained import tones

Arrays = dict[str, np.ndarray]
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "page", "motorcycle_left", "retina")
WORDS = [
    "Invoice",
    "total",
    "1,204.50",
    "EUR",
    "due",
    "14/02",
    "Hello",
    "world",
    "No.",
    "7",
    "exit",
    "gate",
    "B22",
    "open",
    "24h",
    "sale",
    "-30%",
    "©2019",
]
LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHKLMNPRSTUVWXYZ23456789"
RATE = 16000


def photographs(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Crops of photographs, uint8 [count, height, width, 3]."""
    from PIL import Image
    from skimage import data

    random = np.random.default_rng(seed)
    folder = Path(data.__file__).parent
    images = [Image.open(next(folder.glob(f"{name}.*g"))).convert("RGB") for name in PHOTOGRAPHS]
    found = []
    for place in range(count):
        image = images[place % len(images)]
        share = random.uniform(0.4, 1.0)
        across, down = int(share * image.width), int(share * image.height)
        left, top = random.integers(0, image.width - across + 1), random.integers(0, image.height - down + 1)
        box = (int(left), int(top), int(left) + across, int(top) + down)
        found.append(np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box)))
    return np.stack(found)


def text_lines(count: int, height: int, width: int, words: int = 3, seed: int = 0) -> np.ndarray:
    """Lines of printed text on paper of varying shade, uint8 [count, height, width, 3]."""
    random = np.random.default_rng(seed)
    return np.stack([text_line(random, height, width, words) for _ in range(count)])


def text_line(random: np.random.Generator, height: int, width: int, words: int) -> np.ndarray:
    """One line; no words: letters as a captcha has them."""
    from PIL import Image, ImageDraw, ImageFont

    paper = tuple(int(v) for v in random.integers(170, 256, 3))
    image = Image.new("RGB", (width, height), paper)
    text = " ".join(random.choice(WORDS, words)) if words else "".join(random.choice(list(LETTERS), 5))
    ink = tuple(int(v) for v in random.integers(0, 110, 3))
    font = ImageFont.load_default(int(height * random.uniform(0.45, 0.75)))
    place = (int(random.uniform(0, width * 0.15)), int(random.uniform(0, height * 0.3)))
    ImageDraw.Draw(image).text(place, text, fill=ink, font=font)
    noisy = np.asarray(image, np.float32) + random.normal(0, 6, (height, width, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def channels_first(pixels: np.ndarray, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
    """Images [count, channels, height, width] of uint8 with channels last: (x / 255 - mean) / std."""
    return ((pixels.transpose(0, 3, 1, 2) / 255 - mean) / std).astype(np.float32)


def sound(count: int, length: int, seed: int = 0) -> np.ndarray:
    """Windows of sound that comes and goes, at 16 kHz, float32 [count, length] in -1 to 1."""
    random = np.random.default_rng(seed)
    whole = tones(RATE, count * length, 1, seed)[0]
    envelope = np.repeat(random.uniform(0, 1, count * length // 4000 + 1) ** 2, 4000)[: count * length]
    return np.clip(whole * envelope, -1, 1).astype(np.float32).reshape(count, length)


def frames(count: int, seed: int = 0) -> np.ndarray:
    """Frames of 512 with the 64 before them, as silero-vad reads sound, float32 [count, 576]."""
    wave = np.concatenate([np.zeros(64, np.float32), sound(count, 512, seed).reshape(-1)])
    return np.stack([wave[place * 512 : place * 512 + 576] for place in range(count)])


def with_states(session: Any, windows: np.ndarray, **more: Any) -> Arrays:
    """The windows, and the state that the model itself has before each of them, [count, 2, 128]."""
    state, states = np.zeros((2, 1, 128), np.float32), []
    for window in windows:
        states.append(state[:, 0])
        state = session.run(None, {"input": window[np.newaxis], "state": state, **more})[1]
    return {"input": windows, "state": np.stack(states)}


def characters(count: int, length: int, size: int, seed: int = 0) -> np.ndarray:
    """Numbers of characters, some far more frequent than others, int64 [count, length] below `size`."""
    random = np.random.default_rng(seed)
    share = 1 / np.arange(1, size + 1)
    order = random.permutation(size)
    found: np.ndarray = order[random.choice(size, (count, length), p=share / share.sum())]
    return found.astype(np.int64)


def chunks(values: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Parts of so many rows."""
    for start in range(0, len(values) - size + 1, size):
        yield values[start : start + size]
