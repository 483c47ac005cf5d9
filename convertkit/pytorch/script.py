"""Writes quantized PyTorch models as TorchScript, and finds what the file can do. Runs in a worker.

Upstream flags set: `torch.jit.trace` with `check_trace=False` (what it gives is compared here, at several
sizes) and `strict=False` (models that return a dict); `torch.jit.freeze`, which turns packed weights into
constants, so that no code runs while the file is loaded, and folds BatchNorm. Debug records are left out:
they hold the paths of source files, and are no part of the model.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convertkit.artifacts.signature import Arrays, Dim, Signature, TensorSpec
from convertkit.causes import first_line
from convertkit.errors import StageError
from convertkit.pytorch.engine import MEMBER
from convertkit.pytorch.outputs import dynamic_shape, flatten_outputs, is_flat, output_shapes
from convertkit.samples.axes import other_sizes, resized

LARGEST_ERROR = 0.1  # of the norm: folding BatchNorm moves some values by a quantization step
SIZES_TO_CHECK = 2
WRITERS_OWN = ("version", "byteorder", ".data/", ".format_version", ".storage_alignment")


class Named(torch.nn.Module):
    """A model whose outputs come as a dict, under the names that the run knows them by."""

    def __init__(self, model: torch.nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """The outputs by name."""
        values = flatten_outputs(self.model(*inputs))
        return {name: values[name] for name in self.names}


def save_script(
    model: torch.nn.Module, source: Signature, examples: Arrays, engine: str, path: Path
) -> Signature:
    """Write a model by tracing it or, where a trace is fixed to the sizes it saw, by scripting it.

    Args:
        source: the float model's signature; an axis stays dynamic where the file agrees with `model` at
            other sizes.
        examples: one call's inputs, logical, in the model's order.

    Returns:
        The signature of what was written.

    Raises:
        StageError: neither way gives what the model gives.
    """
    forget_classes()
    tries: list[tuple[int, set[str], Any]] = []
    faults: list[str] = []
    for record in (trace, script):
        try:
            recorded, doubts = record(model, source, examples)
            made = torch.jit.freeze(recorded.eval())
            lost = lost_axes(model, made, source, examples)
        except Exception as error:  # the tracer and the compiler raise their own errors, and any other
            faults.append(f"{record.__name__}: {first_line(error)}"[:140])
            continue
        tries.append((len(lost) + doubts, lost, made))
        if not tries[-1][0]:
            break
    if not tries:
        raise StageError(f"the quantized model cannot be saved; {'; '.join(faults)}")
    _, lost, best = min(tries, key=lambda tried: tried[0])
    write_archive(best, engine, path)
    return read_back(best, source, examples, lost)


def forget_classes() -> None:
    """Have PyTorch name classes from the start, so that the bytes of a file do not depend on the ones before.

    It numbers classes of the same name over the life of the process, and a file holds their names.
    """
    from torch.jit import _recursive, _state

    unit = torch._C.CompilationUnit()
    _state._python_cu = unit
    _recursive._python_cu = unit  # type: ignore[attr-defined]
    _recursive.concrete_type_store = _recursive.ConcreteTypeStore()
    _state._clear_class_state()


def trace(model: torch.nn.Module, source: Signature, examples: Arrays) -> tuple[Any, bool]:
    """The operators that one call runs, and whether another call might run others.

    Outputs get the source's names where the trace loses them.
    """
    inputs = tensors(examples)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        traced = named_trace(model, tuple(spec.runtime_name for spec in source.outputs), inputs)
    return traced, any("to a Python boolean" in str(warning.message) for warning in caught)


def named_trace(model: torch.nn.Module, names: tuple[str, ...], inputs: tuple[torch.Tensor, ...]) -> Any:
    """A trace whose outputs have these names: of the model, or, where it loses them, of the model `Named`."""
    if is_flat(model(*inputs)):  # the tracer takes no other structures
        traced: Any = torch.jit.trace(model, inputs, check_trace=False, strict=False)
        if set(flatten_outputs(traced(*inputs))) == set(names):
            return traced
    return torch.jit.trace(Named(model, names), inputs, check_trace=False, strict=False)


def script(model: torch.nn.Module, source: Signature, examples: Arrays) -> tuple[Any, bool]:
    """The model's code, compiled: control flow and sizes stay; no doubt about them."""
    scripted: Any = torch.jit.script(model)
    if set(flatten_outputs(scripted(*tensors(examples)))) != {spec.runtime_name for spec in source.outputs}:
        raise StageError("it returns its outputs under other names")
    return scripted, False


def tensors(arrays: Arrays) -> tuple[torch.Tensor, ...]:
    """Arrays as tensors, in order."""
    return tuple(torch.from_numpy(np.asarray(values, order="C")) for values in arrays.values())


def lost_axes(model: Any, made: Any, source: Signature, examples: Arrays) -> set[str]:
    """Names of the source's dynamic axes at whose other sizes `made` fails, or is not `model`.

    Raises:
        StageError: they differ at the size of the examples already.
    """
    if not agree(model, made, examples):
        raise StageError("it gives other outputs than the quantized model")
    lost: set[str] = set()
    for spec in source.inputs:
        for axis, name in spec.dynamic_axes.items():
            sizes = other_sizes(examples[spec.name].shape[axis], is_batch=axis == spec.batch_axis)[
                :SIZES_TO_CHECK
            ]
            if not all(agree(model, made, other_call(source, examples, name, size)) for size in sizes):
                lost.add(name)
    return lost


def other_call(source: Signature, examples: Arrays, name: str, size: int) -> Arrays:
    """The example call at another size of one of its axes."""
    return resized(source.inputs, examples, name, size, are_samples=False)


def agree(model: Any, made: Any, arrays: Arrays) -> bool:
    """True where both give the same outputs, up to rounding, or where the model does not take the inputs."""
    inputs = tensors(arrays)
    with torch.inference_mode():
        try:
            wanted = flatten_outputs(model(*inputs))
        except Exception:  # a size that the source itself does not take proves nothing
            return True
        try:
            got = flatten_outputs(made(*inputs))
        except Exception:
            return False
    return all(
        got[name].shape == value.shape
        and bool((got[name].double() - value.double()).norm() <= LARGEST_ERROR * value.double().norm())
        for name, value in wanted.items()
    )


def read_back(made: Any, source: Signature, examples: Arrays, lost: set[str]) -> Signature:
    """The signature of what was made: a lost axis has the size of the examples."""
    inputs = tuple(fixed(spec, examples[spec.name].shape, lost) for spec in source.inputs)
    kept = {name for spec in inputs for name in spec.dynamic_axes.values()}
    shapes = output_shapes(made, list(examples.values()))
    other = {}
    for name in kept:
        size = next(
            examples[spec.name].shape[axis] + 1
            for spec in inputs
            for axis, known in spec.dynamic_axes.items()
            if known == name
        )
        other[name] = output_shapes(
            made, list(resized(inputs, examples, name, size, are_samples=False).values())
        )
    outputs = (
        TensorSpec(spec.name, shapes[name][0], dynamic_shape(name, shapes[name][1], other), key=spec.key)
        for spec in source.outputs
        for name in [spec.runtime_name]
    )
    return Signature(inputs, tuple(outputs))


def fixed(spec: TensorSpec, shape: tuple[int, ...], lost: set[str]) -> TensorSpec:
    """An input with its lost axes as numbers."""
    dims: list[Dim] = [size if dim in lost else dim for dim, size in zip(spec.shape, shape, strict=True)]
    return TensorSpec(spec.name, spec.dtype, tuple(dims), batch_axis=spec.batch_axis)


def write_archive(made: Any, engine: str, path: Path) -> None:
    """Write TorchScript with the engine's name and without debug records."""
    raw = path.with_name(f"{path.name}.raw")
    torch.jit.save(made, str(raw))
    reader = torch._C.PyTorchFileReader(str(raw))
    writer = torch._C.PyTorchFileWriter(str(path))
    for name in reader.get_all_records():
        if not name.endswith(".debug_pkl") and not name.startswith(WRITERS_OWN):
            content = reader.get_record(name)
            writer.write_record(name, content, len(content))
    writer.write_record(MEMBER, engine.encode(), len(engine))
    writer.write_end_of_file()
    raw.unlink()
