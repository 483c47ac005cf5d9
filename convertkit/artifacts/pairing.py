"""Inputs and outputs of one artifact under the names and axis orders of another."""

from __future__ import annotations

import msgspec

from convertkit.artifacts.signature import Dim, Signature, TensorSpec
from convertkit.errors import InputError


def align(found: Signature, logical: Signature, path: str) -> Signature:
    """The artifact's signature under the other's names and axis orders."""
    inputs = logical.inputs
    if len(found.inputs) < len(inputs):
        inputs = tuple(spec for spec in inputs if not spec.is_bound)
    return Signature(
        align_specs(found.inputs, inputs, path), align_specs(found.outputs, logical.outputs, path)
    )


def align_specs(
    found: tuple[TensorSpec, ...], logical: tuple[TensorSpec, ...], path: str
) -> tuple[TensorSpec, ...]:
    """Each logical tensor's counterpart: by name, or by position where no name is shared.

    Raises:
        InputError: there is none, or its shape fits neither the same axis order nor channels-last.
    """
    by_name = {spec.name: spec for spec in found}
    names = [spec.name for spec in logical]
    if len(found) != len(logical):
        raise InputError(f"{path} has {', '.join(by_name)}; expected {', '.join(names)}")
    if set(names) & set(by_name):
        missing = [name for name in names if name not in by_name]
        if missing:
            raise InputError(f"{path} has no '{missing[0]}'; it has {', '.join(by_name)}")
        pairs = [(by_name[spec.name], spec) for spec in logical]
    else:
        pairs = list(zip(found, logical, strict=True))
    return tuple(align_spec(got, wanted, path) for got, wanted in pairs)


def align_spec(got: TensorSpec, wanted: TensorSpec, path: str) -> TensorSpec:
    """One tensor under the other's name; the same axis order where the shape allows it."""
    shape = wanted.logical_shape
    rank = len(shape)
    orders: list[tuple[int, ...] | None] = [None]
    if rank >= 3:
        orders.append((0, *range(2, rank), 1))
    for order in orders:
        permuted = shape if order is None else tuple(shape[axis] for axis in order)
        if fits(got.shape, permuted):
            key = got.runtime_name if got.runtime_name != wanted.name else None
            return msgspec.structs.replace(
                got, name=wanted.name, axis_order=order, key=key, batch_axis=wanted.batch_axis
            )
    raise InputError(f"{path}: '{got.describe()}' does not fit [{','.join(str(dim) for dim in shape)}]")


def fits(got: tuple[Dim, ...], wanted: tuple[Dim, ...]) -> bool:
    """True where two shapes agree, a dynamic axis with any size."""
    return len(got) == len(wanted) and all(
        a == b or isinstance(a, str) or isinstance(b, str) for a, b in zip(got, wanted, strict=True)
    )
