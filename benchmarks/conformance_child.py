"""One long-lived process that runs cases one way: a number comes in, a line of JSON goes out.

`python -m benchmarks.conformance_child WAY`. What the converters print is dropped at file-descriptor level:
nothing but answers reaches the parent.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import warnings

MEMORY_LIMIT_BYTES = 12 << 30  # of address space: a converter that runs wild fails its case alone
WAYS = {
    "tensorflow": ("benchmarks.conformance_ways", "in_tensorflow"),
    "tflite": ("benchmarks.conformance_ways", "in_tflite"),
    "onnx2tf": ("benchmarks.conformance_onnx2tf", "in_onnx2tf"),
}


def main(way: str) -> None:
    """Answer until the input ends: `[status, note]` for each number."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    warnings.simplefilter("ignore")
    from benchmarks.conformance_cases import cases

    module, function = WAYS[way]
    run_case = getattr(importlib.import_module(module), function)
    everything = cases()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        try:
            note, status = run_case(everything[int(line)]), "passed"
            if note.startswith("skip: "):
                note, status = note.removeprefix("skip: "), "skipped"
        except (Exception, SystemExit) as error:
            note, status = f"{type(error).__name__}: {' '.join(str(error).split())[:1000]}", "failed"
        print(json.dumps([status, note]), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
