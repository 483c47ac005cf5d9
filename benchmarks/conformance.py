"""ONNX's own conformance suite through the lowering, in TensorFlow and in TFLite; writes docs/conformance.md.

`python -m benchmarks.conformance [--only REGEX] [--no-tflite] [--onnx2tf]`. Cases run in child processes: one
that crashes or hangs is a failed case, and the next child goes on behind it.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

ROOT = Path(__file__).parent.parent
SUITES = ("node", "simple", "pytorch-operator", "pytorch-converted")
TIMEOUT_S = 60
TFLITE_TYPES = {"FLOAT", "INT8", "UINT8", "INT16", "INT32", "INT64", "BOOL"}
RANDOM = {
    "Bernoulli",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Multinomial",
}


@dataclass(frozen=True)
class Case:
    """One case of the suite.

    Attributes:
        sets: pairs of inputs and expected outputs.
        excluded: why it is not counted, empty where it is.
    """

    suite: str
    name: str
    model: onnx.ModelProto
    sets: list[tuple[list[Any], list[Any]]]
    rtol: float
    atol: float
    excluded: str


def cases() -> list[Case]:
    """All cases of the installed wheel, in a fixed order."""
    found = []
    for suite in SUITES:
        for test in load_model_tests(kind=suite):
            model = test.model or onnx.load(os.path.join(test.model_dir, "model.onnx"))
            found.append(
                Case(suite, test.name, model, _sets(test), test.rtol, test.atol, reason(test.name, model))
            )
    return found


def _sets(test: Any) -> list[tuple[list[Any], list[Any]]]:
    if test.data_sets is not None:
        return [([_array(x) for x in ins], [_array(x) for x in outs]) for ins, outs in test.data_sets]
    folders = sorted(Path(test.model_dir).glob("test_data_set_*"))
    return [(_files(folder, "input"), _files(folder, "output")) for folder in folders]


def _files(folder: Path, kind: str) -> list[Any]:
    paths = sorted(folder.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.split("_")[1]))
    return [numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes())) for path in paths]


def _array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def reason(name: str, model: onnx.ModelProto) -> str:
    """Why a case is outside the lowering's scope, empty where it is inside."""
    kinds = {value.type.WhichOneof("value") for value in [*model.graph.input, *model.graph.output]}
    types = _types(model)
    operators = _operators(model.graph)
    domains = {domain for domain, _ in operators} - {"", "ai.onnx"}
    names = {operator for _, operator in operators}
    if domains:
        return f"domain {', '.join(sorted(domains))}"
    for word in ("Sequence", "Optional"):
        is_used = any(word in operator for operator in names - {"ReverseSequence"})
        if is_used or f"{word.lower()}_type" in kinds:
            return f"{word.lower()} types"
    if kinds - {"tensor_type"}:
        return "other types than tensors"
    if "STRING" in types or any("String" in operator or operator == "RegexFullMatch" for operator in names):
        return "strings"
    if names & RANDOM or "bernoulli" in name:
        return "random numbers"
    if "training" in name and names & {"Dropout", "BatchNormalization"}:
        return "training mode"
    return ""


def _types(model: onnx.ModelProto) -> set[str]:
    return {
        onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)
        for value in [*model.graph.input, *model.graph.output]
    }


def _operators(graph: onnx.GraphProto) -> set[tuple[str, str]]:
    found = set()
    for node in graph.node:
        found.add((node.domain, node.op_type))
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                found |= _operators(attribute.g)
    return found


def compared(case: Case, outputs: Any, expected: Any) -> None:
    """ONNX's own comparison: types, shapes, and its tolerances."""
    from onnx.backend.test.runner import Runner

    Runner.assert_similar_outputs(expected, list(outputs), case.rtol, case.atol, None)


def in_tensorflow(case: Case) -> str:
    """Run a case through the backend interface; which inputs had to be bound."""
    import convertkit.backend as backend

    prepared = backend.prepare(case.model)
    for inputs, expected in case.sets:
        compared(case, prepared.run(inputs), expected)
    return ",".join(sorted(prepared.bound_names))


def in_tflite(case: Case) -> str:
    """Convert a case with built-ins only and run it in LiteRT."""
    other = _types(case.model) - TFLITE_TYPES
    if other:
        return f"skip: no {', '.join(sorted(other))} in TFLite"
    import numpy as np

    import convertkit.backend as backend

    prepared = backend.prepare(case.model)
    for inputs, expected in case.sets:
        arrays = dict(zip(prepared.input_names, map(np.asarray, inputs), strict=False))
        lowered = prepared.lowered_for(arrays)
        if not lowered.signature.inputs:
            return "skip: a constant, nothing to run"
        compared(case, _run_tflite(_converted(lowered), lowered.signature, arrays), expected)
    return ""


def _converted(lowered: Any) -> bytes:
    import tensorflow as tf

    from convertkit.lowering import write_savedmodel

    with tempfile.TemporaryDirectory() as folder:
        write_savedmodel(lowered, Path(folder, "case.savedmodel"))
        converter = tf.lite.TFLiteConverter.from_saved_model(f"{folder}/case.savedmodel")
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return bytes(converter.convert())


def _run_tflite(content: bytes, signature: Any, arrays: dict[str, Any]) -> list[Any]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=content, num_threads=1).get_signature_runner()
    results = runner(**{spec.runtime_name: arrays[spec.name] for spec in signature.inputs})
    return [results[spec.name] for spec in signature.outputs]


def in_onnx2tf(case: Case) -> str:
    """Convert by onnx2tf with names and order kept, and run its SavedModel's function."""
    import numpy as np
    import onnx2tf

    with tempfile.TemporaryDirectory() as folder:
        onnx.save(case.model, f"{folder}/model.onnx")
        names = [value.name for value in case.model.graph.input]
        model = onnx2tf.convert(
            input_onnx_file_path=f"{folder}/model.onnx",
            output_folder_path=f"{folder}/out",
            keep_shape_absolutely_input_names=names,
            not_use_onnxsim=True,
            disable_model_save=True,
            non_verbose=True,
        )
        for inputs, expected in case.sets:
            results = model([np.asarray(x) for x in inputs] if len(inputs) > 1 else np.asarray(inputs[0]))
            results = results if isinstance(results, list | tuple) else [results]
            compared(case, [np.asarray(result) for result in results], expected)
    return ""


WAYS = {"tensorflow": in_tensorflow, "tflite": in_tflite, "onnx2tf": in_onnx2tf}


def child(way: str, numbers: list[int]) -> None:
    """Run cases and print one JSON line for each."""
    everything = cases()
    for number in numbers:
        try:
            note, status = WAYS[way](everything[number]), "passed"
            if note.startswith("skip: "):
                note, status = note.removeprefix("skip: "), "skipped"
        except (Exception, SystemExit) as error:
            note, status = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", "failed"
        print("CASE " + json.dumps([number, status, note]), flush=True)


def run(way: str, numbers: list[int]) -> dict[int, tuple[str, str]]:
    """Status and note of each case; a child that dies or hangs fails the case that it was at."""
    results: dict[int, tuple[str, str]] = {}
    left = list(numbers)
    while left:
        command = [sys.executable, "-m", "benchmarks.conformance", "--child", way, json.dumps(left)]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout is not None
        limit = TIMEOUT_S * 2  # the first answer includes the imports
        why = "hung"
        while select.select([process.stdout], [], [], limit)[0]:
            line = process.stdout.readline()
            if not line:
                why = "crashed"
                break
            if line.startswith("CASE "):
                number, status, note = json.loads(line[5:])
                results[number] = (status, note)
                left.remove(number)
                limit = TIMEOUT_S
        process.kill()
        process.wait()
        if left:
            results[left.pop(0)] = ("failed", why)
    return results


def tally(found: list[Case], results: dict[int, tuple[str, str]], suite: str) -> dict[str, int]:
    """How many cases of a suite passed, failed, were skipped."""
    counts = collections.Counter(results[n][0] for n in results if found[n].suite == suite)
    return {key: counts.get(key, 0) for key in ("passed", "failed", "skipped")}


def table(found: list[Case], columns: dict[str, dict[int, tuple[str, str]]], excluded: dict[int, str]) -> str:
    """The Markdown page."""
    lines = ["# Conformance", "", f"onnx {onnx.__version__}, its backend suite, by `make conformance`.", ""]
    lines += [
        "| suite | through | cases | passed | failed | skipped | share |",
        "|---|---|---|---|---|---|---|",
    ]
    for suite in SUITES:
        for way, results in columns.items():
            counts = tally(found, results, suite)
            judged = counts["passed"] + counts["failed"]
            share = f"{100 * counts['passed'] / judged:.1f} %" if judged else "–"
            row = [suite, way, str(sum(counts.values())), *(str(counts[k]) for k in counts), share]
            lines.append("| " + " | ".join(row) + " |")
    bound = sum(1 for status, note in columns["tensorflow"].values() if status == "passed" and note)
    lines += [
        "",
        f"{bound} of the cases that passed in TensorFlow have an input that decides the shape of the graph",
        "(pads, axes, scales …); the backend takes it as a constant when the model is run.",
        "",
        "Skipped in the TFLite rows: cases of an element type that TFLite has no kernels for, or without",
        "inputs.",
    ]
    for way, results in columns.items():
        lines += ["", f"## Failed through {way}", "", "| case | why |", "|---|---|"]
        for number, (status, note) in sorted(results.items()):
            if status == "failed":
                text = re.sub(r"[|<>`]", " ", note)[:200]
                lines.append(f"| {found[number].name} | {text} |")
        reasons = collections.Counter(note for status, note in results.values() if status == "skipped")
        if reasons:
            lines += ["", "Skipped:", "", *(f"* {note}: {count}" for note, count in reasons.most_common())]
    lines += ["", "## Not counted", ""]
    by_reason: dict[str, list[str]] = collections.defaultdict(list)
    for number, why in excluded.items():
        by_reason[why].append(found[number].name)
    for why, names in sorted(by_reason.items()):
        lines.append(f"* **{why}** ({len(names)}): {', '.join(names)}")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=2, metavar=("WAY", "NUMBERS"))
    parser.add_argument("--only", default="", help="a regular expression on case names")
    parser.add_argument("--no-tflite", action="store_true")
    parser.add_argument("--onnx2tf", action="store_true", help="run onnx2tf on the same cases (hours)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "conformance.md")
    arguments = parser.parse_args()
    if arguments.child:
        return child(arguments.child[0], json.loads(arguments.child[1]))
    found = cases()
    chosen = [n for n, case in enumerate(found) if re.search(arguments.only, case.name)]
    excluded = {n: found[n].excluded for n in chosen if found[n].excluded}
    judged = [n for n in chosen if n not in excluded]
    columns: dict[str, dict[int, tuple[str, str]]] = {}
    started = time.perf_counter()
    columns["tensorflow"] = run("tensorflow", judged)
    if not arguments.no_tflite:
        columns["tflite"] = run("tflite", [n for n in judged if columns["tensorflow"][n][0] == "passed"])
    if arguments.onnx2tf:
        columns["onnx2tf"] = run("onnx2tf", judged)
    for suite in SUITES:
        for way, results in columns.items():
            counts = tally(found, results, suite)
            left_out = sum(1 for n in excluded if found[n].suite == suite)
            print(
                f"{suite} ({way}): {sum(counts.values())} cases, {counts['passed']} passed, "
                f"{counts['failed']} failed, {counts['skipped']} skipped, {left_out} not counted"
            )
    print(f"{time.perf_counter() - started:.0f} s")
    if not arguments.only:
        arguments.output.parent.mkdir(exist_ok=True)
        arguments.output.write_text(table(found, columns, excluded))


if __name__ == "__main__":
    main()
