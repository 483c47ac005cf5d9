"""One model of the claims table: made by a run of convertkit, then timed in interleaved rounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import convertkit
from benchmarks.claims_table import Ratio, Row
from convertkit.artifacts.tensors import write_npz
from convertkit.measurement import rounds as measure
from convertkit.report.report import HopRecord, Report
from convertkit.verbs.opening import open_first, open_next, opened
from convertkit.words import worded_recipe
from convertkit.workers.pool import Workers

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ("torch:int8-dynamic", "torch:int8", "onnx:int8", "tflite:int8-dynamic", "tflite:int8")
FLOATS = {"onnx": "onnx:float32", "tflite": "tflite:float32"}
FLOAT_TORCH = "float.torchscript.pt"
PARAMETERS = "parameters"
LEAST_FLOAT_DB = 60.0
ROUNDS = 15
RESAMPLES = 2000
OPEN_GATE = (  # all are measured
    "gate.loosen=true",
    "gate.min_sqnr_db=-1000",
    "gate.min_slice_sqnr_db=-1000",
    "gate.min_sample_sqnr_db=-1000",
    "gate.min_variation_db=-1000",
    "gate.max_accuracy_drop=1",
    "gate.min_agreement=0",
)
UNTIMED = ("bench.rounds=1", "bench.calls=2", "bench.warmup_s=0.001")
TIMED = (f"bench.rounds={ROUNDS}", "bench.calls=6", "bench.warmup_s=0.2")


def prepare(name: str, folder: Path) -> None:
    """Have weights, float TorchScript and samples written by a process of its own, unless they are there."""
    if (folder / FLOAT_TORCH).exists():  # what is written last
        return
    command = [sys.executable, "-m", "benchmarks.claims_models", name, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.strip().splitlines()[-1]}")


def convert(name: str, folder: Path) -> Report:
    """All variants by one run, the gate open; a float hop that is not the source's equal ends it all."""
    report = convertkit.convert(
        folder / "weights.pt",
        to=("tflite:float32", *TARGETS),
        factory=f"benchmarks.claims_models:{name}",
        samples=folder / "samples.npz",
        out=folder / "run",
        cache=False,
        settings=(*OPEN_GATE, *UNTIMED),
    )
    for hop in report.hops:
        if hop.target in FLOATS.values() and lowest_sqnr(hop) < LEAST_FLOAT_DB:
            raise SystemExit(f"{name}: {hop.target} is not the source's equal: {hop.error}")
    return report


def lowest_sqnr(hop: HopRecord) -> float:
    """The worst output's SQNR against the source, decibels; -inf where the hop made nothing that runs."""
    outputs = hop.vs_source.outputs if hop.vs_source else ()
    return min((output.sqnr_db for output in outputs), default=float("-inf"))


def measured(name: str, batch: int, folder: Path) -> list[Row]:
    """A row for each variant; what could not be made has its error as the row's `fault`."""
    prepare(name, folder)
    report = convert(name, folder)
    hops = {hop.target: hop for hop in report.hops}
    paths = {target: folder / "run" / hop.artifact.path for target, hop in hops.items() if is_made(hop)}
    paths["torch:float32"] = folder / FLOAT_TORCH
    sizes = {target: path.stat().st_size for target, path in paths.items() if path.is_file()}
    times = {size: timed(name, paths, folder, size) for size in (1, batch)}
    weights = int((folder / PARAMETERS).read_text())
    return [row(name, target, hops[target], sizes, times, weights) for target in TARGETS]


def is_made(hop: HopRecord) -> bool:
    """True for a hop with an artifact that is part of the table."""
    return hop.status == "passed" and hop.target in (*TARGETS, *FLOATS.values())


def timed(name: str, paths: dict[str, Path], folder: Path, batch: int) -> dict[str, list[float]]:
    """Median milliseconds of processor time of each round's calls, by variant: all in turn."""
    recipe = worded_recipe(
        samples=folder / "samples.npz", factory=f"benchmarks.claims_models:{name}", settings=TIMED
    )
    with opened(recipe) as (workers, scratch):
        first = open_first(folder / "weights.pt", recipe, workers, scratch, allow_code=True)
        names, contenders = list(paths), []
        call = scratch / "call.npz"
        rows = np.arange(batch) % first.samples.count
        write_npz(call, first.samples.take(rows))
        for target in names:
            artifact = open_next(paths[target], recipe, first, workers, scratch, allow_code=True)
            one = measure.contender(artifact, call, batch, "cpu", recipe.bench)
            one.job = msgspec.structs.replace(one.job, clock="cpu")
            contenders.append(one)
        run_rounds(contenders, recipe.bench, workers)
    return {
        target: [float(np.median(calls)) / 1e6 for calls in one.rounds]
        for target, one in zip(names, contenders, strict=True)
        if not one.skipped
    }


def run_rounds(contenders: list[measure.Contender], options: Any, workers: Workers) -> None:
    """Warm all of them up, then time them in turn, in a new order each round."""
    for one in contenders:
        measure.warm_up(one, options, workers)
    order = np.random.default_rng(0)
    for _ in range(options.rounds):
        for index in order.permutation(len(contenders)):
            measure.time_round(contenders[index], workers)


def row(
    name: str,
    target: str,
    hop: HopRecord,
    sizes: dict[str, int],
    times: dict[int, dict[str, list[float]]],
    weights: int,
) -> Row:
    """The figures of one variant, against the float artifact of its own format."""
    batch = max(times)
    if not is_made(hop):
        return Row(model=name, variant=target, fault=(hop.error or "?").partition(" (see logs/")[0])
    reference = FLOATS.get(target.partition(":")[0], "torch:float32")
    outputs = hop.vs_source.outputs if hop.vs_source else ()
    agreements = [output.top1_agreement for output in outputs if output.top1_agreement is not None]
    return Row(
        model=name,
        variant=target,
        size_bytes=sizes[target],
        weights=weights,
        size_ratio=sizes[target] / sizes[reference],
        speed_up=speed_up(times[1], reference, target),
        batch=batch,
        batch_speed_up=speed_up(times[batch], reference, target),
        call_ms=min(times[1].get(target, [np.nan])),
        batch_call_ms=min(times[batch].get(target, [np.nan])),
        sqnr_db=lowest_sqnr(hop),
        agreement=min(agreements, default=None),
        accuracy_drop=hop.accuracy.drop if hop.accuracy else None,
        coverage=next((note for note in hop.notes if " are INT8" in note), ""),
    )


def speed_up(times: dict[str, list[float]], reference: str, target: str) -> Ratio | None:
    """How many times faster than the float artifact: the median over rounds, with its bootstrap interval."""
    if target not in times or reference not in times:
        return None
    ratios = np.asarray(times[reference]) / np.asarray(times[target])
    picks = np.random.default_rng(0).integers(0, len(ratios), (RESAMPLES, len(ratios)))
    low, high = np.percentile(np.median(ratios[picks], axis=1), (2.5, 97.5))
    return Ratio(float(np.median(ratios)), float(low), float(high))
