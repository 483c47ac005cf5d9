"""Which PyTorch modules an operator of an artifact does the work of."""

from __future__ import annotations

from convertkit.attribution.match import match
from convertkit.attribution.trace import Trace

Modules = tuple[str, ...]


def module_names(candidate: Trace, sources: tuple[Trace, ...]) -> dict[int, Modules]:
    """Position in the candidate's trace → modules, in the order in which they run.

    Where operators became one, these are all between the counterparts of its inputs and its own.

    Args:
        sources: traces of the neighbouring artifacts, in their order back to one that names modules; the
            candidate itself where it does.
    """
    named = next((trace for trace in (candidate, *sources) if any(t.module for t in trace.tensors)), None)
    if named is None:
        return {}
    anchors = {position: position for position in range(len(candidate.tensors))}
    current = candidate
    for trace in sources if named is not candidate else ():
        step = match(trace, current)
        anchors = {mine: step[at].reference for mine, at in anchors.items() if at in step}
        current = trace
        if trace is named:
            break
    found = {position: modules_between(candidate, position, named, anchors) for position in anchors}
    return {**names_only(candidate, named), **found}


def names_only(candidate: Trace, named: Trace) -> dict[int, Modules]:
    """Modules of the tensors that a name or alias tells, whatever their values."""
    known = {alias: t.module for t in named.tensors for alias in (t.name, *t.aliases) if t.module}
    found = {
        position: tuple(dict.fromkeys(known[name] for name in reversed(tensor.aliases) if name in known))
        for position, tensor in enumerate(candidate.tensors)
    }
    return {position: modules for position, modules in found.items() if modules}


def modules_between(candidate: Trace, position: int, named: Trace, anchors: dict[int, int]) -> Modules:
    """Modules of the named trace's operators that lead from the inputs' counterparts to this one's."""
    last = anchors[position]
    ends = {anchors[each] for each in candidate.before(position, anchors.__contains__)}
    is_apart = ends and not named.before(last, ends.__contains__)
    steps = [last] if is_apart else named.between(last, ends.__contains__)
    return tuple(dict.fromkeys(m for each in steps if (m := named.tensors[each].module)))
