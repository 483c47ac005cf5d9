"""docs/conformance.md: counts, and a reason for each case that failed."""

from __future__ import annotations

import collections
import importlib.metadata

from benchmarks.conformance_cases import SUITES, Case
from benchmarks.conformance_reasons import kind, reason

Results = dict[int, tuple[str, str]]
KEYS = ("passed", "failed", "skipped")
TITLES = {"tensorflow": "TensorFlow", "tflite": "TFLite", "onnx2tf": "onnx2tf"}
VERSIONS = ("onnx", "tensorflow", "ai-edge-litert", "onnx2tf")


def tally(found: list[Case], results: Results, suite: str) -> dict[str, int]:
    """How many cases of a suite passed, failed, were skipped."""
    counts = collections.Counter(results[n][0] for n in results if found[n].suite == suite)
    return {key: counts.get(key, 0) for key in KEYS}


def page(found: list[Case], columns: dict[str, Results]) -> str:
    """The Markdown page."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    parts = [
        ["# Conformance", "", f"ONNX's backend suite, by `make conformance`: {versions}."],
        counts(found, columns),
        notes(columns),
        *[failures(found, way, columns[way]) for way in ("tensorflow", "tflite")],
        skipped(columns["tflite"]),
        other_tool(columns["onnx2tf"]),
        not_counted(found),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def counts(found: list[Case], columns: dict[str, Results]) -> list[str]:
    """The table: one row a suite, the ways side by side."""
    heads = [f"{TITLES[way]} {key}" for way in columns for key in shown(way)]
    lines = ["| suite | cases | " + " | ".join(heads) + " |", "|---" * (len(heads) + 2) + "|"]
    for suite in SUITES:
        tallies = {way: tally(found, results, suite) for way, results in columns.items()}
        cells = [str(tallies[way][key]) for way in columns for key in shown(way)]
        total = sum(tallies["tensorflow"].values())
        lines.append(f"| {suite} | {total} | " + " | ".join(cells) + " |")
    shares = []
    for way, results in columns.items():
        judged = [status for status, _ in results.values() if status != "skipped"]
        share = 100 * judged.count("passed") / len(judged)
        shares.append(f"{TITLES[way]} {share:.1f} % of {len(judged)}")
    return [*lines, "", f"Passed of those not skipped: {'; '.join(shares)}."]


def shown(way: str) -> tuple[str, ...]:
    """The columns of a way; onnx2tf skips nothing."""
    return KEYS[:2] if way == "onnx2tf" else KEYS


def notes(columns: dict[str, Results]) -> list[str]:
    """How the ways were run."""
    bound = sum(1 for status, note in columns["tensorflow"].values() if status == "passed" and note)
    tries = collections.Counter(note for status, note in columns["onnx2tf"].values() if status == "passed")
    last = sum(1 for _, note in columns["onnx2tf"].values() if note.startswith("ChannelsLast"))
    return [
        "Every way is judged by ONNX's own comparison: element types, shapes, its tolerances. A case that",
        "raises, crashes, exits or hangs for 60 s has failed.",
        "",
        "* **TensorFlow**: `convertkit.backend`, unchanged models. An input that decides the shape of the",
        "  graph (pads, axes, scales …) is taken as a constant when the model is run: so in",
        f"  {bound} cases that passed. With oneDNN, which TensorFlow turns on by itself on some CPUs alone:",
        "  without it, it has no grouped and no dilated 3-D convolution on a CPU.",
        "* **TFLite**: the same SavedModels by TFLiteConverter with built-ins alone, run by LiteRT. Skipped",
        "  are cases of an element type that TFLite has no kernels for, or without inputs.",
        "* **onnx2tf**: its Keras model, made from the model as it is, with inputs kept in ONNX's order and",
        "  the case's own inputs as sample data. Where that fails, a second time with every input but the",
        f"  first a constant ({tries['constants']} cases passed so alone), and a third time with inputs in",
        f"  channels-last order ({tries['channels-last inputs']} more). {last} cases that count as failed",
        "  agree once their outputs are read as channels-last, which is its convention, not the model's.",
    ]


def failures(found: list[Case], way: str, results: Results) -> list[str]:
    """A section with a reason for each case that failed, those alike together."""
    groups: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for number, (status, note) in sorted(results.items()):
        if status == "failed":
            name = found[number].name
            groups[reason(way, name, note)].append(name)
    whose = collections.Counter({key: 0 for key, _ in groups})
    for (key, _), names in groups.items():
        whose[key] += len(names)
    summary = ", ".join(f"{count} are limits of {key}" for key, count in whose.most_common())
    lines = [f"## Failed through {TITLES[way]}", "", f"{sum(whose.values())}: {summary}.", ""]
    lines += ["| whose limit | reason | cases |", "|---|---|---|"]
    ordered = sorted(groups.items(), key=lambda item: (item[0][0], -len(item[1]), item[0][1]))
    return lines + [f"| {key} | {text} | {', '.join(names)} |" for (key, text), names in ordered]


def skipped(results: Results) -> list[str]:
    """Why cases were skipped in TFLite."""
    reasons = collections.Counter(note for status, note in results.values() if status == "skipped")
    return ["## Skipped in TFLite", "", *(f"* {note}: {count}" for note, count in reasons.most_common())]


def other_tool(results: Results) -> list[str]:
    """What onnx2tf's failures are."""
    kinds = collections.Counter(kind(note) for status, note in results.values() if status == "failed")
    lines = ["## Failed through onnx2tf", "", "| what happened | cases |", "|---|---|"]
    return lines + [f"| {text} | {count} |" for text, count in kinds.most_common()]


def not_counted(found: list[Case]) -> list[str]:
    """Cases outside the lowering's scope, by reason."""
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for case in found:
        if case.excluded:
            groups[case.excluded].append(case.name)
    lines = [f"* **{why}** ({len(names)}): {', '.join(names)}" for why, names in sorted(groups.items())]
    return ["## Not counted", "", *lines]
