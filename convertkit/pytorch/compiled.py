"""PyTorch models by torch.compile: compiled for the sizes they are called with, and held against eager mode.

Inductor writes to `TORCHINDUCTOR_CACHE_DIR`, which lies in the worker's own folder, and is another empty one
each time: else one mode would take over what another has compiled. Set besides: `dynamic=False`, since a
table has one program for each batch; `recompile_limit` and `fail_on_recompile_limit_hit`, since beyond the
limit PyTorch goes on in eager mode without a word.
"""

from __future__ import annotations

import functools
import importlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from convertkit.artifacts.formats import Precision
from convertkit.artifacts.signature import Arrays
from convertkit.causes import caused
from convertkit.errors import NotMeasuredError
from convertkit.pytorch.casts import to_numpy
from convertkit.pytorch.load import Module
from convertkit.pytorch.outputs import flatten_outputs
from convertkit.validation.gate import judge
from convertkit.validation.tolerance import DEFAULT_TOLERANCES, Tolerance

Sizes = tuple[tuple[int, ...], ...]
Forward = Callable[..., object]
MOST_SIZES = 64  # of one model: a program each


class Compiled:
    """A model that is compiled anew for each set of input sizes.

    Attributes:
        compile_ns: what compiling for the sizes that were called last took, with the first call.
    """

    def __init__(self, model: Module, forward: Forward, tolerance: Tolerance) -> None:
        """Nothing is compiled yet.

        Args:
            model: what the compiled outputs are compared with.
            forward: what torch.compile made of it.
        """
        self._model = model
        self._forward = forward
        self._tolerance = tolerance
        self._taken_ns: dict[Sizes, int] = {}
        self.compile_ns = 0

    def __call__(self, *inputs: torch.Tensor) -> object:
        """The outputs."""
        return self.at(inputs)(*inputs)

    def at(self, inputs: Sequence[torch.Tensor]) -> Forward:
        """The function that is compiled for inputs of these sizes.

        Raises:
            NotMeasuredError: it cannot be compiled, or gives other outputs than eager mode.
        """
        sizes = tuple(tuple(tensor.shape) for tensor in inputs)
        if sizes not in self._taken_ns:
            self._taken_ns[sizes] = self._compile(inputs)
        self.compile_ns = self._taken_ns[sizes]
        return self._forward

    def _compile(self, inputs: Sequence[torch.Tensor]) -> int:
        """Compile by a first call; what it took, nanoseconds."""
        wanted = arrays_of(self._model(*inputs))
        try:
            start_compiler(inputs[0].device)
            graphs = captured_graphs()
            with inductor().fresh_cache(delete=False):
                started = time.perf_counter_ns()
                outputs = self._forward(*inputs)
                taken = time.perf_counter_ns() - started
        except Exception as error:  # of Dynamo, Inductor, or the compiler that it starts
            raise NotMeasuredError(f"torch.compile fails: {caused(error)[:300]}") from error
        if captured_graphs() == graphs:
            raise NotMeasuredError("torch.compile captured nothing of this model: it would run in eager mode")
        reason = judge(wanted, arrays_of(outputs), self._tolerance).reason
        if reason:
            raise NotMeasuredError(f"what torch.compile made gives other outputs: {reason}")
        return taken


def compile_model(model: Module, mode: str, device: str, half: str) -> Compiled:
    """The model by a mode of torch.compile.

    Args:
        half: the half precision that it computes in; empty: none.

    Raises:
        NotMeasuredError: it is no module, or there is no compiler for the device.
    """
    reason = uncompilable(model) or lacks_compiler(device)
    if reason:
        raise NotMeasuredError(reason)
    torch._dynamo.config.recompile_limit = MOST_SIZES
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    tolerance = DEFAULT_TOLERANCES[Precision.FLOAT16 if half else Precision.FLOAT32]
    return Compiled(model, torch.compile(model, mode=mode, dynamic=False), tolerance)


def uncompilable(model: Module) -> str:
    """Why torch.compile would leave a model as it is; empty where it would not."""
    if isinstance(model, torch.jit.ScriptModule):
        return "TorchScript is compiled already; torch.compile takes modules and exported programs"
    return ""


def lacks_compiler(device: str) -> str:
    """What torch.compile lacks here to compile for a device; empty where nothing."""
    if device != "cpu":
        return "" if torch.utils._triton.has_triton() else "torch.compile needs triton for a GPU"
    name = os.environ.get("CXX", "g++")
    return "" if shutil.which(name) else f"torch.compile needs a C++ compiler, and there is no {name}"


@functools.cache
def start_compiler(device: torch.device) -> None:
    """Compile next to nothing: imports and what is found out of the processor are no model's compile time."""
    torch.compile(torch.neg)(torch.zeros(8, device=device))


def inductor() -> Any:
    """The module of Inductor that has its caches; it takes seconds to import."""
    return importlib.import_module("torch._inductor.utils")


def captured_graphs() -> int:
    """How many graphs Dynamo has captured in this process."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


def arrays_of(outputs: object) -> Arrays:
    """Outputs as arrays, by their names."""
    return {name: to_numpy(value) for name, value in flatten_outputs(outputs).items()}
