"""What the sources of the real files are called with, as their packages prepare it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.real_files_case import WHEELS
from benchmarks.real_files_samples import (
    Arrays,
    channels_first,
    characters,
    frames,
    photographs,
    sound,
    text_lines,
    with_states,
)


def at(
    draw: Callable[[int, int, int], np.ndarray], name: str, *sizes: tuple[int, int, int]
) -> Callable[[], tuple[Arrays, Arrays]]:
    """Two calls: `draw` with two triples of sizes."""

    def calls() -> tuple[Arrays, Arrays]:
        first, second = ({name: draw(*each)} for each in sizes)
        return first, second

    return calls


def scaled_lines(count: int, height: int, width: int) -> np.ndarray:
    return channels_first(text_lines(count, height, width, seed=count), 0.5, 0.5)


def scaled_photographs(count: int, height: int, width: int) -> np.ndarray:
    return channels_first(photographs(count, height, width, seed=count), 0.45, 0.23)


def raw_photographs(count: int, height: int, width: int) -> np.ndarray:
    return photographs(count, height, width, seed=count).transpose(0, 3, 1, 2).astype(np.float32)


def gray_lines(count: int, height: int, width: int) -> np.ndarray:
    return scaled_lines(count, height, width)[:, :1]


def faces(count: int, height: int, width: int) -> np.ndarray:
    """As MTCNN normalizes pixels."""
    return ((photographs(count, height, width, seed=count).transpose(0, 3, 1, 2) - 127.5) / 128).astype(
        np.float32
    )


def captchas(count: int, height: int, width: int) -> np.ndarray:
    """Blue first, 0 to 255, as captcha-whisperer has them."""
    lines = text_lines(count, height, width, words=0, seed=count)
    return np.ascontiguousarray(lines[..., ::-1].transpose(0, 3, 1, 2)).astype(np.float32)


def session(file: str) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(str(WHEELS / file))


def vad(file: str, count: int = 160, **more: object) -> Arrays:
    return with_states(session(file), frames(count), **more)


def vad_calls(**more: object) -> tuple[Arrays, Arrays]:
    random = np.random.default_rng(3)
    made = []
    for count in (1, 3):
        state = random.normal(0, 0.3, (2, count, 128)).astype(np.float32)
        made.append({"input": frames(count, 7), "state": state, **more})
    return made[0], made[1]


def vad_sequence(count: int = 96, length: int = 8) -> Arrays:
    random = np.random.default_rng(4)
    h, c = (random.normal(0, 0.3, (count, 1, 1, 128)).astype(np.float32) for _ in range(2))
    return {"input": frames(count * length).reshape(count, length, 576), "h": h, "c": c}


def vad_sequence_calls() -> tuple[Arrays, Arrays]:
    made = []
    for length in (5, 12):
        found = vad_sequence(1, length)
        made.append({name: values[0] for name, values in found.items()})
    return made[0], made[1]


def deepcut(count: int, names: tuple[str, ...]) -> Arrays:
    sizes = (178, 12, 50)
    return {
        name: characters(count, 21, size, seed=size + count).astype(np.float32)
        for name, size in zip(names, sizes, strict=False)
    }


def mels(count: int, length: int, _: int) -> np.ndarray:
    random = np.random.default_rng(count)
    spectrum = (
        np.abs(np.fft.rfft(sound(count * length, 400, seed=count)))[:, :160]
        .reshape(count, length, 40, 4)
        .mean(-1)
    )
    return (spectrum**2 / 400 * random.uniform(0.5, 2, (count, 1, 1))).astype(np.float32)


def differences(count: int, _: int, __: int) -> Arrays:
    random = np.random.default_rng(count)
    sizes = ((64, 15), (192, 7), (384, 3), (256, 3), (256, 3))
    return {
        f"d{place}": (random.normal(0, 0.05, (count, c, side, side)) ** 2).astype(np.float32)
        for place, (c, side) in enumerate(sizes)
    }
