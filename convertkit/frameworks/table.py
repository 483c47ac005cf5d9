"""Each model built once, converted by a run as any other, and measured beside itself in every framework."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from convertkit import __version__
from convertkit.artifacts.tensors import write_npz
from convertkit.config.run_settings import CompileMode
from convertkit.environment.devices import check_device
from convertkit.environment.extras import require_extra
from convertkit.environment.versions import environment_record
from convertkit.errors import ConvertkitError
from convertkit.frameworks.references import Reference, chosen
from convertkit.measurement.latency import Latency
from convertkit.measurement.measured import Measured
from convertkit.recipe import Recipe
from convertkit.render.summary import min_sqnr_db
from convertkit.report.frameworks import EAGER, FRAMEWORKS, FrameworkRow, FrameworkTable, ModelRows
from convertkit.report.report import HopRecord, Report
from convertkit.run.pipeline import run
from convertkit.run.prepare import RunRequest
from convertkit.run.progress import Progress
from convertkit.storage.temporary import temporary_folder
from convertkit.verbs.bench import bench_artifacts
from convertkit.words import worded_recipe
from convertkit.workers.built import BuildJob, Built
from convertkit.workers.pool import Workers

FACTORY = "convertkit.references.models:build"
TARGETS = ("onnx", "savedmodel", "tflite:float32")
SAMPLES = 4  # that outputs are compared on
LATER = "it is measured beside the other frameworks afterwards"


class TableRequest(msgspec.Struct, frozen=True):
    """What the table shall have.

    Attributes:
        only: names of models; empty: all.
        batches: samples in a call; empty: each model's own, by the device.
        modes: of torch.compile; None: each model's own.
        threads: of each runtime; None: `bench.threads`.
        device: `auto`, `cpu`, `cuda`, `cuda:N`; on a GPU nothing is measured on the CPU.
        settings: `KEY=VALUE` of a recipe.
    """

    only: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    modes: tuple[CompileMode, ...] | None = None
    threads: int | None = None
    device: str = "auto"
    is_small: bool = False
    settings: tuple[str, ...] = ()


def make_table(request: TableRequest, progress: Progress) -> Iterator[FrameworkTable]:
    """Build, convert, compare and measure every model; the table as far as it goes after each of them.

    Raises:
        UsageError: no such model or device.
        MissingDependencyError: models of transformers are asked for, and it is not installed.
        NotMeasuredError: the device is not there.
    """
    references, device = chosen(request.only), check_device(request.device)
    if any(reference.is_hugging for reference in references):
        require_extra("transformers", "the table has models of transformers")
    started, begun, load = datetime.now(UTC), time.monotonic(), os.getloadavg()[0]
    models: list[ModelRows] = []
    for reference in references:
        models.append(rows_or_error(reference, request, device, progress))
        yield FrameworkTable(
            convertkit=__version__,
            started=started.isoformat(timespec="seconds"),
            seconds=time.monotonic() - begun,
            is_small=request.is_small,
            load=(load, os.getloadavg()[0]),
            environment=environment_record(),
            cores=os.cpu_count() or 1,
            models=tuple(models),
        )


def rows_or_error(
    reference: Reference, request: TableRequest, device: str | None, progress: Progress
) -> ModelRows:
    """A model's rows; one that cannot be built or converted does not end the table."""
    progress.busy(f"{reference.title}: building")
    try:
        with temporary_folder() as folder:
            return model_rows(reference, request, device, folder, progress)
    except ConvertkitError as error:
        return ModelRows(name=reference.name, title=reference.title, unit=reference.unit, error=error.message)


def model_rows(
    reference: Reference, request: TableRequest, device: str | None, folder: Path, progress: Progress
) -> ModelRows:
    """A model in all frameworks.

    Raises:
        ConvertkitError: it cannot be built or converted at all.
    """
    weights, samples = folder / "weights.pt", folder / "samples.npz"
    write_npz(samples, reference.samples(SAMPLES, is_small=request.is_small))
    recipe = recipe_of(reference, request, samples)
    built = build(BuildJob(reference.name, request.is_small, str(samples), str(weights)), recipe)
    progress.busy(f"{reference.title}: converting, and comparing outputs")
    report = run(RunRequest(weights, to_convert(recipe), folder / "run", use_cache=False), progress)
    files = [weights, *passed_files(report, folder / "run")]
    progress.busy(f"{reference.title}: measuring")
    own = reference.gpu_batches if device else reference.cpu_batches
    measured = bench_artifacts(
        files,
        recipe,
        batches=request.batches or own,
        on_cpu=device is None,
        has_starts=False,
        tell=progress.busy,
    )
    return ModelRows(
        name=reference.name,
        title=reference.title,
        unit=reference.unit,
        weights_bytes=built.weights_bytes,
        rows=(*measured_rows(measured, report, device or "cpu"), *failed_rows(report, device or "cpu")),
    )


def recipe_of(reference: Reference, request: TableRequest, samples: Path) -> Recipe:
    """How the model is opened and measured."""
    modes = reference.modes if request.modes is None else request.modes
    recipe = worded_recipe(
        samples=samples,
        inputs=reference.options(is_small=request.is_small),
        factory=FACTORY,
        factory_args={"name": reference.name, "is_small": request.is_small},
        device=request.device,
        settings=request.settings,
    )
    threads = request.threads or recipe.bench.threads
    bench = msgspec.structs.replace(recipe.bench, compile=modes, threads=threads)
    return msgspec.structs.replace(recipe, bench=bench)


def to_convert(recipe: Recipe) -> Recipe:
    """The recipe of the run, which compares outputs and leaves measuring for afterwards."""
    bench = msgspec.structs.replace(recipe.bench, skip=LATER)
    return msgspec.structs.replace(recipe, to=TARGETS, device="cpu", bench=bench)


def build(job: BuildJob, recipe: Recipe) -> Built:
    """Write a model's weights, and a log beside them."""
    with Workers(Path(job.out).parent, recipe.limits, recipe.bench.threads) as workers:
        answer = workers.ask("torch", job, "build.log")
    assert isinstance(answer, Built)
    return answer


def passed_files(report: Report, folder: Path) -> list[Path]:
    """The artifacts whose outputs are the source's."""
    hops = [hop for hop in report.hops if hop.status == "passed" and hop.artifact]
    return [folder / hop.artifact.path for hop in hops if hop.artifact]


def measured_rows(measured: Sequence[Measured], report: Report, device: str) -> Iterator[FrameworkRow]:
    """A row for each framework, mode of torch.compile and batch, on the device."""
    figures = {hop.target.partition(":")[0]: min_sqnr_db(hop.vs_source) for hop in report.hops}
    for one in measured:
        for row in one.latency:
            if row.device == device:
                yield FrameworkRow(
                    framework=FRAMEWORKS[one.format],
                    latency=beside_eager(row),
                    sqnr_db=figures.get(one.format),
                )


def beside_eager(row: Latency) -> Latency:
    """The row, its comparison with the first artifact called by that one's framework."""
    versus = tuple(msgspec.structs.replace(one, artifact=EAGER) for one in row.versus)
    return msgspec.structs.replace(row, versus=versus)


def failed_rows(report: Report, device: str) -> Iterator[FrameworkRow]:
    """A row for each framework whose artifact is not the source's equal, or was not made."""
    for hop in report.hops:
        if hop.status != "passed":
            yield FrameworkRow(
                framework=FRAMEWORKS[hop.target.partition(":")[0]],
                latency=Latency(device, skipped=reason_of(hop)),
                sqnr_db=min_sqnr_db(hop.vs_source),
            )


def reason_of(hop: HopRecord) -> str:
    """Why an artifact is not measured."""
    return hop.error or f"the hop {hop.stage} ended as {hop.status}"
