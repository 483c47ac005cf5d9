"""Which tensors only a run sizes: the interpreter allocates them while it runs, and most delegates take none.

Source: `Prepare` of LiteRT's kernels, which sizes an output as soon as the inputs that its shape follows from
are constants, or values that do not change while the shapes of the inputs do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convertkit.delegates.graph import Graph, Operator, Tensor
from convertkit.delegates.schema import names

REDUCTIONS = names("MEAN REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD SUM")

# Kind → places of the inputs that its outputs' shapes follow from.
SIZED: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(REDUCTIONS, (1,)),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), (1,)),
    **dict.fromkeys(("RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"), (0,)),
    **dict.fromkeys(("BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND", "SLICE"), (1, 2)),
    "ARG_MAX": (1,),
    "ARG_MIN": (1,),
    "BROADCAST_TO": (1,),
    "EXPAND_DIMS": (1,),
    "FILL": (0,),
    "MULTINOMIAL": (1,),
    "NON_MAX_SUPPRESSION_V4": (2,),
    "NON_MAX_SUPPRESSION_V5": (2,),
    "ONE_HOT": (1,),
    "RANGE": (0, 1, 2),
    "RESHAPE": (1,),
    "RESIZE_BILINEAR": (1,),
    "RESIZE_NEAREST_NEIGHBOR": (1,),
    "SCATTER_ND": (2,),
    "SPARSE_TO_DENSE": (1,),
    "SPLIT": (0,),
    "SPLIT_V": (1, 2),
    "STRIDED_SLICE": (1, 2, 3),
    "TILE": (1,),
    "TOPK_V2": (1,),
    "TRANSPOSE": (1,),
    "TRANSPOSE_CONV": (0,),
}
BY_VALUES = frozenset(["UNIQUE", "WHERE"])
PREPARED = frozenset(["RANK", "SHAPE"])  # whose outputs are known as soon as shapes are
FOLDED = frozenset(["RESHAPE", "STRIDED_SLICE"])  # known where their inputs are
BRANCHES: Mapping[str, tuple[str, ...]] = {"IF": ("then_graph", "else_graph"), "WHILE": ("body_graph",)}


def dynamic_tensors(graphs: Sequence[Graph]) -> tuple[tuple[Tensor, ...], ...]:
    """Of every graph, the outputs that only a run sizes, in the order of execution."""
    found: dict[int, tuple[Tensor, ...]] = {}
    for place in range(len(graphs)):
        sized_by_run(graphs, place, found)
    return tuple(found[place] for place in range(len(graphs)))


def sized_by_run(
    graphs: Sequence[Graph], place: int, found: dict[int, tuple[Tensor, ...]]
) -> tuple[Tensor, ...]:
    """The dynamic tensors of a graph; those that it calls are looked at first."""
    if place in found:
        return found[place]
    found[place] = ()  # a graph that calls itself is no graph that runs
    known, dynamic = set[int](), list[Tensor]()
    for operator in graphs[place].operators:
        if is_dynamic(operator, known) or calls_dynamic(operator, graphs, found):
            dynamic += operator.outputs
        elif is_known(operator, known):
            known |= {tensor.place for tensor in operator.outputs}
    found[place] = tuple(dynamic)
    return found[place]


def is_dynamic(operator: Operator, known: set[int]) -> bool:
    """True where the shape of its output follows from values that only a run computes."""
    if operator.kind in BY_VALUES:
        return not operator.given[0].is_constant
    places = SIZED.get(operator.kind, ())
    sizes = [tensor for place, tensor in enumerate(operator.inputs) if place in places and tensor]
    return not all(tensor.is_constant or tensor.place in known for tensor in sizes)


def is_known(operator: Operator, known: set[int]) -> bool:
    """True where its output is computed before the first run."""
    if operator.kind in PREPARED:
        return True
    is_fixed = all(tensor.is_constant or tensor.place in known for tensor in operator.given)
    return operator.kind in FOLDED and is_fixed


def calls_dynamic(operator: Operator, graphs: Sequence[Graph], found: dict[int, tuple[Tensor, ...]]) -> bool:
    """True where a graph that it calls gives a tensor that only a run sizes.

    What stands behind such a tensor has the shape that the file tells, not always that of the loop's input.
    """
    for name in BRANCHES.get(operator.kind, ()):
        place = int(operator.options[name])
        dynamic = (
            {tensor.place for tensor in sized_by_run(graphs, place, found)} if place < len(graphs) else set()
        )
        if not dynamic:
            continue
        given = graphs[place].outputs
        if dynamic & {tensor.place for tensor in given}:
            return True
        pairs = zip(operator.inputs, given, strict=False) if operator.kind == "WHILE" else ()
        if any(one is not None and one.shape != other.shape for one, other in pairs):
            return True
    return False
