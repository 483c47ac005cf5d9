"""Ways to be wrong in all outputs together: names, order, shapes; and real faults. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.gate_corpus_case import Array, Arrays, Case, CaseWay, OutputWay, Role

CaseTrials = Iterator[tuple[str, Arrays]]


def one_output(way: OutputWay) -> CaseWay:
    """A way of one output, for each output in turn; the others are the artifact's own."""

    def make(case: Case) -> CaseTrials:
        for name, values in case.artifact.items():
            for where, wrong in way(values, case.roles.get(name, Role())):
                yield f"{name}: {where}", case.artifact | {name: wrong}

    return make


def every_output(change: Callable[[Array], Array]) -> CaseWay:
    """All outputs alike."""

    def make(case: Case) -> CaseTrials:
        yield "all outputs", {name: np.asarray(change(x)) for name, x in case.artifact.items()}

    return make


def exchanged(case: Case) -> CaseTrials:
    """The first two outputs under each other's name."""
    if len(case.artifact) > 1:
        names = list(case.artifact)
        values = [case.artifact[name] for name in [names[1], names[0], *names[2:]]]
        yield f"{names[0]} and {names[1]}", dict(zip(names, values, strict=True))


def reordered(case: Case) -> CaseTrials:
    """Outputs in another order."""
    if len(case.artifact) > 1:
        yield "names", dict(reversed(case.artifact.items()))


def missing(case: Case) -> CaseTrials:
    """The last output not there."""
    if len(case.artifact) > 1:
        yield "the last", dict(list(case.artifact.items())[:-1])


def doubled(case: Case) -> CaseTrials:
    """One more output."""
    name, values = next(iter(case.artifact.items()))
    yield "one more", case.artifact | {f"{name}_again": values}


def renamed(case: Case) -> CaseTrials:
    """The first output under another name."""
    yield "the first", {f"{n}_" if i == 0 else n: x for i, (n, x) in enumerate(case.artifact.items())}


def real_fault(name: str) -> CaseWay:
    """Outputs that a wrong artifact really gave, or one fed wrongly."""

    def make(case: Case) -> CaseTrials:
        if name in case.wrong:
            yield name, case.wrong[name]

    return make


def without_first_axis(values: Array) -> Array:
    return values.reshape(-1) if values.ndim > 1 else values[:, None]


STRUCTURE: dict[str, CaseWay] = {
    "two outputs exchanged": exchanged,
    "outputs in another order": reordered,
    "an output missing": missing,
    "an output too many": doubled,
    "an output renamed": renamed,
    "one sample too few": every_output(lambda x: x[:-1]),
    "one sample too many": every_output(lambda x: np.concatenate([x, x[-1:]])),
    "only the first sample": every_output(lambda x: x[:1]),
    "an axis too many": every_output(lambda x: x[..., None]),
    "axes flattened": every_output(without_first_axis),
    "integers for floats": every_output(lambda x: np.round(x).astype(np.int32)),
    "empty": every_output(lambda x: x[:0]),
}
REAL = (
    "second input of the sample before",
    "second input of the first sample",
    "second input zero",
    "first input of the sample before",
    "input channels reversed",
    "input height and width exchanged",
    "input a pixel off",
    "input in bytes",
    "input without its mean",
    "input halved",
    "other weights",
    "a layer lost",
    "a filter lost",
    "biases lost",
    "weights of 3 bits",
    "normalisation in training mode",
    "normalisation statistics lost",
)
