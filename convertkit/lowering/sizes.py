"""Sizes of axes: an int where known at build time, else a polynomial of sizes that are known at run time."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf


class Atom:
    """One size that only a run can tell, with the scalar tensor that tells it.

    Attributes:
        name: equal names mean equal sizes.
        compute: makes the int32 scalar in the current graph.
        quotient: (numerator, denominator) of an atom that is a floor division by a number.
    """

    __slots__ = ("compute", "name", "quotient")

    def __init__(self, name: str, compute: Callable[[], Any]) -> None:
        self.name = name
        self.compute = compute
        self.quotient: tuple[Size, int] | None = None

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and self.name == other.name

    def __lt__(self, other: Atom) -> bool:
        return self.name < other.name


class Expr:
    """A sum of products of atoms with integer coefficients; sizes are never negative."""

    __slots__ = ("terms",)

    def __init__(self, terms: dict[tuple[Atom, ...], int]) -> None:
        self.terms = terms

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expr) and self.terms == other.terms

    def __repr__(self) -> str:
        parts = ["*".join([*([str(c)] if c != 1 or not k else []), *(a.name for a in k)]) for k, c in self]
        return " + ".join(parts)

    def __iter__(self) -> Any:
        return iter(sorted(self.terms.items(), key=lambda term: [atom.name for atom in term[0]]))

    def __add__(self, other: Size) -> Size:
        total = dict(self.terms)
        for key, factor in _terms(other).items():
            total[key] = total.get(key, 0) + factor
        return _simplest(total)

    def __mul__(self, other: Size) -> Size:
        total: dict[tuple[Atom, ...], int] = {}
        for left, factor in self.terms.items():
            for right, by in _terms(other).items():
                key = tuple(sorted(left + right))
                total[key] = total.get(key, 0) + factor * by
        return _simplest(total)

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: Size) -> Size:
        return self + (other * -1)

    def __rsub__(self, other: Size) -> Size:
        return -self + other

    def __floordiv__(self, other: Size) -> Size:
        return divide(self, other)

    def __rfloordiv__(self, other: Size) -> Size:
        return divide(other, self)

    def __mod__(self, other: Size) -> Size:
        return self - divide(self, other) * other

    def __rmod__(self, other: Size) -> Size:
        return other - divide(other, self) * self

    __radd__ = __add__
    __rmul__ = __mul__


Size = int | Expr
Shape = tuple[Size, ...]


def unknown(name: str, compute: Callable[[], Any]) -> Expr:
    """A size of its own: one atom."""
    return Expr({(Atom(name, compute),): 1})


def _terms(size: Size) -> dict[tuple[Atom, ...], int]:
    return size.terms if isinstance(size, Expr) else {(): int(size)}


def _simplest(terms: dict[tuple[Atom, ...], int]) -> Size:
    terms = {key: factor for key, factor in terms.items() if factor}
    if not terms:
        return 0
    return terms[()] if set(terms) == {()} else Expr(terms)


def divide(size: Size, by: Size) -> Size:
    """Floor division; exact where the polynomial allows it, else a size of its own."""
    if isinstance(size, int) and isinstance(by, int):
        return size // by
    divisor = _terms(by)
    if len(divisor) == 1:
        exact = _divide_by_term(size, *next(iter(divisor.items())))
        if exact is not None:
            return exact
    if size == by:
        return 1
    inner = _quotient(size)
    if inner is not None and isinstance(by, int):  # (a // b) // c is a // (b · c)
        return divide(inner[0], inner[1] * by)
    result = derived("floor_div", lambda a, b: tf.math.floordiv(a, b), size, by)
    if isinstance(by, int):
        next(iter(result.terms))[0].quotient = (size, by)
    return result


def _quotient(size: Size) -> tuple[Size, int] | None:
    """Numerator and denominator of a size that is one floor division by a number."""
    if isinstance(size, Expr) and len(size.terms) == 1:
        atoms, factor = next(iter(size.terms.items()))
        return atoms[0].quotient if len(atoms) == 1 and factor == 1 else None
    return None


def _divide_by_term(size: Size, atoms: tuple[Atom, ...], factor: int) -> Size | None:
    quotient: dict[tuple[Atom, ...], int] = {}
    for key, coefficient in _terms(size).items():
        left = list(key)
        for atom in atoms:
            if atom not in left:
                return None
            left.remove(atom)
        if factor == 0 or coefficient % factor:
            return None
        quotient[tuple(left)] = coefficient // factor
    return _simplest(quotient)


def derived(name: str, compute: Callable[..., Any], *sizes: Size) -> Expr:
    """A size computed from others at run time; equal name and arguments give an equal size."""
    label = f"{name}({', '.join(map(repr, sizes))})"
    return unknown(label, lambda: compute(*[scalar(size) for size in sizes]))


def product(sizes: Iterable[Size]) -> Size:
    """The number of elements."""
    total: Size = 1
    for size in sizes:
        total = size * total if isinstance(size, Expr) else total * size
    return total


def is_static(sizes: Iterable[Size]) -> bool:
    """True where every size is known at build time."""
    return all(isinstance(size, int) for size in sizes)


def fixed(sizes: Iterable[Size]) -> tuple[int, ...]:
    """The sizes as ints.

    Raises:
        ValueError: one is known at run time only.
    """
    sizes = tuple(sizes)
    numbers = tuple(size for size in sizes if isinstance(size, int))
    if len(numbers) < len(sizes):
        raise ValueError(f"the sizes {list(sizes)} have to be known at build time")
    return numbers


def is_equal(left: Size, right: Size) -> bool | None:
    """Whether two sizes are equal; None where only a run can tell."""
    difference = left - right
    if isinstance(difference, int):
        return difference == 0
    signs = {factor > 0 for factor in difference.terms.values()}
    if len(signs) == 1 and () in difference.terms:
        return False
    return None


def scalar(size: Size) -> Any:
    """The size as an int, or as an int32 scalar tensor of the current graph."""
    if isinstance(size, int):
        return size
    known = _scalars_of(tf.compat.v1.get_default_graph())
    label = repr(size)
    if label not in known:
        known[label] = functools.reduce(operator.add, [_term(atoms, factor, known) for atoms, factor in size])
    return known[label]


def _scalars_of(graph: Any) -> dict[str, Any]:
    """The scalars that a graph has already, by name; they live as long as the graph."""
    if not hasattr(graph, "convertkit_scalars"):
        graph.convertkit_scalars = {}
    known: dict[str, Any] = graph.convertkit_scalars
    return known


def _term(atoms: tuple[Atom, ...], factor: int, known: dict[str, Any]) -> Any:
    for atom in atoms:
        if atom.name not in known:
            known[atom.name] = tf.cast(atom.compute(), tf.int32)
    values = [known[atom.name] for atom in atoms]
    return functools.reduce(operator.mul, values if values and factor == 1 else [*values, factor])


def vector(sizes: Iterable[Size], dtype: Any = tf.int32) -> Any:
    """The sizes as an array where all are known, else as a tensor of `dtype`."""
    sizes = list(sizes)
    if is_static(sizes):
        return np.array(sizes, tf.as_dtype(dtype).as_numpy_dtype)
    stacked = tf.stack([scalar(size) for size in sizes])
    return stacked if dtype == tf.int32 else tf.cast(stacked, dtype)


def reshape_target(sizes: Iterable[Size]) -> Any:
    """The target of a reshape: the only size that is not known becomes -1, so no shape arithmetic is left."""
    sizes = list(sizes)
    free = [axis for axis, size in enumerate(sizes) if isinstance(size, Expr)]
    if free and all(size != 0 for size in sizes):
        sizes[free[0]] = -1
    return vector(sizes)
