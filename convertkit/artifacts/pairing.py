"""Inputs and outputs of one artifact under the names and axis orders of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

import msgspec

from convertkit.artifacts.signature import Dim, Signature, TensorSpec
from convertkit.errors import InputError, UsageError, did_you_mean

MOST_WAYS = 120  # five outputs of one shape
MAP_HINT = "pair them by hand: --map A=B, the name in A and the name in B"
Specs = tuple[TensorSpec, ...]


def align(found: Signature, logical: Signature, path: str) -> Signature:
    """The artifact's signature under the other's names and axis orders: the first of `ways`."""
    return ways(found, logical, path)[0]


def ways(
    found: Signature, logical: Signature, path: str, names: Mapping[str, str] | None = None
) -> list[Signature]:
    """All that the artifact's inputs and outputs can be of the other's, by position first; 120 at most.

    Tensors of the same name belong together, and those that are named as pairs. Of the others every pair
    counts whose shapes agree, in the same axis order or channels-last.

    Args:
        names: name in the other signature → name in the artifact's own.

    Raises:
        UsageError: a name of a pair is not there.
        InputError: there is no way.
    """
    names = names or {}
    check_names(names, found, logical, path)
    inputs = logical.inputs
    if len(found.inputs) < len(inputs):
        inputs = tuple(spec for spec in inputs if not spec.is_bound)
    every = product(
        specs_ways(found.inputs, inputs, path, names), specs_ways(found.outputs, logical.outputs, path, names)
    )
    return [Signature(*way) for way in islice(every, MOST_WAYS)]


def check_names(names: Mapping[str, str], found: Signature, logical: Signature, path: str) -> None:
    """Raise UsageError where a pair names a tensor that is not there."""
    wanted = [spec.name for spec in (*logical.inputs, *logical.outputs)]
    own = [spec.name for spec in (*found.inputs, *found.outputs)]
    for one, other in names.items():
        for name, known, where in ((one, wanted, "the reference"), (other, own, path)):
            if name not in known:
                raise UsageError(
                    f"--map {one}={other}: {where} has no '{name}'", hint=did_you_mean(name, known)
                )


def specs_ways(found: Specs, logical: Specs, path: str, names: Mapping[str, str]) -> list[Specs]:
    """Every way in which one side's tensors are the other's.

    Raises:
        InputError: their number differs, a name that others share is missing, or no shapes agree.
    """
    by_name = {spec.name: spec for spec in found}
    if len(found) != len(logical):
        expected = ", ".join(spec.name for spec in logical)
        raise InputError(f"{path} has {', '.join(by_name)}; expected {expected}")
    partners = {spec.name: by_name[name] for spec in logical if (name := named(spec, names, by_name))}
    free = [spec for spec in found if spec not in partners.values()]
    is_shared = any(spec.name in by_name for spec in logical)
    open_ones = [spec.name for spec in logical if spec.name not in partners]
    if open_ones and is_shared and not names:
        hint = f"pair them by hand, for example --map {open_ones[0]}={free[0].name}"
        raise InputError(f"{path} has no '{open_ones[0]}'; it has {', '.join(by_name)}", hint=hint)
    for spec in logical:
        rivals = [partners[spec.name]] if spec.name in partners else free
        if not any(orders(got, spec) for got in rivals):
            shape = ",".join(str(dim) for dim in spec.logical_shape)
            raise InputError(
                f"{path}: '{rivals[0].describe()}' does not fit [{shape}]", hint=f"{MAP_HINT}: --map A=B"
            )
    made = list(islice(paired(free, partners, logical), MOST_WAYS))
    if not made:
        told = ", ".join(spec.describe() for spec in free)
        raise InputError(
            f"{path} has {told}, which do not fit {', '.join(open_ones)}", hint=f"{MAP_HINT}: --map A=B"
        )
    return made


def named(spec: TensorSpec, names: Mapping[str, str], by_name: Mapping[str, TensorSpec]) -> str:
    """The name of a tensor's counterpart; empty where it is open."""
    if spec.name in names:
        return names[spec.name] if names[spec.name] in by_name else ""
    return spec.name if spec.name in by_name and spec.name not in names.values() else ""


def paired(free: Sequence[TensorSpec], partners: Mapping[str, TensorSpec], logical: Specs) -> Iterator[Specs]:
    """Every order of the free tensors, and every axis order of each, that fits; by position first."""
    if not logical:
        yield ()
        return
    first, *rest = logical
    for got in [partners[first.name]] if first.name in partners else free:
        left = [each for each in free if each is not got]
        for spec in aligned(got, first):
            yield from ((spec, *others) for others in paired(left, partners, tuple(rest)))


def aligned(got: TensorSpec, wanted: TensorSpec) -> list[TensorSpec]:
    """One tensor under the other's name, in each axis order that the shapes allow."""
    key = got.runtime_name if got.runtime_name != wanted.name else None
    return [
        msgspec.structs.replace(
            got, name=wanted.name, axis_order=order, key=key, batch_axis=wanted.batch_axis
        )
        for order in orders(got, wanted)
    ]


def orders(got: TensorSpec, wanted: TensorSpec) -> list[tuple[int, ...] | None]:
    """The axis orders in which a tensor's shape agrees with the other's: the same one, and channels-last."""
    shape = wanted.logical_shape
    rank = len(shape)
    known: list[tuple[int, ...] | None] = [None]
    if rank >= 3:
        known.append((0, *range(2, rank), 1))
    return [
        order
        for order in known
        if fits(got.shape, shape if order is None else tuple(shape[axis] for axis in order))
    ]


def fits(got: tuple[Dim, ...], wanted: tuple[Dim, ...]) -> bool:
    """True where two shapes agree, a dynamic axis with any size."""
    return len(got) == len(wanted) and all(
        a == b or isinstance(a, str) or isinstance(b, str) for a, b in zip(got, wanted, strict=True)
    )
