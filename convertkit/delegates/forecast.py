"""What each delegate would take of a `.tflite`, and what would fall back to the CPU and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from convertkit.config.run_settings import DelegateName
from convertkit.delegates import nnapi
from convertkit.delegates.dynamic import dynamic_tensors
from convertkit.delegates.gpu import rules as gpu
from convertkit.delegates.graph import Graph, Operator, Tensor, read_graphs
from convertkit.delegates.parts import count_parts
from convertkit.delegates.xnnpack import rules as xnnpack

MOST_NAMES = 3
UNPACKERS = frozenset(["DEQUANTIZE", "DENSIFY"])
PACKED = frozenset(["float16", "int8"])
NO_DYNAMIC = "takes no graph with tensors that only a run sizes"

WORDS: Mapping[DelegateName, str] = {
    "xnnpack": "XNNPACK",
    "gpu": "the GPU delegate",
    "nnapi": "NNAPI in integers",
}


class Fallback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Operators of a kind that a delegate leaves to the CPU for one reason.

    Attributes:
        tensors: names of what the first of them give.
    """

    operator: str
    count: int
    reason: str
    tensors: tuple[str, ...] = ()

    def describe(self) -> str:
        """`GATHER x6: not supported`."""
        return f"{self.operator}{f' x{self.count}' if self.count > 1 else ''}: {self.reason}"


class Forecast(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one delegate would take.

    Attributes:
        taken: operators that it has kernels for.
        parts: into which they fall, each handed over on its own.
        refused: why it takes none of them all the same; empty where it does.
    """

    delegate: DelegateName
    taken: int
    parts: int
    fallbacks: tuple[Fallback, ...] = ()
    refused: str = ""

    @property
    def is_full(self) -> bool:
        """True where nothing falls back."""
        return not self.fallbacks and not self.refused


class Delegation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `.tflite` as delegates see it, all its subgraphs together.

    Attributes:
        dynamic_tensors: names of those that only a run sizes.
    """

    operators: int
    dynamic_tensors: tuple[str, ...]
    delegates: tuple[Forecast, ...]

    def of(self, delegate: DelegateName) -> Forecast | None:
        """What one delegate would take; None where nobody asked it."""
        return next((each for each in self.delegates if each.delegate == delegate), None)

    def fault(self, delegate: DelegateName) -> str:
        """What a delegate would leave to the CPU, one line; empty where nothing."""
        row, word = self.of(delegate), WORDS[delegate]
        if row is None:
            return f"it is not known what {word} would take"
        if row.refused:
            names = ", ".join(f"'{name}'" for name in self.dynamic_tensors[:MOST_NAMES])
            return f"{word} {row.refused}: {names}{more(self.dynamic_tensors)}"
        if not row.fallbacks:
            return ""
        left = "; ".join(each.describe() for each in row.fallbacks[:MOST_NAMES])
        return f"{word} leaves {self.operators - row.taken} of {self.operators} operators to the CPU: " + (
            f"{left}{more(row.fallbacks)}"
        )

    def is_fault(self, text: str | None) -> bool:
        """True for what `fault` says of one of the delegates."""
        return text in [self.fault(row.delegate) for row in self.delegates if not row.is_full]


def more(named: Sequence[object]) -> str:
    """` and 4 more`, where not all are named."""
    return f" and {len(named) - MOST_NAMES} more" if len(named) > MOST_NAMES else ""


Reasons = dict[int, str]  # place of an operator → why it is left; empty where it is taken


def delegation_of(path: Path) -> Delegation:
    """What delegates would take of a file.

    Raises:
        ModelFileError: it is no `.tflite`.
    """
    return forecast(read_graphs(path))


def forecast(graphs: Sequence[Graph]) -> Delegation:
    """What delegates would take of all subgraphs."""
    dynamic = tuple(tensor.name for tensors in dynamic_tensors(graphs) for tensor in tensors)
    rows = (
        forecast_of(name, graphs, [reasons(graph) for graph in graphs]) for name, reasons in REASONS.items()
    )
    refused = (
        msgspec.structs.replace(row, refused=NO_DYNAMIC if dynamic and row.delegate in STATIC else "")
        for row in rows
    )
    return Delegation(sum(len(graph.operators) for graph in graphs), dynamic, tuple(refused))


def forecast_of(name: DelegateName, graphs: Sequence[Graph], reasons: Sequence[Reasons]) -> Forecast:
    """A delegate's share, by why each operator is left."""
    left: dict[tuple[str, str], list[str]] = {}
    for graph, found in zip(graphs, reasons, strict=True):
        for place, reason in found.items():
            if reason:
                operator = graph.operators[place]
                given = operator.outputs[0].name if operator.outputs else ""
                left.setdefault((operator.kind, reason), []).append(given)
    fallbacks = [
        Fallback(kind, len(names), reason, tuple(names[:MOST_NAMES]))
        for (kind, reason), names in sorted(left.items(), key=lambda one: (-len(one[1]), one[0]))
    ]
    taken = [{place for place, reason in found.items() if not reason} for found in reasons]
    parts = sum(map(count_parts, graphs, taken))
    return Forecast(name, sum(map(len, taken)), parts, tuple(fallbacks))


def unpackers(graph: Graph) -> dict[int, int]:
    """Place of a tensor that holds an unpacked constant → place of the operator that unpacks it."""
    found: dict[int, int] = {}
    for at, operator in enumerate(graph.operators):
        if operator.kind in UNPACKERS and len(operator.given) == 1 and operator.outputs:
            packed = operator.given[0]
            is_fixed = packed.is_constant or packed.place in found
            if is_fixed and (packed.type in PACKED or packed.is_sparse):
                found[operator.outputs[0].place] = at
    return found


def with_unpackers(graph: Graph, unpacked: dict[int, int], found: Reasons) -> Reasons:
    """The reasons with those of what unpacks a constant: left where anything that takes it is."""
    for place, at in reversed(unpacked.items()):
        users = [user for user in graph.consumers.get(place, ()) if found[user]]
        found[at] = f"feeds {graph.operators[users[0]].kind}" if users else ""
    return dict(sorted(found.items()))


def judged(reason: Callable[[], str]) -> str:
    """What a rule says; an operator that lacks the inputs or outputs that it should have is left."""
    try:
        return reason()
    except (IndexError, KeyError, ValueError, ZeroDivisionError):
        return "inputs or outputs that do not fit"


def xnnpack_reasons(graph: Graph) -> Reasons:
    """Why XNNPACK leaves each operator: it unpacks constants itself."""
    unpacked = unpackers(graph)
    own = set(unpacked.values())
    found = {
        at: "" if at in own else judged(partial(xnnpack.reason, operator, unpacked.keys()))
        for at, operator in enumerate(graph.operators)
    }
    return with_unpackers(graph, unpacked, found)


def gpu_reasons(graph: Graph) -> Reasons:
    """Why the GPU delegate leaves each operator: float16 constants it takes as they are."""
    halves = {
        place: at for place, at in unpackers(graph).items() if graph.operators[at].given[0].type == "float16"
    }
    packed = {place: graph.operators[at].given[0] for place, at in halves.items()}
    own = set(halves.values())
    found = {
        at: "" if at in own else judged(partial(gpu.reason, taking(operator, packed)))
        for at, operator in enumerate(graph.operators)
    }
    return with_unpackers(graph, halves, found)


def taking(operator: Operator, packed: Mapping[int, Tensor]) -> Operator:
    """The operator with constants in the place of what was unpacked of them."""
    if not any(tensor.place in packed for tensor in operator.given):
        return operator
    inputs = tuple(tensor and packed.get(tensor.place, tensor) for tensor in operator.inputs)
    return msgspec.structs.replace(operator, inputs=inputs)


def nnapi_reasons(graph: Graph) -> Reasons:
    """Why an integer accelerator leaves each operator."""
    return {at: judged(partial(nnapi.reason, operator)) for at, operator in enumerate(graph.operators)}


REASONS: Mapping[DelegateName, Callable[[Graph], Reasons]] = {
    "xnnpack": xnnpack_reasons,
    "gpu": gpu_reasons,
    "nnapi": nnapi_reasons,
}
STATIC = frozenset(["gpu", "nnapi"])
