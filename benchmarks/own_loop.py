"""The loop that each runtime's documentation shows, in a process of its own: a round for each line of stdin.

`python -m benchmarks.own_loop LOOP FILE INPUTS CALLS` prints the median of each round's calls, milliseconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

Call = Callable[[], object]


def onnxruntime_call(path: str, inputs: dict[str, Any]) -> Call:
    """ONNX Runtime with inputs and outputs bound."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name, values in inputs.items():
        binding.bind_cpu_input(name, values)
    for output in session.get_outputs():
        binding.bind_output(output.name)
    return lambda: session.run_with_iobinding(binding)


def litert_call(path: str, inputs: dict[str, Any]) -> Call:
    """LiteRT's interpreter, its inputs set once."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=1)
    for detail, values in zip(interpreter.get_input_details(), inputs.values(), strict=True):
        interpreter.resize_tensor_input(detail["index"], values.shape)
    interpreter.allocate_tensors()
    for detail, values in zip(interpreter.get_input_details(), inputs.values(), strict=True):
        interpreter.set_tensor(detail["index"], values)
    call: Call = interpreter.invoke
    return call


def timed(call: Call, calls: int) -> float:
    """The median of so many calls, milliseconds; the first is left out, as it finds cold caches."""
    durations = []
    for _ in range(calls + 1):
        started = time.perf_counter()
        call()
        durations.append(time.perf_counter() - started)
    return median(durations[1:]) * 1e3


def torch_round(path: str, inputs: dict[str, Any], *, is_module: bool) -> Callable[[], float]:
    """torch.utils.benchmark's timer, of an exported stack as it is or of its layers."""
    import torch
    from torch.utils.benchmark import Timer

    program = torch.export.load(path)
    module: Any = program.module(check_guards=False)
    if not is_module:
        weights = [each for name, each in program.state_dict.items() if name.endswith("weight")]
        pairs = [(torch.nn.Linear(*reversed(each.shape)), torch.nn.ReLU()) for each in weights]
        module = torch.nn.Sequential(*(part for pair in pairs for part in pair))
        module.load_state_dict(program.state_dict)
    tensors = [torch.from_numpy(values) for values in inputs.values()]
    timer = Timer("module(*tensors)", globals={"module": module, "tensors": tensors}, num_threads=1)

    def one_round() -> float:
        with torch.inference_mode():
            return timer.blocked_autorange(min_run_time=0.05).median * 1e3

    return one_round


def main(loop: str, path: str, arrays: str, calls: int) -> None:
    """A round for each line."""
    with np.load(arrays) as archive:
        inputs = dict(archive)
    if loop.startswith("torch"):
        one_round = torch_round(path, inputs, is_module=loop.endswith("module()"))
    else:
        call = (onnxruntime_call if loop.startswith("ONNX") else litert_call)(path, inputs)
        one_round = partial(timed, call, calls)
    for _ in sys.stdin:
        print(one_round(), flush=True)


if __name__ == "__main__":
    _, loop_name, file_name, arrays_name, calls_each = sys.argv
    main(loop_name, file_name, arrays_name, int(calls_each))
