"""Latency of .tflite files beside each other: interleaved rounds, one thread, the ratio with its interval."""

from __future__ import annotations

from typing import Any

import numpy as np

WARM_UP, BLOCK = 5, 5
RESAMPLES = 2000


class Session:
    """A .tflite with its input set, ready to be timed."""

    def __init__(self, content: bytes, x: Any) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(model_content=content, num_threads=1)
        (entry,) = self.interpreter.get_input_details()
        is_image = x.ndim == 4
        self.x = np.ascontiguousarray(x.transpose(0, 2, 3, 1) if is_image else x).astype(entry["dtype"])
        if tuple(entry["shape"]) != self.x.shape:
            self.interpreter.resize_tensor_input(entry["index"], self.x.shape)
        self.interpreter.allocate_tensors()
        self.interpreter.set_tensor(entry["index"], self.x)

    def run(self) -> float:
        """Seconds of one call."""
        import time

        started = time.perf_counter()
        self.interpreter.invoke()
        return time.perf_counter() - started

    def output(self) -> Any:
        """The first output of one call."""
        self.run()
        return self.interpreter.get_tensor(self.interpreter.get_output_details()[0]["index"])


def interleaved(sessions: dict[str, Session], rounds: int) -> dict[str, Any]:
    """The median of each round's block of calls, in milliseconds; the order changes from round to round."""
    rng = np.random.default_rng(0)
    for session in sessions.values():
        for _ in range(WARM_UP):
            session.run()
    times: dict[str, list[float]] = {way: [] for way in sessions}
    for _ in range(rounds):
        for way in rng.permutation(list(sessions)):
            session = sessions[str(way)]
            session.run()  # the first call after another file's finds cold caches
            times[str(way)].append(1000 * float(np.median([session.run() for _ in range(BLOCK)])))
    return {way: np.array(values) for way, values in times.items()}


def ratio(ours: Any, theirs: Any) -> tuple[float, float, float]:
    """The median of the rounds' ratios, and the bounds of its 95 % bootstrap interval."""
    each = ours / theirs
    picks = np.random.default_rng(0).integers(0, len(each), (RESAMPLES, len(each)))
    low, high = np.quantile(np.median(each[picks], axis=1), [0.025, 0.975])
    return float(np.median(each)), float(low), float(high)
