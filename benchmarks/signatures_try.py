"""Converts a model of the corpus from every kind of source, and compares PyTorch with LiteRT itself."""

from __future__ import annotations

import contextlib
import itertools
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter

from benchmarks.signatures_case import EXAMPLE, SIZES, Arrays, Case
from convertkit.errors import ConvertkitError
from convertkit.hops.runner import HopRunner
from convertkit.report.report import HopRecord
from convertkit.run.pipeline import take_all_in
from convertkit.run.prepare import RunRequest, find_unfit, prepare
from convertkit.storage.run_folder import RunFolder
from convertkit.validation.validator import Validator
from convertkit.words import worded_recipe
from convertkit.workers.pool import Workers

RAW = re.compile(r"(Key|Type|Attribute|Index|Assertion|Name|UnboundLocal)Error: ")
FACTORIES = "benchmarks.signatures_models"
TARGETS = {"float32": "tflite:float32", "int8": "tflite:int8"}
LEAST_DB = {"float32": 60.0, "int8": 8.0}  # of right artifacts: integers of random weights have 12 to 45
FILES = {"pt2": "m.pt2", "state-dict": "m.sd.pt", "torchscript": "m.ts.pt", "onnx": "m.onnx"}


@dataclass(frozen=True)
class Row:
    """What became of one model, from one kind of source, in one precision.

    Attributes:
        outcome: `right`, `wrong` (it passed its gate, and is not the source), `said` (it does not ship, and
            one line says why), `dead end` (the line has no hint and no reason), `traceback`.
        detail: the line, or the worst agreement in decibels.
    """

    name: str
    kind: str
    precision: str
    outcome: str
    detail: str


def save(case: Case, kind: str, folder: Path) -> Path:
    """The model as a file of a kind."""
    path, model = folder / FILES[kind], case.model()
    examples = tuple(torch.from_numpy(each.copy()) for each in case.arrays(EXAMPLE).values())
    torch.backends.mha.set_fastpath_enabled(False)
    if kind == "state-dict":
        torch.save(model.state_dict(), path)
    elif kind == "torchscript":
        torch.jit.save(torch.jit.trace(model, examples, strict=False, check_trace=False), path)
    else:
        program = torch.export.export(model, examples, dynamic_shapes=case.dynamic())
        if kind == "pt2":
            torch.export.save(program, path)
        else:
            torch.onnx.export(
                program,
                (),
                path,
                dynamo=True,
                external_data=False,
                input_names=list(case.inputs),
                verbose=False,
            )
    return path


def words_of(case: Case, kind: str) -> dict[str, Any]:
    """What `convert` is told: the inputs by hand where a file of that kind does not tell their axes."""
    words = dict(case.words)
    if kind == "state-dict":
        words["factory"] = f"{FACTORIES}:{case.name}"
    tells = kind in ("pt2", "onnx")
    if not tells and (not case.is_plain or case.samples or "bind" in words):
        own = list(words.get("inputs", ()))
        named = {text.partition(":")[0] for text in own if ":" in text}
        words["inputs"] = own + [t for t in case.told_inputs() if t.partition(":")[0] not in named]
    return words


def convert(file: Path, samples: Path, words: dict[str, Any], workers: Workers, out: Path) -> list[HopRecord]:
    """A run without its latency."""
    recipe = worded_recipe(to=list(TARGETS.values()), samples=samples, layout="source", **words)
    prepared = prepare(RunRequest(file, recipe))
    with RunFolder(out) as folder:
        intake = take_all_in(prepared, workers, folder)
        if prepared.findings is None:  # as `examine` does, once the inputs are known
            find_unfit(intake.samples, recipe)
        validator = Validator(workers, intake, folder.scratch, recipe.gate, 1)
        runner = HopRunner(folder, workers, intake, validator, recipe, None)
        return [runner.run(hop) for hop in prepared.hops]


def try_case(case: Case, kind: str, workers: Workers, folder: Path) -> list[Row]:
    """A model from one kind of source in both precisions; nothing where PyTorch cannot write that kind."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(None), torch.no_grad():
            warnings.simplefilter("ignore")
            file = save(case, kind, folder)
    except Exception as error:  # PyTorch's own limits are not what is measured
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return [Row(case.name, kind, "", "not a source", reason[:160])]
    np.savez(folder / "s.npz", **case.given())
    try:
        records = convert(file, folder / "s.npz", words_of(case, kind), workers, folder / "run")
    except ConvertkitError as error:
        line = f"{error}".replace(f"{folder}/", "")
        return [Row(case.name, kind, each, said(line, error.hint), line) for each in TARGETS]
    except Exception as error:
        line = f"{type(error).__name__}: {error}"
        return [Row(case.name, kind, each, "traceback", line[:300]) for each in TARGETS]
    return [judged(case, kind, precision, records, folder / "run") for precision in TARGETS]


def said(line: str, hint: str | None) -> str:
    """What an error is worth: one line with what to do, or not; a library's own exception is a traceback."""
    if "\n" in line or "Traceback" in line or RAW.match(line):
        return "traceback"
    return "said" if hint else "dead end"


def judged(case: Case, kind: str, precision: str, records: list[HopRecord], out: Path) -> Row:
    """The artifact of a run beside PyTorch, at each of two sizes of every free axis."""
    failed = next(
        (
            r
            for r in records
            if r.status != "passed" and (r.target == TARGETS[precision] or "tflite" not in r.target)
        ),
        None,
    )
    if failed is not None:
        line = failed.error or ""
        is_gate = failed.status == "failed"
        return Row(case.name, kind, precision, "said" if is_gate else said(line, failed.error), line)
    file = out / ("model.tflite" if precision == "float32" else "model.int8.tflite")
    try:
        worst = min(agreement(case, file, case.arrays(sizes | case.fixed, seed=2)) for sizes in SIZES)
    except Exception as error:
        return Row(case.name, kind, precision, "wrong", f"LiteRT: {str(error).splitlines()[0][:200]}")
    outcome = "right" if worst >= min(LEAST_DB[precision], case.own_db) else "wrong"
    return Row(case.name, kind, precision, outcome, f"{worst:.1f} dB")


def agreement(case: Case, file: Path, call: Arrays) -> float:
    """SQNR of the worst output, decibels, outputs paired by whatever agrees best."""
    wanted = case.expected(call)
    runner = Interpreter(str(file)).get_signature_runner("serving_default")
    taken = runner.get_input_details()
    given = case.call(call) if case.call else call
    given = {name: given[name] for name in given if name in taken} or dict(
        zip(taken, given.values(), strict=True)
    )
    got: list[np.ndarray] = list(
        runner(**{n: v.astype(taken[n]["dtype"]) for n, v in given.items()}).values()
    )
    return max(nearest(in_pairs(wanted), got), nearest(in_parts(wanted), got))


def in_pairs(values: list[np.ndarray]) -> list[np.ndarray]:
    """Complex values as ONNX has them: pairs along a last axis."""
    return [np.stack([v.real, v.imag], -1) if np.iscomplexobj(v) else v for v in values]


def in_parts(values: list[np.ndarray]) -> list[np.ndarray]:
    """Complex values as two outputs."""
    return [part for v in values for part in ([v.real, v.imag] if np.iscomplexobj(v) else [v])]


def nearest(wanted: list[np.ndarray], got: list[np.ndarray]) -> float:
    """SQNR of the worst of the wanted outputs in the order that agrees best, decibels."""
    if len(got) < len(wanted):
        return -np.inf
    orders = itertools.permutations(got, len(wanted))
    return max(min(map(sqnr_db, wanted, order)) for order in itertools.islice(orders, 720))


def sqnr_db(wanted: np.ndarray, got: np.ndarray) -> float:
    """Signal to error, decibels; minus infinity where shapes differ or something is not finite."""
    if wanted.shape != got.shape or not np.isfinite(got).all():
        return -np.inf
    if wanted.dtype.kind in "iub":
        return 200.0 * float((wanted == got).mean()) - 100.0
    error = float(((wanted.astype(float) - got.astype(float)) ** 2).sum())
    signal = float((wanted.astype(float) ** 2).sum())
    return min(200.0, 10 * np.log10(max(signal, 1e-30) / max(error, 1e-30)))
