"""Sources of INT8 hops with weights rounded and biases corrected before any quantizer sees them.

The ONNX graph is refined once for each grid; a SavedModel is made anew from it, by the converter that served.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.axes import like
from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.files import hash_artifact, remove_artifact
from convertkit.artifacts.formats import Format, Variant
from convertkit.config.rounding import MOST_SAMPLES
from convertkit.environment.own_code import code_hash
from convertkit.environment.versions import package_versions
from convertkit.errors import StageError
from convertkit.hops.inputs import HopInputs
from convertkit.hops.maker import Maker
from convertkit.hops.provenance import Provenance
from convertkit.plan import Hop
from convertkit.registry import stage_row
from convertkit.report.refinement import RefinementRecord, refinement_record
from convertkit.storage.run_folder import RunFolder
from convertkit.storage.store import Store, StoredHop, key_parts
from convertkit.workers.answers import Refined
from convertkit.workers.jobs import ConvertJob, RefineJob
from convertkit.workers.pool import Workers

ENVIRONMENT = "onnx"
GRAPH = Variant(Format.ONNX)
PACKAGES = ("onnxruntime-gpu", "onnx", "numpy")
LOG = "refine.log"
FORM = 2  # another one where the same samples give other weights


class Source(msgspec.Struct, frozen=True):
    """What a hop starts from, and what was done to the graph that it is made of; None where nothing was."""

    artifact: Artifact
    record: RefinementRecord | None = None


class Refiner:
    """Refines graphs, each once in a run, and once where there is a store."""

    def __init__(
        self, folder: RunFolder, workers: Workers, maker: Maker, store: Store | None, inputs: HopInputs
    ) -> None:
        self._folder = folder
        self._workers = workers
        self._maker = maker
        self._store = store
        self._inputs = inputs
        self._done: dict[tuple[str, str, int], Source | StageError] = {}

    def can_refine(self, source: Artifact, origin: ConvertJob | None) -> bool:
        """True where a source is an ONNX graph, or was made of one here, and there are samples."""
        return graph_of(source, origin) is not None and self._inputs.calibration is not None

    def source_for(self, source: Artifact, origin: ConvertJob | None, grid: int) -> Source:
        """A hop's source as it would be if the ONNX graph were refined.

        Args:
            origin: the conversion that made the source; None where it was given.
            grid: the largest integer of the weights; 0 leaves the source as it is.

        Raises:
            ConvertkitError: there is no graph or no sample, or the graph cannot be refined.
        """
        if not grid:
            return Source(source)
        graph = graph_of(source, origin)
        if graph is None:
            raise StageError(f"rounding with compensation needs an ONNX graph, {source.variant} came in")
        if self._inputs.calibration is None:
            raise StageError("rounding with compensation needs calibration samples")
        calibration = self._inputs.calibration
        refined = self._once(graph, grid, lambda: self._refine(graph, grid, calibration))
        if origin is None or graph is source:
            return refined
        return self._once(source, grid, lambda: self._lower(refined, origin, grid))

    def _once(self, source: Artifact, grid: int, make: Callable[[], Source]) -> Source:
        """What is made in place of a source for a grid; where that failed before, it fails the same way."""
        key = (source.sha256, str(source.variant), grid)
        if key not in self._done:
            try:
                self._done[key] = make()
            except StageError as error:
                self._done[key] = error
        found = self._done[key]
        if isinstance(found, StageError):
            raise found
        return found

    def _refine(self, graph: Artifact, grid: int, calibration: Path) -> Source:
        """Refine a graph, or take it from the store."""
        out = self._path(grid, graph.variant)
        job = RefineJob(graph, str(out), str(calibration), str(self._inputs.examples), grid, MOST_SAMPLES)
        done, is_cached = self._stored(job) if self._store else (self._ask(job), False)
        artifact = Artifact(graph.variant, str(out), graph.signature, *hash_artifact(out))
        return Source(artifact, refinement_record(done, grid, is_cached=is_cached))

    def _stored(self, job: RefineJob) -> tuple[Refined, bool]:
        """What was done to a graph, and whether the store had it; what it had not is kept there."""
        assert self._store is not None
        origin = origin_of(job)
        with self._store.making(origin.key):
            stored = self._store.get(origin.key, Path(job.out))
            if stored is not None:
                return msgspec.convert(stored.options, Refined), True
            done = self._ask(job)
            facts = msgspec.to_builtins(done)
            kept = StoredHop(
                job.source.signature, "", facts, (), done.seconds, 0, parts=key_parts(**origin.parts)
            )
            self._store.put(origin.key, Path(job.out), kept, origin.line)
            return done, False

    def _ask(self, job: RefineJob) -> Refined:
        """Have a worker refine a graph."""
        done = self._workers.ask(ENVIRONMENT, job, LOG)
        assert isinstance(done, Refined)
        return done

    def _lower(self, source: Source, origin: ConvertJob, grid: int) -> Source:
        """What a conversion made of a graph, made of the refined one."""
        out = self._path(grid, origin.target)
        work = self._folder.scratch / f"refined-{grid}"
        work.mkdir(exist_ok=True)
        row = stage_row(origin.stage)
        job = msgspec.structs.replace(origin, source=source.artifact, out=str(out), scratch=str(work))
        options = msgspec.convert(origin.options, row.options)
        hop = Hop(row, source.artifact.variant, origin.target)
        with self._maker.making(hop, options, job) as taken:
            if not taken.is_cached:
                self._maker.remember(hop, options, job, taken.stored)
        signature = like(taken.stored.signature, self._inputs.signature)
        artifact = Artifact(origin.target, str(out), signature, *hash_artifact(out))
        return msgspec.structs.replace(source, artifact=artifact)

    def _path(self, grid: int, variant: Variant) -> Path:
        """Where a refined source stands; it stays where a replay script starts from it."""
        folder = self._folder.refined / str(grid)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / variant.file_name("model")
        remove_artifact(path)
        return path


def graph_of(source: Artifact, origin: ConvertJob | None) -> Artifact | None:
    """The ONNX graph that a source is, or was made of; None where neither."""
    if source.variant == GRAPH:
        return source
    return origin.source if origin is not None and origin.source.variant == GRAPH else None


def origin_of(job: RefineJob) -> Provenance:
    """What a refined graph depends on."""
    return Provenance(
        {
            "stage": "refine",
            "form": FORM,
            "source": job.source.sha256,
            "signature": msgspec.to_builtins(job.source.signature),
            "examples": hash_path(Path(job.examples))[0],
            "calibration": hash_path(Path(job.calibration))[0],
            "grid": job.largest,
            "samples": job.samples,
            "versions": package_versions(PACKAGES),
            "code": code_hash("quantization/refine_file.py"),
        }
    )
