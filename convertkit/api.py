"""The Python interface: the same power as the command line, same errors, a `Report` as the answer."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec
import yaml

from convertkit.artifacts.formats import Precision
from convertkit.attribution.blamer import SAMPLES
from convertkit.config.run_settings import BudgetOptions
from convertkit.errors import UsageError
from convertkit.recipe import Recipe, decode_recipe, load_recipe
from convertkit.registry import STAGES
from convertkit.report.blame import Blame
from convertkit.report.report import Report
from convertkit.run.in_memory import is_module, saved_module
from convertkit.run.pipeline import Progress, Silent, run
from convertkit.run.prepare import RunRequest
from convertkit.validation.judgement import Judgement
from convertkit.verbs import side_by_side
from convertkit.verbs.blame import blame_run
from convertkit.verbs.side_by_side import Measured

SHORTHANDS = ("layout", "io", "backend")


def convert(
    model: str | PathLike[str] | Any,
    *,
    to: str | Sequence[str] = (),
    samples: str | PathLike[str] | None = None,
    calibration_samples: str | PathLike[str] | None = None,
    out: str | PathLike[str] | None = None,
    recipe: str | None = None,
    inputs: Sequence[str] = (),
    factory: str | None = None,
    layout: str | None = None,
    io: str | None = None,
    backend: str | None = None,
    device: str | None = None,
    settings: Sequence[str] = (),
    rescue: bool = False,
    allow_code: bool = False,
    cache: bool = True,
    blame: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Convert a model, checking and measuring every hop.

    Args:
        model: path of a model, or an `nn.Module` in memory (then `samples` is needed, or `inputs`).
        to: one variant or several, as on the command line.
        samples: `.npz`, `.npy`, or a folder of images.
        calibration_samples: others, that calibrate and do nothing else; None: some of `samples` do.
        out: the run's folder; None: `build/<model>`.
        recipe: name or file; the other arguments win over it.
        inputs: `NAME:DTYPE[d0,d1,…]`, where the file cannot tell.
        factory: `MODULE:CALLABLE` that builds the `nn.Module` of a state dict.
        settings: `KEY=VALUE` for any key of a recipe, dotted: `gate.min_sqnr_db=30`.
        rescue: where INT8 fails its gate, search for an artifact that passes, 10 minutes at most; the
            recipe's `budget` says more.
        allow_code: allow a model file that is, or may be, a program.
        cache: take hops from the store, and keep those that pass.
        blame: compare every INT8 and float16 artifact with the float one tensor by tensor, as `blame` does.

    Returns:
        The report; `report.is_passed` says whether every gate passed. A hop that fails does not raise.

    Raises:
        ConvertkitError: what was given cannot be used.
    """
    merged = options_recipe(
        recipe,
        to=[to] if isinstance(to, str) else list(to),
        samples=samples,
        calibration_samples=calibration_samples,
        inputs=inputs,
        factory=factory,
        layout=layout,
        io=io,
        backend=backend,
        device=device,
        settings=settings,
        rescue=rescue,
    )
    silent_or_not = progress or Silent()
    where = Path(out) if out is not None else None
    if is_module(model):
        name = type(model).__name__.lower()
        with saved_module(model, merged) as path:
            request = RunRequest(path, merged, where or Path("build") / name, True, cache, blame)
            return run(request, silent_or_not)
    return run(RunRequest(Path(model), merged, where, allow_code, cache, blame), silent_or_not)


def validate(
    reference: str | PathLike[str],
    candidate: str | PathLike[str],
    *,
    samples: str | PathLike[str] | None = None,
    inputs: Sequence[str] = (),
    factory: str | None = None,
    precision: str | None = None,
    settings: Sequence[str] = (),
    allow_code: bool = False,
) -> Judgement:
    """Compare two artifacts of any formats on the same samples; `judgement.reason` is empty when it passed.

    Args:
        precision: whose tolerance applies; None: what the candidate's name tells, else float32.

    Raises:
        ConvertkitError: either cannot be used.
    """
    recipe = options_recipe(samples=samples, inputs=inputs, factory=factory, settings=settings)
    chosen = Precision(precision) if precision else None
    return side_by_side.validate(
        Path(reference), Path(candidate), recipe, precision=chosen, allow_code=allow_code
    )


def bench(
    artifacts: Sequence[str | PathLike[str]],
    *,
    samples: str | PathLike[str] | None = None,
    inputs: Sequence[str] = (),
    factory: str | None = None,
    device: str | None = None,
    settings: Sequence[str] = (),
    allow_code: bool = False,
) -> list[Measured]:
    """Latency, size and memory of artifacts of any formats, in interleaved rounds.

    Raises:
        ConvertkitError: one of them cannot be used, or the device is not there.
    """
    recipe = options_recipe(samples=samples, inputs=inputs, factory=factory, device=device, settings=settings)
    return side_by_side.bench([Path(path) for path in artifacts], recipe, allow_code=allow_code)


def blame(
    run: str | PathLike[str],
    *,
    of: str | None = None,
    against: str | None = None,
    all_hops: bool = False,
    samples: str | PathLike[str] | None = None,
    count: int = SAMPLES,
    factory: str | None = None,
    settings: Sequence[str] = (),
    allow_code: bool = False,
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
    recipe = options_recipe(samples=samples, factory=factory, settings=settings)
    return blame_run(
        Path(run),
        recipe,
        of=of,
        against=against,
        all_hops=all_hops,
        count=count,
        allow_code=allow_code,
    )


def options_recipe(
    recipe: str | None = None,
    *,
    to: Sequence[str] = (),
    samples: str | PathLike[str] | None = None,
    calibration_samples: str | PathLike[str] | None = None,
    inputs: Sequence[str] = (),
    factory: str | None = None,
    layout: str | None = None,
    io: str | None = None,
    backend: str | None = None,
    device: str | None = None,
    settings: Sequence[str] = (),
    rescue: bool = False,
) -> Recipe:
    """A recipe (by name or file, or an empty one) with what was given besides."""
    given = {
        "to": list(to),
        "samples": str(samples) if samples is not None else None,
        "inputs": list(inputs),
        "factory": factory,
        "layout": layout,
        "io": io,
        "backend": backend,
        "device": device,
    }
    chosen = load_recipe(recipe) if recipe else Recipe()
    if rescue and chosen.budget is None:
        chosen = msgspec.structs.replace(chosen, budget=BudgetOptions())
    if calibration_samples is not None:
        sampling = msgspec.structs.replace(chosen.sampling, calibration_samples=str(calibration_samples))
        chosen = msgspec.structs.replace(chosen, sampling=sampling)
    return merge(chosen, given, settings)


def merge(recipe: Recipe, given: dict[str, Any], settings: Sequence[str]) -> Recipe:
    """The recipe with what was given besides; then the shorthands written into the stages' options.

    Raises:
        UsageError: an unknown key, or a value of the wrong type.
    """
    content = msgspec.to_builtins(recipe)
    content |= {key: value for key, value in given.items() if value}
    for setting in settings:
        set_key(content, setting)
    content = msgspec.to_builtins(decode_recipe(content, "options"))
    for row in STAGES:
        options = content["stages"][row.name]
        options |= {key: content[key] for key in SHORTHANDS if key in options and content[key]}
    return decode_recipe(content, "options")


def set_key(content: dict[str, Any], setting: str) -> None:
    """Apply `KEY=VALUE`, the key dotted, the value as in YAML."""
    key, separator, text = setting.partition("=")
    if not separator:
        raise UsageError(f"--set '{setting}' is not KEY=VALUE", hint="for example gate.min_sqnr_db=30")
    *path, last = key.strip().split(".")
    target = content
    for part in path:
        if target.get(part) is None:
            target[part] = {}
        target = target[part]
        if not isinstance(target, dict):
            raise UsageError(f"--set '{setting}': '{part}' has no keys of its own")
    try:
        target[last] = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # ValueError: a date that there is not
        raise UsageError(f"--set '{setting}': the value is not YAML") from None
