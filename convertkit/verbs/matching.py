"""Which of several ways to read an artifact's inputs and outputs is right: the one whose values agree."""

from __future__ import annotations

from pathlib import Path

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.pairing import MAP_HINT
from convertkit.artifacts.signature import Arrays
from convertkit.artifacts.tensors import read_npz, write_npz
from convertkit.attribution.specials import fit_db
from convertkit.errors import ConvertkitError, InputError, UsageError, pass_on_lost
from convertkit.registry import runtime_row
from convertkit.samples.intake import Intake
from convertkit.validation.powers import LARGEST_SQNR_DB
from convertkit.workers.jobs import InferJob
from convertkit.workers.pool import Workers

COMPARED_SAMPLES = 4
SURE_DB = 10.0  # of the worst output; a wrong pair has about 0


def parse_pair(text: str) -> tuple[str, str]:
    """Both names of `A=B`.

    Raises:
        UsageError: it is not of that form.
    """
    one, separator, other = (part.strip() for part in text.partition("="))
    if not (one and separator and other):
        raise UsageError(f"--map '{text}' is not A=B", hint="the name in A, then the name in B")
    return one, other


class Matcher:
    """Runs an artifact in each way that its shapes allow, beside the reference, on a few samples."""

    def __init__(self, workers: Workers, intake: Intake, scratch: Path) -> None:
        self._workers = workers
        self._reference = intake.artifact
        self._scratch = scratch
        self._inputs = scratch / "matching.npz"
        self._samples = intake.samples.take(intake.split.validation[:COMPARED_SAMPLES])

    def settled(self, ways: list[Artifact]) -> Artifact:
        """The way in which the artifact's outputs are nearest to the reference's.

        The first one, where only the order of axes is open and no way agrees.

        Raises:
            InputError: names and shapes leave open which tensor is which, and the values do not tell either.
        """
        if len(ways) == 1:
            return ways[0]
        write_npz(self._inputs, self._samples)
        wanted = self._outputs(self._reference)
        figures = [self._fit_db(wanted, way) for way in ways]
        best = max(range(len(ways)), key=figures.__getitem__)
        if figures[best] >= SURE_DB:
            return ways[best]
        if len({names_of(way) for way in ways}) > 1:
            raise InputError(f"{ways[0].path}: {rivals(ways)}; no pairs agree in their values", hint=MAP_HINT)
        return ways[0]

    def _fit_db(self, wanted: Arrays, way: Artifact) -> float:
        """SQNR of the worst output, decibels; the lowest there is where the artifact does not run so."""
        try:
            got = self._outputs(way)
        except ConvertkitError as error:
            pass_on_lost(error)
            return -LARGEST_SQNR_DB
        if any(values.shape != got[name].shape for name, values in wanted.items()):
            return -LARGEST_SQNR_DB
        return min(fit_db(values, got[name]) for name, values in wanted.items())

    def _outputs(self, artifact: Artifact) -> Arrays:
        row = runtime_row(artifact.variant.format)
        file = self._scratch / "matching-outputs.npz"
        file.unlink(missing_ok=True)
        job = self._workers.bounded(InferJob(row.name, artifact, str(self._inputs), str(file)))
        self._workers.ask(row.environment, job, f"{row.name}.log")
        return read_npz(file)


def names_of(artifact: Artifact) -> tuple[str, ...]:
    """What the artifact itself calls each input and output."""
    signature = artifact.signature
    return tuple(spec.runtime_name for spec in (*signature.inputs, *signature.outputs))


def rivals(ways: list[Artifact]) -> str:
    """`scores can be Identity or Identity_1`, of the first tensor that is open."""
    first = (*ways[0].signature.inputs, *ways[0].signature.outputs)
    for place, spec in enumerate(first):
        names = list(dict.fromkeys(names_of(way)[place] for way in ways))
        if len(names) > 1:
            return f"'{spec.name}' can be {' or '.join(names)}"
    return ""
