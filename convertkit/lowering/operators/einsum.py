"""Einsum by products, sums and transposes: TensorFlow's own has no form in TFLite for many equations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from string import ascii_letters
from typing import NamedTuple

import numpy as np

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, logical
from convertkit.lowering.sizes import Size, fixed, is_equal, product
from convertkit.lowering.value import Value, sizes_value


class Term(NamedTuple):
    """A tensor, and a letter for each of its axes."""

    letters: str
    value: Value

    def size(self, letter: str) -> Size:
        """The size of the axis of a letter."""
        return self.value.shape[self.letters.index(letter)]


def _einsum(call: Call) -> Value:
    ranks = [call.value(index).rank for index in range(len(call.values))]
    words, wanted = _spelt(call.attribute("equation").replace(" ", ""), ranks)
    terms = [_Sum(call).diagonal(Term(word, call.value(n))) for n, word in enumerate(words)]
    result = terms[0]
    for place, term in enumerate(terms[1:], start=2):
        kept = set(wanted).union(*(each.letters for each in terms[place:]))
        result = _Sum(call).of_two(result, term, kept)
    return _Sum(call).turned(_Sum(call).over(result, set(wanted)), wanted).value


def _spelt(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, those that `...` stands for among them.

    Raises:
        ValueError: an operand has another rank than its letters say.
    """
    left, arrow, right = equation.partition("->")
    words = left.split(",")
    spare = [letter for letter in ascii_letters if letter not in equation]
    lengths = [rank - len(word.replace("...", "")) for word, rank in zip(words, ranks, strict=True)]
    wrong = [word for word, n in zip(words, lengths, strict=True) if n < 0 or (n and "..." not in word)]
    if wrong:
        raise ValueError(f"'{wrong[0]}' of the equation does not fit its operand")
    shared = "".join(spare[: max(lengths, default=0)])
    if not arrow:
        once = sorted(x for x in set(left) - set(",.") if left.count(x) == 1)
        right = ("..." if "..." in left else "") + "".join(once)
    spelt = [w.replace("...", shared[len(shared) - n :]) for w, n in zip(words, lengths, strict=True)]
    return spelt, right.replace("...", shared)


class _Sum:
    """What an equation is made of, by ONNX's own operators: they know orders and free sizes."""

    def __init__(self, call: Call) -> None:
        self._apply = call.scope.apply

    def of_two(self, left: Term, right: Term, kept: set[str]) -> Term:
        """Two terms as one that has the letters that are still needed."""
        left = self.over(left, kept | set(right.letters))
        right = self.over(right, kept | set(left.letters))
        shared = [letter for letter in left.letters if letter in right.letters]
        gone = [letter for letter in shared if letter not in kept]
        batch = [letter for letter in shared if letter in kept]
        own = [letter for letter in left.letters if letter not in shared]
        others = [letter for letter in right.letters if letter not in shared]
        if not gone or not (own or others):
            return self.over(self._product(left, right, [*batch, *own, *others, *gone]), kept)
        rows = self._joined(left, batch, own, gone)
        columns = self._joined(right, batch, gone, others)
        value = self._apply("MatMul", [rows, columns])
        letters = "".join([*batch, *own, *others])
        if len(own) == len(others) == 1:
            return Term(letters, value)
        sizes = [(left if letter in left.letters else right).size(letter) for letter in letters]
        return Term(letters, self._reshaped(value, sizes))

    def over(self, term: Term, kept: set[str]) -> Term:
        """A term summed over the letters that nothing needs."""
        gone = [axis for axis, letter in enumerate(term.letters) if letter not in kept]
        if not gone:
            return term
        value = self._apply("ReduceSum", [term.value, Value(np.array(gone))], keepdims=0)
        return Term("".join(letter for letter in term.letters if letter in kept), value)

    def turned(self, term: Term, letters: Iterable[str]) -> Term:
        """A term with its axes in another order."""
        axes = [term.letters.index(letter) for letter in letters]
        if axes == sorted(axes):
            return term
        return Term("".join(letters), self._apply("Transpose", [term.value], perm=axes))

    def diagonal(self, term: Term) -> Term:
        """A term in which no letter stands twice: what is off the diagonal is left out of a sum."""
        twice = next((letter for letter in term.letters if term.letters.count(letter) > 1), None)
        if twice is None:
            return term
        first, last = term.letters.index(twice), term.letters.rindex(twice)
        (size,) = fixed([term.value.shape[first]])
        shape = [size if axis in (first, last) else 1 for axis in range(term.value.rank)]
        ones = np.eye(size).reshape(shape).astype(term.value.numpy_type)
        product_of = self._apply("Mul", [term.value, Value(ones)])
        value = self._apply("ReduceSum", [product_of, Value(np.array([last]))], keepdims=0)
        return self.diagonal(Term(term.letters[:last] + term.letters[last + 1 :], value))

    def _product(self, left: Term, right: Term, letters: list[str]) -> Term:
        """The product of all elements that go together."""
        pair = [self._widened(term, letters) for term in (left, right)]
        return Term("".join(letters), self._apply("Mul", pair))

    def _widened(self, term: Term, letters: list[str]) -> Value:
        """A term with an axis of size 1 for each letter that it has not."""
        turned = self.turned(term, [letter for letter in letters if letter in term.letters]).value
        ones = [axis for axis, letter in enumerate(letters) if letter not in term.letters]
        return self._apply("Unsqueeze", [turned, Value(np.array(ones))]) if ones else turned

    def _joined(self, term: Term, batch: list[str], first: list[str], last: list[str]) -> Value:
        """A matrix for each element of the batch."""
        turned = self.turned(term, [*batch, *first, *last])
        if len(first) == len(last) == 1:
            return turned.value
        sizes = [term.size(letter) for letter in batch]
        sizes += [product(term.size(letter) for letter in group) for group in (first, last)]
        return self._reshaped(turned.value, sizes)

    def _reshaped(self, value: Value, sizes: Sequence[Size]) -> Value:
        is_same = len(sizes) == value.rank and all(map(is_equal, sizes, value.shape))
        return value if is_same else self._apply("Reshape", [value, sizes_value(list(sizes))], allowzero=1)


OPERATORS: Table = {"Einsum": logical(_einsum)}
