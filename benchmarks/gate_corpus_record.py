"""Runs of the product, recorded: what each artifact gave on the validation samples is kept as a case.

Wraps `Validator.judge`, so that every artifact that a run judges is seen, the rejected ones too.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gate_corpus_case import Array, Arrays, Case
from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.tensors import write_npz
from convertkit.errors import ConvertkitError
from convertkit.validation.judgement import Judgement
from convertkit.validation.validator import Validator

NOISE_SAMPLES = 32
KINDS = ("source", "artifact", "again", "masks")
Rows = Callable[[Array], Arrays]
"""From the rows of the validation samples to outputs, or inputs, at those rows."""


@contextmanager
def recording(
    folder: Path,
    model: str,
    faults: dict[str, Arrays] | None = None,
    feeds: dict[str, Callable[[Arrays], Arrays | None]] | None = None,
) -> Iterator[None]:
    """Keep a case of every artifact that is judged meanwhile.

    Args:
        faults: outputs of the source with a fault, for all samples of the file.
        feeds: how inputs are mistaken; None where a model has no such input.
    """
    original = Validator.judge

    def judge(self: Validator, artifact: Artifact, *rest: Any, **named: Any) -> Judgement:
        judgement = original(self, artifact, *rest, **named)
        if judgement.outputs:
            case = case_of(self, artifact, judgement, model)
            rows = np.asarray(self._intake.split.validation)
            wrong = weight_faults(case, faults or {}, rows) | misfed(self, artifact, feeds or {}, rows)
            keep(folder, case, wrong, judgement)
        return judgement

    Validator.judge = judge  # type: ignore[method-assign]
    try:
        yield
    finally:
        Validator.judge = original  # type: ignore[method-assign]


def case_of(validator: Validator, artifact: Artifact, judgement: Judgement, model: str) -> Case:
    """What a validator judged."""
    return Case(
        model,
        str(artifact.variant),
        str(artifact.variant.precision),
        validator.source_outputs,
        judgement.outputs,
        again=run_again(validator),
        masks=dict(validator.grounds.masks),
        labels=validator._labels,
    )


def run_again(validator: Validator) -> Arrays:
    """The source's outputs for the first samples, one in a call; empty where it cannot be run so."""
    rows = validator._intake.split.validation[:NOISE_SAMPLES]
    try:
        return infer(validator, validator._intake.artifact, validator._intake.samples.take(rows), 1)
    except ConvertkitError:
        return {}


def infer(validator: Validator, artifact: Artifact, inputs: Arrays, chunk: int | None = None) -> Arrays:
    """An artifact's outputs on any inputs; `chunk` samples in a call, None: as the validator does."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "inputs.npz"
        write_npz(file, inputs)
        return validator._infer(artifact, file, chunk)


def misfed(validator: Validator, artifact: Artifact, feeds: dict[str, Any], rows: Array) -> dict[str, Arrays]:
    """What the artifact gives for inputs that are mistaken; without those that it does not take."""
    found = {}
    given = validator._intake.samples.take(rows)
    for name, mistake in feeds.items():
        inputs = mistake(dict(given))
        if inputs is not None:
            found[name] = infer(validator, artifact, inputs)
    return found


def weight_faults(case: Case, faults: dict[str, Arrays], rows: Array) -> dict[str, Arrays]:
    """What a source with a fault gives, with the artifact's own error on top."""
    return {
        fault: {
            name: (values[rows] + case.artifact[name] - case.source[name]).astype(values.dtype)
            for name, values in zip(case.source, outputs.values(), strict=True)
        }
        for fault, outputs in faults.items()
    }


def keep(folder: Path, case: Case, wrong: dict[str, Arrays], judgement: Judgement) -> None:
    """Write a case down, with what the product said of it; a second attempt at a variant beside the first."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"{kind}|{name}": x for kind in KINDS for name, x in getattr(case, kind).items()}
    arrays |= {f"wrong|{fault}|{name}": x for fault, outs in wrong.items() for name, x in outs.items()}
    if case.labels is not None:
        arrays["labels"] = case.labels
    file = folder / f"{case.variant.replace(':', '-')}.npz"
    if file.exists():
        file = file.with_suffix(".second.npz")
    np.savez(file, **arrays)  # type: ignore[arg-type]
    facts = {"model": case.model, "variant": case.variant, "precision": case.precision}
    facts["reason"] = judgement.reason
    file.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")


def read_case(file: Path, roles: tuple[Any, ...] = ()) -> tuple[Case, str]:
    """A case that was kept, and why the product failed it; empty where it passed.

    Args:
        roles: of the outputs, in order.
    """
    facts = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    reason = facts.pop("reason")
    kinds: dict[str, Arrays] = {kind: {} for kind in KINDS}
    wrong: dict[str, Arrays] = {}
    labels = None
    with np.load(file) as arrays:
        for key in arrays.files:
            kind, _, name = key.partition("|")
            if kind == "labels":
                labels = arrays[key]
            elif kind == "wrong":
                fault, _, name = name.partition("|")
                wrong.setdefault(fault, {})[name] = arrays[key]
            else:
                kinds[kind][name] = arrays[key]
    named = dict(zip(kinds["source"], roles, strict=False))
    return Case(**facts, **kinds, labels=labels, roles=named, wrong=wrong), reason
