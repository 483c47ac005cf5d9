"""Before a run: everything that is read, checked and refused without a worker or a folder."""

from __future__ import annotations

from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Loader
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.signature import TensorSpec
from convertkit.calibration.checks import check_calibration
from convertkit.calibration.evidence import undecided
from convertkit.calibration.finding import Finding, refuse
from convertkit.environment.devices import check_device
from convertkit.environment.extras import usable_attempts
from convertkit.errors import UsageError
from convertkit.plan import Hop, default_variant, plan
from convertkit.recipe import Recipe
from convertkit.registry import RuntimeRow, StageRow, parse_variant, runtime_row
from convertkit.samples.apart import split
from convertkit.samples.asked import asked_of
from convertkit.samples.intake import source_loader
from convertkit.samples.reading import read_early
from convertkit.samples.samples import Samples
from convertkit.sources import SourceFile, check_trusted, inspect_source
from convertkit.storage.store import Store


class RunRequest(msgspec.Struct, frozen=True):
    """One run.

    Attributes:
        out: the run's folder; None: `build/<model>`.
        blame: compare the artifacts of lower precision tensor by tensor as well.
        waits: wait for another run that writes to the same folder; else that is an error.
        profiles: find which operators of each artifact take its time as well.
        remeasures: run and time all artifacts again, whatever outputs and latencies the store keeps.
        notes: what the report has to say of how model and samples were given.
    """

    model: Path
    recipe: Recipe
    out: Path | None = None
    allow_code: bool = False
    use_cache: bool = True
    blame: bool = False
    waits: bool = True
    remeasures: bool = False
    notes: tuple[str, ...] = ()
    profiles: bool = False


class Prepared(msgspec.Struct, frozen=True):
    """All that is known, checked and refused before a worker starts or a folder is made.

    Attributes:
        device: the GPU as `cuda:N`; None for the CPU alone.
        early: samples and inputs, as far as they are known yet.
        findings: what the samples' own values say of them; None where they are not known yet.
    """

    recipe: Recipe
    targets: list[Variant]
    device: str | None
    file: SourceFile
    hops: list[Hop]
    loader: Loader | None
    early: tuple[Samples | None, tuple[TensorSpec, ...]]
    findings: tuple[Finding, ...] | None

    @property
    def needs_calibration(self) -> bool:
        """True where any hop calibrates."""
        return any(hop.target.precision.needs_calibration for hop in self.hops)


def prepare(request: RunRequest) -> Prepared:
    """Read and check everything that needs no worker: words first, then the model file, then the samples.

    Raises:
        ConvertkitError: something is wrong with what was given.
    """
    recipe = request.recipe
    targets = target_variants(recipe)
    device = check_device(recipe.device)
    check_samples_given(targets, recipe)
    check_foldable(targets, recipe)
    file = inspect_source(request.model)
    check_trusted(file, allow_code=request.allow_code)
    hops = plan(Variant(file.format), targets)
    for hop in hops:
        usable_attempts(hop, getattr(recipe.stages, hop.stage.name))
    loader = source_loader(file, recipe, allow_code=request.allow_code)
    prepared = Prepared(recipe, targets, device, file, hops, loader, (None, ()), None)
    calibrates = prepared.needs_calibration
    store = Store.default() if request.use_cache else None
    early = read_early(
        file, asked_of(recipe), samples_path(recipe), recipe.sampling, store, needs_calibration=calibrates
    )
    findings = find_unfit(early[0], recipe) if calibrates and early[0] is not None else None
    return msgspec.structs.replace(prepared, early=early, findings=findings)


def samples_path(recipe: Recipe) -> Path | None:
    """Where the samples lie."""
    return Path(recipe.samples) if recipe.samples else None


def file_stem(model: Path) -> str:
    """`mobilenet` for `mobilenet.pt2`; a generic name takes its folder's: `digits` for `digits/model.pt2`."""
    stem = model.name.partition(".")[0]
    return model.resolve().parent.name if stem == "model" else stem


def target_variants(recipe: Recipe) -> list[Variant]:
    """The variants a recipe asks for.

    Raises:
        UsageError: none, or an unknown one.
    """
    if not recipe.to:
        raise UsageError("nothing to convert to", hint="give --to VARIANT, for example --to tflite:int8")
    has_samples = recipe.samples is not None
    return [parse_variant(default_variant(target, has_samples=has_samples)) for target in recipe.to]


def check_samples_given(targets: list[Variant], recipe: Recipe) -> None:
    """Raise UsageError where a target has to be calibrated and there is nothing to calibrate it with."""
    if recipe.samples or recipe.sampling.synthetic_calibration:
        return
    for target in targets:
        if target.precision.needs_calibration:
            raise UsageError(f"{target} needs real samples to calibrate with", hint="give --samples FILE.npz")


def check_foldable(targets: list[Variant], recipe: Recipe) -> None:
    """Raise UsageError where preprocessing is to be folded and there is none, or a target cannot take it."""
    if not recipe.sampling.fold_preprocessing:
        return
    for target in targets:
        if target.format is Format.TORCH:
            raise UsageError(
                f"{target} cannot have its preprocessing folded",
                hint="fold it into onnx, savedmodel or tflite",
            )
    if recipe.samples is None:
        raise UsageError(
            "there is no preprocessing to fold: no samples were given", hint="give --samples FOLDER of images"
        )


def find_unfit(samples: Samples, recipe: Recipe) -> tuple[Finding, ...]:
    """What the calibration samples themselves tell.

    Raises:
        SamplesError: something is wrong with them whatever the model says.
    """
    rows = split(samples, recipe.sampling, needs_calibration=True)
    findings = check_calibration(samples, rows, recipe.sampling)
    refuse(undecided(findings, samples))
    return findings


def modules_of(source: Format, hops: list[Hop]) -> dict[str, set[str]]:
    """Environments that a run will use, in the order of first use, each with its stages and runtimes."""
    modules: dict[str, set[str]] = {}

    def use(row: StageRow | RuntimeRow, kind: str) -> None:
        modules.setdefault(row.environment, set()).add(f"convertkit.{kind}.{row.name}")

    use(runtime_row(source), "runtimes")
    for hop in hops:
        use(hop.stage, "stages")
        use(runtime_row(hop.target.format), "runtimes")
    return modules
