"""What is asked of the inputs by hand: types and sizes, bounds of axes, constants in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import yaml

from convertkit.artifacts.axes import InputAxes
from convertkit.artifacts.signature import Array, Dim, Signature, TensorSpec
from convertkit.errors import UsageError, did_you_mean
from convertkit.recipe import Recipe
from convertkit.samples.inputs import check_axes, parse_input, take_bounds
from convertkit.samples.samples import Samples

Ranges = dict[str, tuple[int, int | None]]


class Asked(msgspec.Struct, frozen=True):
    """What was asked of the inputs.

    Attributes:
        inputs: those that were told: a number fixes an axis, a word names a free one.
        ranges: axis → smallest and largest size to try.
        bound: input → the constant in its place.
        batch: size of the batch axis; None: it stays as it is.
        is_static: fix every free axis: the batch at one, others at the samples' sizes.
        output_names: what the outputs are called, in their order; empty: as in the model.
    """

    inputs: tuple[TensorSpec, ...] = ()
    ranges: Ranges = {}
    bound: dict[str, Any] = {}
    batch: int | None = None
    is_static: bool = False
    output_names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        inputs: Sequence[str],
        bind: Sequence[str] = (),
        batch: int | None = None,
        *,
        static: bool = False,
        output_names: Sequence[str] = (),
    ) -> Asked:
        """What the words say.

        Raises:
            UsageError: one is not of its form.
        """
        specs: list[TensorSpec] = []
        ranges: Ranges = {}
        for text in inputs:
            plain, found = take_bounds(text)
            ranges |= found
            if not found or ":" in plain:
                specs.append(parse_input(plain))
        bound = dict(map(parse_bound, bind))
        return cls(tuple(specs), ranges, bound, batch, static, tuple(output_names))

    def specs(self, known: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
        """The inputs that a file tells, with what was asked of them; those told by hand where it tells none.

        Raises:
            UsageError: an input or a bound has another name, or does not fit what the file tells.
        """
        if not known and self.bound and not self.inputs:
            raise UsageError("the file does not tell its inputs, so that none can be bound", hint="--input")
        known = known or self.inputs
        names = [spec.name for spec in known]
        for name in (*(spec.name for spec in self.inputs), *self.bound):
            if name not in names:
                hint = did_you_mean(name, names)
                raise UsageError(f"the model has no input '{name}'", hint=hint)
        words = self.words(known)
        check_axes(self.inputs, () if known is self.inputs else known)
        specs = {spec.name: spec for spec in self.inputs}
        found = []
        for spec in known:
            shape = tuple(words.get(dim, dim) for dim in spec.shape)
            if spec.name in specs:
                shape = specs[spec.name].shape
            found.append(msgspec.structs.replace(spec, shape=shape))
        return tuple(self.with_constant(spec) for spec in found)

    def words(self, known: tuple[TensorSpec, ...]) -> dict[Dim, Dim]:
        """What the file's names of axes are called, or fixed at, where inputs were told.

        Raises:
            UsageError: a type, a rank or a size is not the file's.
        """
        own = {spec.name: spec for spec in known}
        words: dict[Dim, Dim] = {}
        for spec in (spec for spec in self.inputs if spec.name in own):
            before = own[spec.name]
            told = f"--input '{spec.describe()}' does not fit {before.describe()}"
            if spec.dtype != before.dtype or len(spec.shape) != len(before.shape):
                raise UsageError(told, hint="give the model's own type and as many axes as it has")
            for old, new in zip(before.shape, spec.shape, strict=True):
                if isinstance(old, int) and old != new:
                    raise UsageError(told, hint=f"the model fixes that axis at {old}")
                if isinstance(old, str) and words.setdefault(old, new) != new:
                    raise UsageError(f"{told}: '{old}' is {words[old]} and {new}", hint="it is one axis")
        return words

    def signature(self, known: Signature) -> Signature:
        """The signature of a file that tells it whole, its outputs' axes under the new names."""
        words = self.words(known.inputs) if known.inputs else {}
        outputs = tuple(
            msgspec.structs.replace(spec, shape=tuple(words.get(dim, dim) for dim in spec.shape))
            for spec in known.outputs
        )
        return Signature(self.specs(known.inputs), outputs)

    def with_constant(self, spec: TensorSpec) -> TensorSpec:
        """The input, marked and of its constant's shape where it is bound.

        Raises:
            UsageError: the constant is of another shape or type.
        """
        if spec.name not in self.bound:
            return spec
        values = self.constant(spec)
        return msgspec.structs.replace(spec, shape=values.shape, batch_axis=None, is_bound=True)

    def constant(self, spec: TensorSpec) -> Array:
        """The array in place of a bound input; one number fills every size that the model fixes."""
        given = np.asarray(self.bound[spec.name])
        told = f"--bind {spec.name}={self.bound[spec.name]} does not fit {spec.describe()}"
        is_float = given.dtype.kind == np.dtype(spec.dtype).kind == "f"
        if given.dtype.kind not in "fiub" or (not is_float and (given.astype(spec.dtype) != given).any()):
            raise UsageError(told, hint=f"it takes {spec.dtype}")
        if not given.ndim:
            given = np.full([dim if isinstance(dim, int) else 1 for dim in spec.shape], given)
        sizes = zip(spec.shape, given.shape, strict=False)
        if given.ndim != len(spec.shape) or any(isinstance(d, int) and d != size for d, size in sizes):
            raise UsageError(told, hint="give as many values as it takes: [1, 2, 3]")
        return given.astype(spec.dtype)

    def arrays(self, inputs: tuple[TensorSpec, ...]) -> dict[str, Array]:
        """The constants in place of bound inputs."""
        return {spec.name: self.constant(spec) for spec in inputs if spec.name in self.bound}

    def settled(self, signature: Signature, samples: Samples) -> Signature:
        """The signature with the axes fixed that are to be."""
        sizes: dict[Dim, int] = {}
        for spec in signature.inputs:
            values = samples.arrays[spec.name]
            for axis, word in spec.dynamic_axes.items():
                place = InputAxes.of(spec, values).place(axis)
                if place == 0 and (self.batch or self.is_static):
                    sizes[word] = self.batch or 1
                elif place and self.is_static:
                    sizes[word] = values.shape[place]
        if not sizes:
            return signature
        return Signature(
            *(
                tuple(
                    msgspec.structs.replace(spec, shape=tuple(sizes.get(dim, dim) for dim in spec.shape))
                    for spec in specs
                )
                for specs in (signature.inputs, signature.outputs)
            )
        )

    def named(self, signature: Signature) -> Signature:
        """The signature with its outputs under the names that were asked for; the model's own is the key.

        Raises:
            UsageError: there are more or fewer outputs than names, or two tensors would have one name.
        """
        names, outputs = self.output_names, signature.outputs
        if not names:
            return signature
        own = ", ".join(spec.name for spec in outputs)
        if len(names) != len(outputs):
            raise UsageError(
                f"--output-names has {len(names)}, the model gives {len(outputs)}: {own}",
                hint="one name for each output, in this order",
            )
        taken = [*names, *(spec.name for spec in signature.inputs)]
        twice = next((name for name in names if taken.count(name) > 1 or not name), None)
        if twice is not None:
            raise UsageError(
                f"--output-names {','.join(names)}: '{twice}' would be the name of two tensors"
                if twice
                else f"--output-names {','.join(names)}: a name is empty",
                hint=f"the inputs are {', '.join(spec.name for spec in signature.inputs)}",
            )
        return Signature(
            signature.inputs,
            tuple(
                spec if name == spec.name else msgspec.structs.replace(spec, name=name, key=spec.runtime_name)
                for name, spec in zip(names, outputs, strict=True)
            ),
        )

    def check_bounds(self, signature: Signature) -> None:
        """Raise UsageError where bounds were asked for of an axis that there is not."""
        words = list(dict.fromkeys(w for spec in signature.inputs for w in spec.dynamic_axes.values()))
        for name in self.ranges:
            if name not in words:
                free = f"the free axes are {', '.join(words)}; --input 'NAME:DTYPE[d0,d1,…]' names them"
                hint = free if words else "every axis is fixed"
                raise UsageError(f"the model has no free axis '{name}'", hint=hint)

    def limited(self, ranges: Mapping[str, tuple[int, int | None]], known: tuple[TensorSpec, ...]) -> Ranges:
        """The file's own ranges of its axes under their new names, and within them what was asked for."""
        words = self.words(known) if known else {}
        found: Ranges = {str(words.get(name, name)): limits for name, limits in ranges.items()}
        for name, (low, high) in self.ranges.items():
            lowest, highest = found.get(name, (1, None))
            ends = [end for end in (high, highest) if end is not None]
            found[name] = (max(low, lowest), min(ends) if ends else None)
        return found


def asked_of(recipe: Recipe) -> Asked:
    """What a recipe asks of the inputs.

    Raises:
        UsageError: a word is not of its form.
    """
    return Asked.of(
        recipe.inputs, recipe.bind, recipe.batch, static=recipe.static, output_names=recipe.output_names
    )


def parse_bound(text: str) -> tuple[str, Any]:
    """Name and value of `NAME=VALUE`, the value as in YAML.

    Raises:
        UsageError: it is not of that form.
    """
    name, separator, value = text.partition("=")
    try:
        found = yaml.safe_load(value) if separator else None
    except (yaml.YAMLError, ValueError):
        found = None
    if not name.strip() or not isinstance(found, (int, float, bool, list)):
        raise UsageError(
            f"--bind '{text}' is not NAME=VALUE", hint="for example --bind sr=16000 or --bind 'scale=[1, 2]'"
        )
    return name.strip(), found
