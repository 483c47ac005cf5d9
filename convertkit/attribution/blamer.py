"""Blame, with workers: which artifacts are compared, and the runs that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.files import hash_artifact
from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.artifacts.tensors import read_npz, write_npz
from convertkit.attribution.padding import padding_of
from convertkit.attribution.rank import rank, with_nan
from convertkit.attribution.trace import Trace, take_trace
from convertkit.errors import ConvertkitError
from convertkit.registry import stage_row
from convertkit.report.blame import Blame
from convertkit.workers.answers import Converted
from convertkit.workers.jobs import ConvertJob
from convertkit.workers.pool import Workers

SAMPLES = 16
FLOAT_TFLITE = "savedmodel_to_tflite"

Artifacts = Mapping[Variant, Artifact]


class Pair(msgspec.Struct, frozen=True):
    """Two variants to be compared, tensor by tensor."""

    candidate: Variant
    reference: Variant


def lowered_pairs(artifacts: Artifacts) -> list[Pair]:
    """Each artifact of a lower precision beside the float one of its format.

    PyTorch's are TorchScript, whose tensors cannot be seen.
    """
    return [
        Pair(variant, Variant(variant.format))
        for variant in artifacts
        if variant.precision is not Precision.FLOAT32 and variant.format is not Format.TORCH
    ]


class Blamer:
    """Compares artifacts of one run on the same samples; each artifact is run once.

    Args:
        artifacts: all of the run, also those that failed their gates.
        samples: `.npz`, logical.
        count: how many of the samples are run.
        masks: output of the model → input that rules out its padding, which nothing is counted in.
    """

    def __init__(
        self,
        artifacts: Artifacts,
        samples: Path,
        workers: Workers,
        scratch: Path,
        count: int = SAMPLES,
        masks: Mapping[str, str] | None = None,
    ) -> None:
        self._artifacts = dict(artifacts)
        self._workers = workers
        self._scratch = scratch
        self._traces: dict[str, Trace] = {}
        arrays = {name: values[:count] for name, values in read_npz(samples).items()}
        self._count = min(count, len(next(iter(arrays.values()))))
        signature = next(iter(artifacts.values())).signature
        self._masks = padding_of(masks or {}, signature, arrays)
        self._inputs = scratch / "blame-inputs.npz"
        write_npz(self._inputs, arrays)

    def blame(self, pair: Pair) -> Blame:
        """The two artifacts of a pair, tensor by tensor; a float `.tflite` is made where the run made none.

        Raises:
            ConvertkitError: one of them does not run, or does not let its tensors be seen.
        """
        return self.compare(self._artifact(pair.candidate), self._artifact(pair.reference))

    def compare(self, candidate: Artifact, reference: Artifact) -> Blame:
        """Any artifact beside one of the run."""
        trace = self._trace(candidate)
        rows, unmatched = rank(trace, self._trace(reference), self._sources(reference), self._masks)
        return Blame(
            candidate=str(candidate.variant),
            reference=str(reference.variant),
            samples=self._count,
            rows=rows,
            unmatched=unmatched,
            unmatched_nan=with_nan(trace, unmatched),
        )

    def trace(self, artifact: Artifact) -> Trace:
        """One run of an artifact."""
        return self._trace(artifact)

    def float_artifact(self, format: Format) -> Artifact:
        """The run's float artifact of a format, whose tensors' names an INT8 one of it has as well."""
        return self._artifact(Variant(format))

    def _artifact(self, variant: Variant) -> Artifact:
        if variant == Variant(Format.TFLITE) and variant not in self._artifacts:
            self._artifacts[variant] = self._make_float_tflite()
        return self._artifacts[variant]

    def _trace(self, artifact: Artifact) -> Trace:
        if artifact.path not in self._traces:
            name = f"trace-{len(self._traces)}"
            self._traces[artifact.path] = take_trace(
                artifact, self._inputs, self._workers, self._scratch, name
            )
        return self._traces[artifact.path]

    def _sources(self, reference: Artifact) -> tuple[Trace, ...]:
        """A trace that names PyTorch modules: of the ONNX file, where there is one and it can be run."""
        known = self._artifacts.get(Variant(Format.ONNX))
        if known is None or reference.variant.format in (Format.ONNX, Format.TORCH):
            return ()
        try:
            return (self._trace(known),)
        except ConvertkitError:
            return ()

    def _make_float_tflite(self) -> Artifact:
        """The float `.tflite` of the run's SavedModel, in the scratch folder."""
        source, target = self._artifacts[Variant(Format.SAVEDMODEL)], Variant(Format.TFLITE)
        folder = self._scratch / "float-tflite"
        folder.mkdir()
        out = self._scratch / target.file_name("float")
        row = stage_row(FLOAT_TFLITE)
        options = msgspec.to_builtins(row.options())
        job = ConvertJob(FLOAT_TFLITE, source, target, options, str(out), str(folder), str(self._inputs))
        answer = self._workers.ask(row.environment, job, f"{FLOAT_TFLITE}.float32.log")
        assert isinstance(answer, Converted)
        return Artifact(target, str(out), answer.signature, *hash_artifact(out))
