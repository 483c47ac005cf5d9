"""Run PyTorch models: exported programs, TorchScript, modules with a state dict, pickled modules."""

from __future__ import annotations

import contextlib
import inspect

import numpy as np
import torch
from msgspec.structs import replace

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays, Signature, TensorSpec
from convertkit.artifacts.tensors import read_npz
from convertkit.errors import ModelFileError, NotMeasuredError, SamplesError
from convertkit.pytorch.casts import to_numpy
from convertkit.pytorch.compiled import Compiled, compile_model
from convertkit.pytorch.engine import read_engine, use_engine
from convertkit.pytorch.folder_signature import describe_folder
from convertkit.pytorch.half import Float32Model, casts_of
from convertkit.pytorch.load import Module, load_model, open_model
from convertkit.pytorch.outputs import (
    Shapes,
    dynamic_shape,
    flatten_outputs,
    named_apart,
    output_shapes,
    shapes_of,
)
from convertkit.pytorch.unchecked import Forward, fastest_form
from convertkit.pytorch.unfit import run_checked
from convertkit.pytorch.weights import weights_bytes
from convertkit.runtimes import TimedCall, wall_timed
from convertkit.samples.fit import NUMBERED
from convertkit.workers.answers import Described, GpuMemory
from convertkit.workers.jobs import DescribeJob


class TorchSession:
    """A model in eval mode on one device."""

    left_on_cpu = ()

    def __init__(
        self, model: Module, outputs: tuple[str, ...], device: str, engine: str | None = None
    ) -> None:
        self._model = model
        self._outputs = outputs
        self._device = torch.device(device)
        self._engine = engine
        self._timed: Forward | None = None

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs by name: of a compiled model as it is timed, else as exported graphs give them."""
        self._set_engine()
        is_fused = isinstance(self._model, Compiled)  # fused attention differs from every exported graph
        torch.backends.mha.set_fastpath_enabled(is_fused)
        with torch.inference_mode():
            values = named_apart(flatten_outputs(self._model(*self._tensors(inputs))), inputs)
        return {name: to_numpy(values[name]) for name in self._outputs}

    def bind(self, inputs: Arrays) -> TimedCall:
        """A timed forward pass, as fast as PyTorch has it; on CUDA between events, else by the wall clock."""
        self._set_engine()
        torch.backends.mha.set_fastpath_enabled(True)
        tensors = self._tensors(inputs)
        model = self._timed_form(tensors)

        def forward() -> object:
            with torch.inference_mode():
                return model(*tensors)

        if self._device.type != "cuda":
            return wall_timed(forward)

        def timed() -> int:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            forward()
            end.record()
            torch.cuda.synchronize(self._device)
            return int(begin.elapsed_time(end) * 1e6)

        return timed

    def _timed_form(self, tensors: list[torch.Tensor]) -> Forward:
        """What is called when it is timed: compiled for these sizes, or found once."""
        if isinstance(self._model, Compiled):
            with torch.inference_mode():
                return self._model.at(tensors)
        if self._timed is None:
            self._timed = fastest_form(self._model, tensors)
        return self._timed

    @property
    def compile_ns(self) -> int:
        """What torch.compile took for the sizes that were run last; 0 where nothing is compiled."""
        return self._model.compile_ns if isinstance(self._model, Compiled) else 0

    def _set_engine(self) -> None:
        if self._engine is not None:
            use_engine(self._engine)

    def _tensors(self, inputs: Arrays) -> list[torch.Tensor]:
        return [torch.from_numpy(np.asarray(v, order="C")).to(self._device) for v in inputs.values()]


def load(artifact: Artifact, device: str, threads: int) -> TorchSession:
    """Load a PyTorch artifact by its loader."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise NotMeasuredError("PyTorch sees no CUDA device")
    torch.set_num_threads(threads)
    use_tf32(False)
    engine = read_engine(artifact.path)
    if engine is not None and device != "cpu":
        raise NotMeasuredError("quantized PyTorch runs on the CPU only")
    model = load_model(artifact.path, artifact.loader)
    if device.startswith("cuda"):
        model = move(model, device)
    if artifact.in_float32:
        model = Float32Model(model)
    if artifact.loader is not None and artifact.loader.compiled:
        model = compile_model(model, artifact.loader.compiled, device, artifact.half)
    outputs = tuple(spec.runtime_name for spec in artifact.signature.outputs)
    return TorchSession(model, outputs, device, engine)


def gpu_memory(device: str) -> GpuMemory:
    """Figures of PyTorch's caching allocator."""
    peak = torch.cuda.max_memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    return GpuMemory(None, torch.cuda.memory_allocated(device), peak, torch.cuda.memory_reserved(device))


def move(model: Module, device: str) -> Module:
    """The model with its weights on another device."""
    if not isinstance(model, torch.nn.Module):
        raise NotMeasuredError(f"this model cannot be moved to {device}")
    return model.to(device)


def use_tf32(is_on: bool) -> None:
    """Let float32 products on a GPU round their operands to 10 bits, or not: convolutions do by default."""
    torch.backends.cuda.matmul.allow_tf32 = is_on
    torch.backends.cudnn.allow_tf32 = is_on


def parameters_of(model: Module) -> dict[str, bool]:
    """Names of the inputs of a model's forward pass, in order, and whether each has to be given."""
    if isinstance(model, torch.jit.ScriptModule):
        arguments = model.forward.schema.arguments[1:]  # type: ignore[attr-defined]
        return {a.name: not a.has_default_value() for a in arguments}
    forward = model.forward if isinstance(model, torch.nn.Module) else model
    parameters = inspect.signature(forward).parameters.values()
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {p.name: p.default is inspect.Parameter.empty for p in parameters if p.kind in named}


def describe(job: DescribeJob) -> Described:
    """Inputs as given or named after forward's parameters, outputs from running the model."""
    if job.loader is not None and job.loader.kind == "huggingface":
        return describe_folder(job)
    assert job.examples is not None
    loader, examples = job.loader, list(read_npz(job.examples).values())
    assert loader is not None
    model, opening_notes = open_model(job.path, loader)
    inputs = named_inputs(job, model)
    names = [spec.name for spec in inputs]
    casts = casts_of(model, examples, lambda: load_model(job.path, loader))
    if casts:
        model = load_model(job.path, replace(loader, casts=casts))
    checked = run_checked(model, loader.kind, examples)
    shapes = shapes_of(named_apart(checked.outputs, names))
    other = {axis: shapes_at_another(model, files, names) for axis, files in job.other_sizes.items()}
    specs = tuple(
        TensorSpec(name, dtype, dynamic_shape(name, shape, other)) for name, (dtype, shape) in shapes.items()
    )
    if not specs:
        raise ModelFileError("the model returns no tensor")
    details = {"torch": str(torch.__version__)}
    signature = Signature(inputs, specs)
    notes = (*opening_notes, *complex_notes(checked.complex))
    weights = weights_bytes(model)
    return Described(signature, details, half=checked.half, casts=casts, notes=notes, weights_bytes=weights)


def complex_notes(names: tuple[str, ...]) -> tuple[str, ...]:
    """That complex outputs became two each; nothing where there are none."""
    return tuple(
        f"output '{name}' is complex: its parts are '{name}_real' and '{name}_imag'" for name in names
    )


def shapes_at_another(model: Module, files: tuple[str, ...], inputs: list[str]) -> Shapes:
    """dtype and shape of each output at the first other size that the model takes.

    Raises:
        SamplesError: it takes none of them.
    """
    for file in files[:-1]:
        with contextlib.suppress(SamplesError):
            return output_shapes(model, list(read_npz(file).values()), inputs)
    return output_shapes(model, list(read_npz(files[-1]).values()), inputs)


def named_inputs(job: DescribeJob, model: Module) -> tuple[TensorSpec, ...]:
    """The job's inputs, in forward's order and under its names.

    Raises:
        SamplesError: their names are not those of forward's parameters.
    """
    assert job.loader is not None
    given = {spec.name: spec for spec in job.inputs}
    if job.loader.kind == "exported-program":
        return job.inputs
    parameters = parameters_of(model)
    names = tuple(name for name, is_required in parameters.items() if is_required or name in given)
    if set(names) == set(given) or not names:
        check_leading(names, tuple(parameters))
        return tuple(given[name] for name in names) or job.inputs
    names = tuple(name for name, is_required in parameters.items() if is_required)
    if len(names) == len(given) and (len(names) == 1 or all(map(NUMBERED.fullmatch, given))):
        return tuple(replace(spec, name=name) for name, spec in zip(names, job.inputs, strict=True))
    optional = ", ".join(name for name in parameters if name not in names)
    raise SamplesError(
        f"the model's inputs are {', '.join(names)}{f' (optional: {optional})' if optional else ''}; "
        f"the samples or --input name {', '.join(given)}",
        hint="name the arrays of the .npz after the inputs",
    )


def check_leading(names: tuple[str, ...], parameters: tuple[str, ...]) -> None:
    """Raise SamplesError where an optional input is given and one before it is not: calls are by position."""
    if names != parameters[: len(names)]:
        left = next(name for name in parameters if name not in names)
        last = next(name for name in names[::-1] if parameters.index(name) > parameters.index(left))
        raise SamplesError(
            f"'{last}' is given, and '{left}' before it in forward is not",
            hint=f"give '{left}' as well, or a module whose forward takes {', '.join(names)} alone",
        )
