"""The Python interface: the same power as the command line, same errors, a `Report` as the answer."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

from convertkit.artifacts.formats import Precision
from convertkit.attribution.blamer import SAMPLES
from convertkit.errors import UsageError
from convertkit.measurement.measured import Measured
from convertkit.report.blame import Blame
from convertkit.report.difference import Allowed, Difference
from convertkit.report.fleet import FleetReport
from convertkit.report.gated import Gated
from convertkit.report.report import Report
from convertkit.run.handed_model import is_file, model_as_file, model_name
from convertkit.run.handed_samples import samples_as_files
from convertkit.run.pipeline import run
from convertkit.run.prepare import RunRequest
from convertkit.run.progress import Progress
from convertkit.validation.judgement import Judgement
from convertkit.verbs.bench import bench_artifacts
from convertkit.verbs.blame import blame_run
from convertkit.verbs.compare import compare_any
from convertkit.verbs.gate import gate_run
from convertkit.verbs.validate import validate_artifacts
from convertkit.words import WeightWords, Words, worded_recipe


def convert(
    model: str | PathLike[str] | Any,
    *,
    out: str | PathLike[str] | None = None,
    allow_code: bool = False,
    cache: bool = True,
    remeasure: bool = False,
    wait: bool = True,
    blame: bool = False,
    profile: bool = False,
    progress: Progress | None = None,
    **words: Unpack[Words],
) -> Report:
    """Convert a model, checking and measuring every hop.

    Args:
        model: path of a model; or one in memory: an `nn.Module` (compiled or not), a pair of one and its
            state dict, a `ScriptModule` (all of these need `samples`, or `inputs`), an `ExportedProgram`, a
            Keras model.
        out: the run's folder; None: `build/<model>`.
        allow_code: allow a model file that is, or may be, a program.
        cache: take hops from the store, and keep those that pass.
        remeasure: run and time all artifacts again, whatever outputs and latencies the store keeps.
        wait: wait for another run that writes to the same folder; else that is an error.
        blame: compare every INT8 and float16 artifact with the float one tensor by tensor, as `blame` does.
        profile: find which operators of each artifact take its time; raw traces go to `profiles/`.
        progress: who is told how the run goes on; None: nobody.
        to: one variant or several, as on the command line.
        samples: path of an `.npz`, an `.npy`, or a folder of images; or in memory: an array, a tensor, a
            tuple, list or dict of them, a table, a `Dataset`, a `DataLoader`, a generator (docs/inputs.md).
        calibration_samples: others, that calibrate and do nothing else; None: some of `samples` do.
        recipe: name or file; the other words win over it.
        inputs: `NAME:DTYPE[d0,d1,…]`, where the file cannot tell, or to fix free axes; `AXIS=LOW..HIGH`.
        bind: `NAME=VALUE`, constants in place of inputs.
        batch, static: fix the batch axis at a size; fix every free axis.
        output_names: what the outputs are called in every artifact: `a,b`, or a list.
        factory: `MODULE:CALLABLE`, or `FILE.py:CALLABLE`, that builds the `nn.Module` of a state dict.
        factory_args: its keyword arguments.
        allow_missing, allow_extra: patterns of keys that a state dict may lack, and may have besides.
        layout, io, backend, quality, device: as the flags of the same name.
        fold_preprocessing: put mean and std, pixels of 0 to 255 and channels-last images into the artifacts.
        sandbox, require_sandbox: what workers give up, `auto` or `none`; fail where not all of it is granted.
        timeout: seconds after which the run ends with what it has finished.
        settings: `KEY=VALUE` for any key of a recipe, dotted: `gate.min_sqnr_db=30`.
        rescue: where INT8 fails its gate, search for an artifact that passes, 10 minutes at most; the
            recipe's `budget` says more.

    Returns:
        The report; `report.is_passed` says whether every gate passed. A hop that fails does not raise.

    Raises:
        ConvertkitError: what was given cannot be used.
    """
    watching = progress or Progress()
    where = run_folder(out)
    with samples_as_files(words, model) as (told, notes):
        recipe = worded_recipe(**told)
        if is_file(model):
            request = RunRequest(
                Path(model), recipe, where, allow_code, cache, blame, wait, remeasure, notes, profile
            )
            return run(request, watching)
        with model_as_file(model, recipe) as (path, settled):
            where = where or Path("build") / model_name(model)
            request = RunRequest(path, settled, where, True, cache, blame, wait, remeasure, notes, profile)
            return run(request, watching)


def run_folder(out: str | PathLike[str] | None) -> Path | None:
    """The folder that was asked for.

    Raises:
        UsageError: it has no name, which would mean the current folder.
    """
    if out is not None and not str(out).strip():
        raise UsageError("the run's folder has no name", hint="name it, -o build/NAME, or leave -o out")
    return Path(out) if out is not None else None


def validate(
    reference: str | PathLike[str],
    candidate: str | PathLike[str],
    *,
    samples: Any = None,
    inputs: Sequence[str] = (),
    pairs: Sequence[str] = (),
    precision: str | None = None,
    settings: Sequence[str] = (),
    allow_code: bool = False,
    **weights: Unpack[WeightWords],
) -> Judgement:
    """Compare two artifacts of any formats on the same samples; `judgement.reason` is empty when it passed.

    Args:
        samples: a path, or whatever `convert` takes in memory.
        pairs: `A=B`, the name of an input or output in the reference and that in the candidate.
        precision: whose tolerance applies; None: what the candidate's name tells, else float32.

    Raises:
        ConvertkitError: either cannot be used.
    """
    words: Words = {"samples": samples, "inputs": inputs, "settings": settings}
    chosen = Precision(precision) if precision else None
    with samples_as_files(words, reference) as (told, _):
        return validate_artifacts(
            Path(reference),
            Path(candidate),
            worded_recipe(samples=told.get("samples"), inputs=inputs, settings=settings, **weights),
            pairs=pairs,
            precision=chosen,
            allow_code=allow_code,
        )


def fleet(
    file: str | PathLike[str],
    *,
    address: str | None = None,
    jobs: int | None = None,
    resume: bool = False,
) -> FleetReport:
    """Convert the models of a fleet's file with their recipes, several at once, on Ray (docs/fleet.md).

    Args:
        address: of a Ray cluster; None: one of its own on this machine.
        jobs: how many at once here; None: one for each core.
        resume: leave jobs that an earlier call has done.

    Raises:
        ConvertkitError: the file cannot be used, or Ray is not there. A job that fails does not raise.
    """
    from convertkit.fleets.fleet import FleetRequest, run_fleet  # which a single conversion need not wait for

    return run_fleet(FleetRequest(Path(file), address, jobs, resume))


def gate(run: str | PathLike[str], *, settings: Sequence[str] = ()) -> Gated:
    """Judge a run again by the outputs that it kept; no model is run, and no file changed.

    Args:
        settings: `KEY=VALUE` of gate and budget, in place of what the run was told.

    Raises:
        UsageError: no run, no outputs kept, or a key that does not judge.
    """
    return gate_run(Path(run), settings)


def bench(
    artifacts: Sequence[str | PathLike[str]],
    *,
    samples: Any = None,
    inputs: Sequence[str] = (),
    device: str | None = None,
    batches: Sequence[int] = (),
    threads: Sequence[int] = (),
    settings: Sequence[str] = (),
    allow_code: bool = False,
    **weights: Unpack[WeightWords],
) -> list[Measured]:
    """Latency, size, memory and cold start of artifacts of any formats, in interleaved rounds.

    Args:
        artifacts: files, SavedModels, folders of runs; the first one is what the others are compared with.
        batches: samples in each call, each of them measured; empty: one.
        samples: a path, or whatever `convert` takes in memory.
        threads: of each runtime, each of them measured; empty: `bench.threads`.

    Raises:
        ConvertkitError: one of them cannot be used, or the device is not there.
    """
    words: Words = {"samples": samples, "inputs": inputs, "device": device, "settings": settings}
    paths = [Path(path) for path in artifacts]
    with samples_as_files(words, paths[0] if paths else None) as (told, _):
        given = told.get("samples")
        recipe = worded_recipe(samples=given, inputs=inputs, device=device, settings=settings, **weights)
        return bench_artifacts(paths, recipe, batches=batches, threads=threads, allow_code=allow_code)


def compare(
    before: str | PathLike[str],
    after: str | PathLike[str],
    *,
    allowed: Allowed | None = None,
    samples: str | PathLike[str] | None = None,
    settings: Sequence[str] = (),
    allow_code: bool = False,
) -> Difference:
    """What changed from one run's folder, or artifact, to another; `difference.regressions` is empty if none.

    Args:
        allowed: how much worse the second one may be; None: the defaults of `Allowed`.

    Raises:
        ConvertkitError: either cannot be used.
    """
    recipe = worded_recipe(samples=samples, settings=settings)
    return compare_any(Path(before), Path(after), recipe, allowed or Allowed(), allow_code=allow_code)


def blame(
    run: str | PathLike[str],
    *,
    of: str | None = None,
    against: str | None = None,
    all_hops: bool = False,
    samples: str | PathLike[str] | None = None,
    count: int = SAMPLES,
    settings: Sequence[str] = (),
    allow_code: bool = False,
    **weights: Unpack[WeightWords],
) -> list[Blame]:
    """Compare the artifacts of a run tensor by tensor: which operators lose most, and their PyTorch modules.

    Args:
        run: the folder of a run.
        of, against: variants; None: every INT8 or float16 artifact, beside the float one of its format.
        all_hops: besides, every float artifact beside the one it was made from.
        samples: None: those that the run calibrated with.
        count: how many samples are run.

    Raises:
        ConvertkitError: the folder is not a run's, or the artifacts cannot be compared.
    """
    recipe = worded_recipe(samples=samples, settings=settings, **weights)
    return blame_run(
        Path(run),
        recipe,
        of=of,
        against=against,
        all_hops=all_hops,
        count=count,
        allow_code=allow_code,
    )
