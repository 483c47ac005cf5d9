"""Signatures: the inputs and outputs of an artifact, and how its arrays map to the source model's.

`physical` is what the artifact takes and gives; `logical` is the source model's own axis order and units.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from convertkit.artifacts.pixels import Fold, Pixels
from convertkit.errors import StageError

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Dim = int | str


class TensorSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One input or output of an artifact.

    Attributes:
        name: the source model's name for it.
        dtype: NumPy name of the element type the artifact itself takes or gives.
        shape: the artifact's own (physical) shape; a word is a dynamic axis.
        axis_order: `physical = transpose(logical, axis_order)`; None where both are the same.
        scale, zero_point: per-tensor quantization, `real = (value - zero_point) * scale`.
        key: the name the runtime knows the tensor by, where it could not be kept.
        batch_axis: the logical axis along which samples are stacked; None where there is none: an input that
            every call takes whole, an output that a call gives once.
        pixels: the input takes pixels, channels last, and normalises them itself; null for all others.
        is_bound: an input that a constant of the examples takes the place of, from the next graph on.
    """

    name: str
    dtype: str
    shape: tuple[Dim, ...]
    axis_order: tuple[int, ...] | None = None
    scale: float | None = None
    zero_point: int | None = None
    key: str | None = None
    batch_axis: int | None = 0
    is_bound: bool = False
    pixels: Pixels | None = None

    @property
    def runtime_name(self) -> str:
        """The name under which the runtime takes or gives the tensor."""
        return self.key or self.name

    @property
    def logical_dtype(self) -> str:
        """The element type in the source's units: float32 for a quantized tensor, and for pixels."""
        return self.dtype if self.scale is None and self.pixels is None else "float32"

    @property
    def logical_shape(self) -> tuple[Dim, ...]:
        """The shape in the source's axis order."""
        if self.axis_order is None:
            return self.shape
        shape: list[Dim] = [0] * len(self.shape)
        for physical, logical in enumerate(self.axis_order):
            shape[logical] = self.shape[physical]
        return tuple(shape)

    @property
    def dynamic_axes(self) -> dict[int, str]:
        """Logical axis number → name, for the axes whose size is free."""
        return {axis: dim for axis, dim in enumerate(self.logical_shape) if isinstance(dim, str)}

    def describe(self) -> str:
        """`input:float32[batch,3,224,224]`, in the artifact's own axis order."""
        return f"{self.name}:{self.dtype}[{','.join(str(dim) for dim in self.shape)}]"


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The inputs and outputs of an artifact, in order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def input(self, name: str) -> TensorSpec:
        """The input of that name; KeyError where there is none."""
        return {spec.name: spec for spec in self.inputs}[name]


def logical_inputs(signature: Signature) -> tuple[TensorSpec, ...]:
    """The inputs in the source's axis order and without quantization."""
    return tuple(
        TensorSpec(s.name, s.logical_dtype, s.logical_shape, batch_axis=s.batch_axis)
        for s in signature.inputs
    )


def taken(signature: Signature) -> Signature:
    """The signature without the inputs that constants take the place of."""
    return Signature(tuple(spec for spec in signature.inputs if not spec.is_bound), signature.outputs)


def folded(signature: Signature, fold: Fold) -> Signature:
    """The signature of an artifact after normalisation was folded into it."""
    return Signature(
        tuple(folded_spec(spec, fold) if spec.name == fold.input else spec for spec in signature.inputs),
        signature.outputs,
    )


def folded_spec(spec: TensorSpec, fold: Fold) -> TensorSpec:
    """The image input as it is then: pixels, channels last, not quantized."""
    order = fold.axis_order
    shape = spec.logical_shape if order is None else tuple(spec.logical_shape[axis] for axis in order)
    return msgspec.structs.replace(
        spec,
        dtype=fold.dtype,
        shape=shape,
        axis_order=order,
        scale=None,
        zero_point=None,
        pixels=fold.pixels,
    )


def to_physical(values: Array, spec: TensorSpec) -> Array:
    """The array as the artifact takes it: axes permuted, then quantized, or made pixels again.

    Args:
        values: logical axis order, source units.
        spec: the artifact's input.

    Returns:
        Array of `spec.dtype`.
    """
    if spec.axis_order is not None:
        values = np.asarray(np.transpose(values, spec.axis_order), order="C")
    if spec.pixels is not None:
        return spec.pixels.given(values, spec.dtype)
    return quantize(values, spec) if spec.scale is not None else values.astype(spec.dtype, copy=False)


def to_logical(values: Array, spec: TensorSpec) -> Array:
    """The inverse of `to_physical`: what the artifact gave, in the source's axis order and units."""
    if spec.scale is not None:
        values = dequantize(values, spec)
    if spec.axis_order is not None:
        values = np.transpose(values, np.argsort(spec.axis_order))
    return values


def quantize(values: Array, spec: TensorSpec) -> Array:
    """Integers of a real tensor: round(values / scale) + zero_point, clipped to the type's range.

    Raises:
        StageError: the spec has no usable scale.

    Source: LiteRT 8-bit quantization specification.
    """
    info = np.iinfo(spec.dtype)
    scaled = np.rint(values.astype(np.float64) / usable_scale(spec)) + (spec.zero_point or 0)
    integers: Array = np.clip(scaled, info.min, info.max).astype(spec.dtype)
    return integers


def dequantize(values: Array, spec: TensorSpec) -> Array:
    """Real values of an integer tensor: (values - zero_point) * scale, as float32.

    Raises:
        StageError: the spec has no usable scale.

    Source: LiteRT 8-bit quantization specification.
    """
    shifted = values.astype(np.float64) - (spec.zero_point or 0)
    return (shifted * usable_scale(spec)).astype(np.float32)


def usable_scale(spec: TensorSpec) -> float:
    """The spec's scale.

    Raises:
        StageError: it is missing, not positive, or not finite.
    """
    if spec.scale is None or not np.isfinite(spec.scale) or spec.scale <= 0:
        raise StageError(f"tensor '{spec.name}' has no usable quantization scale ({spec.scale})")
    return spec.scale
