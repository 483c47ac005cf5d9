"""Recurrent layers of a graph: loops, and steps written one after another.

Unrolled steps are told by their weights, which are applied to what came of them before. A state that is
rounded to eight bits in every step loses in every step, so what a recurrent layer computes stays float.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from convertkit.graphs.heads import WEIGHTED, Step

LOOP = "WHILE"
PRODUCT = "FULLY_CONNECTED"
NO_VALUES = frozenset(["SHAPE", "RANK"])  # what they read is not seen in what they give


class Neighbours(NamedTuple):
    """Numbers of the steps that give what each step reads, and of those that read what it gives."""

    before: list[set[int]]
    after: list[set[int]]


def recurrent_steps(steps: Sequence[Step], constants: Collection[str]) -> frozenset[int]:
    """Numbers of the steps that recurrent layers are made of; empty where there is none.

    Besides loops and unrolled steps: what leads there, and what follows from all that, as far as the next
    weights, products with constant weights at these ends among them.

    Args:
        steps: of the main graph, in the order of execution.
        constants: names of the values that are no operator's.
    """
    products = {
        number: step.inputs[1]
        for number, step in enumerate(steps)
        if step.kind == PRODUCT and step.inputs[1] in constants
    }
    known = neighbours(steps)
    kernel = {number for number, step in enumerate(steps) if step.kind == LOOP} | unrolled(products, known)
    ends = {number for number, step in enumerate(steps) if step.kind in WEIGHTED} - kernel
    others = ends - set(products)
    kernel |= reached(kernel, known.before, ends) - others
    return frozenset(kernel | (reached(kernel, known.after, ends) - others))


def neighbours(steps: Sequence[Step]) -> Neighbours:
    """Who is next to whom."""
    makers = {name: number for number, step in enumerate(steps) for name in step.outputs}
    before = [
        {makers[name] for name in step.inputs if name in makers and step.kind not in NO_VALUES}
        for step in steps
    ]
    after: list[set[int]] = [set() for _ in steps]
    for number, found in enumerate(before):
        for maker in found:
            after[maker].add(number)
    return Neighbours(before, after)


def unrolled(products: Mapping[int, str], known: Neighbours) -> set[int]:
    """Products of which one leads to another with the same weights, and the steps between them.

    Args:
        products: number of a product → name of its weights.
    """
    users: dict[str, list[int]] = {}
    for number, weights in products.items():
        users.setdefault(weights, []).append(number)
    found: set[int] = set()
    for same in users.values():
        below, above = reached(same, known.after), reached(same, known.before)
        found |= (below & above) | (set(same) & (below | above))
    return found


def reached(starts: Iterable[int], links: Sequence[set[int]], ends: Collection[int] = ()) -> set[int]:
    """What links lead to from the starts, themselves only where a link leads there; no further than ends."""
    waiting = [number for start in starts for number in links[start]]
    found: set[int] = set()
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            waiting += () if number in ends else links[number]
    return found
