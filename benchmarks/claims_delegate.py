"""What XNNPACK does for each `.tflite`: LiteRT with and without it, batch 1, one thread.

`python -m benchmarks.claims_delegate FILE…` prints a JSON object: file → median of without / with.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

ROUNDS = 15
CALLS = 6
WARM_UP = 20
LONGEST_ROUND_S = 0.3


def opened(path: str, resolver: OpResolverType) -> Any:
    """An interpreter with one sample of noise in place, warmed up."""
    interpreter = Interpreter(path, num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    random = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        values = random.standard_normal(detail["shape"]).astype(detail["dtype"])
        interpreter.set_tensor(detail["index"], values)
    for _ in range(WARM_UP):
        interpreter.invoke()
    return interpreter


def round_ms(interpreter: Any, calls: int) -> float:
    """Median of some calls; the first is dropped, caches are the other's then."""
    durations = []
    for _ in range(calls):
        started = time.process_time_ns()
        interpreter.invoke()
        durations.append((time.process_time_ns() - started) / 1e6)
    return float(np.median(durations[1:]))


def gain(path: str) -> float:
    """How many times faster the file is with XNNPACK than without."""
    pair = [opened(path, kind) for kind in (OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                                            OpResolverType.BUILTIN)]  # fmt: skip
    slowest = max(round_ms(one, 2) for one in pair)
    calls = max(2, min(CALLS, int(1000 * LONGEST_ROUND_S / slowest)))
    rounds = [[round_ms(one, calls) for one in pair] for _ in range(ROUNDS)]
    return float(np.median([without / used for without, used in rounds]))


if __name__ == "__main__":
    print(json.dumps({path: gain(path) for path in sys.argv[1:]}))
