"""Any two artifacts compared on the same samples, whatever their formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Precision, Variant
from convertkit.recipe import Recipe
from convertkit.report.report import load_report
from convertkit.samples.intake import with_masks
from convertkit.samples.synthetic import SYNTHETIC_NOTE
from convertkit.validation.judgement import Judgement
from convertkit.validation.source_finite import find_nonfinite
from convertkit.validation.validator import Validator, check_comparable
from convertkit.verbs.matching import Matcher, parse_pair
from convertkit.verbs.opening import open_first, open_next, opened, silent
from convertkit.verbs.recorded import as_recorded, recorded_source, shipped
from convertkit.workers.process import Tell

INTEGER_TYPES = frozenset(("int8", "uint8", "int16"))


def validate_artifacts(
    reference: Path,
    candidate: Path,
    recipe: Recipe,
    *,
    pairs: Sequence[str] = (),
    precision: Precision | None = None,
    allow_code: bool = False,
    tell: Tell = silent,
) -> Judgement:
    """Judge one artifact by another, which has to give finite outputs itself, as a run's source has to.

    Args:
        pairs: `A=B`, the name of an input or output in the reference and that in the candidate.
        precision: whose tolerance applies; None: what the candidate's signature or name says, else float32.

    Raises:
        ConvertkitError: either cannot be used.
    """
    [judgement] = validate_each(
        reference, [candidate], recipe, pairs=pairs, precision=precision, allow_code=allow_code, tell=tell
    )
    return judgement


def validate_run(
    run: Path,
    recipe: Recipe,
    *,
    reference: Path | None = None,
    pairs: Sequence[str] = (),
    precision: Precision | None = None,
    allow_code: bool = False,
    tell: Tell = silent,
) -> list[tuple[Path, Judgement]]:
    """Judge every artifact that a run ships, as the run did.

    Args:
        reference: what they are judged by; None: the run's source.

    Raises:
        UsageError: its source is not there any more, or the samples that judged it are not given.
        ConvertkitError: one of them cannot be used.
    """
    paths, recipe = shipped(run), as_recorded(run, recipe)
    reference = reference or recorded_source(run)
    samples = load_report(run).samples
    found = validate_each(
        reference,
        paths,
        recipe,
        pairs=pairs,
        precision=precision,
        allow_code=allow_code,
        tell=tell,
        leaves_calibration=bool(samples.calibration) and samples.calibration_sha256 is None,
    )
    return list(zip(paths, found, strict=True))


def validate_each(
    reference: Path,
    candidates: Sequence[Path],
    recipe: Recipe,
    *,
    pairs: Sequence[str] = (),
    precision: Precision | None = None,
    allow_code: bool = False,
    tell: Tell = silent,
    leaves_calibration: bool = False,
) -> list[Judgement]:
    """Judge artifacts by one that is run once; by samples that did not calibrate, where that is asked for."""
    with opened(recipe, tell) as (workers, scratch):
        intake = open_first(
            reference,
            recipe,
            workers,
            scratch,
            allow_code=allow_code,
            leaves_calibration=leaves_calibration,
        )
        recipe = with_masks(recipe, intake.masks)
        names, others = dict(map(parse_pair, pairs)), []
        for candidate in candidates:
            found = open_next(candidate, recipe, intake, workers, scratch, names, allow_code=allow_code)
            other = Matcher(workers, intake, scratch).settled(found)
            variant = Variant(other.variant.format, precision or guess_precision(other))
            others.append(msgspec.structs.replace(other, variant=variant))
        validator = Validator(workers, intake, scratch, recipe.gate, recipe.bench.threads)
        outputs, threads = validator.source_outputs, recipe.bench.threads
        nonfinite = find_nonfinite(outputs, intake, workers, scratch, recipe.gate, threads)
        if nonfinite is not None and nonfinite.refusal:
            return [Judgement(nonfinite.refusal, {}, nonfinite=nonfinite) for _ in others]
        check_comparable(outputs)
        judgements = [validator.judge(other, outputs) for other in others]
        if intake.samples.origin == "synthetic":
            judgements = [with_note(judgement, SYNTHETIC_NOTE) for judgement in judgements]
        return [msgspec.structs.replace(judgement, nonfinite=nonfinite) for judgement in judgements]


def with_note(judgement: Judgement, note: str) -> Judgement:
    """The judgement with a line more about what it rests on."""
    compared = judgement.vs_source
    if compared is None:
        return judgement
    compared = msgspec.structs.replace(compared, notes=(note, *compared.notes))
    return msgspec.structs.replace(judgement, vs_source=compared)


def guess_precision(artifact: Artifact) -> Precision:
    """The precision that the file's name or its input types tell; float32 where neither does."""
    for precision in sorted(Precision, key=len, reverse=True):
        if f".{precision}." in Path(artifact.path).name:
            return precision
    if any(spec.dtype in INTEGER_TYPES and spec.scale for spec in artifact.signature.inputs):
        return Precision.INT8
    return Precision.FLOAT32
