"""Files that are, or may be, programs, from a folder full of traps; and their twins without a payload."""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults_made import COMMAND, handmade, handmade_savedmodel, keras_file, tflite_file
from benchmarks.faults_page import Part
from benchmarks.faults_verbs import run_verb
from convertkit.sources import check_trusted, inspect_source
from convertkit.sources.source import Kind

ROOT = Path(__file__).resolve().parents[1]
SUFFIX = {"pickle": ".pt", "pt2": ".pt2", "script": ".pt", "keras": ".keras", "onnx": ".onnx"}
WHOLE = 8  # files that go through the command itself, with its workers
REFUSED = "exit 6"
LAYERS = (("Lambda", "keras.layers"), ("TFSMLayer", "keras.layers"), ("system", "os"), ("Mine", "mine"))
OPERATORS = [
    "WriteFile",
    "SaveV2",
    "ReadFile",
    "PyFunc",
    "EagerPyFunc",
    "CSVDataset",
    "PrintV2",
    "MatchingFiles",
]


def hostile() -> Iterator[tuple[str, bytes]]:
    """Every hostile file, under what kind it is and what it does."""
    for protocol in range(6):
        plain = pickle.dumps(handmade.Evil(), protocol)
        yield f"pickle/call, protocol {protocol}", plain
        yield f"pickle/call, protocol {protocol}, in an archive", handmade.torch_zip(plain)
        yield f"pickle/call, protocol {protocol}, old format", handmade.legacy(plain)
    for name, opcodes in handmade.EVIL.items():
        yield f"pickle/{name}", handmade.torch_zip(handmade.dict_pickle(opcodes))
        yield f"pt2/samples: {name}", handmade.pt2(samples=handmade.torch_zip(handmade.dict_pickle(opcodes)))
    programs = importlib.import_module("test_exported_program")
    for name, (where, value) in programs.HOSTILE.items():
        yield f"pt2/{name}", handmade.pt2(programs.changed(where, value))
    scripts = importlib.import_module("test_torchscript")
    for name, (line, _) in scripts.HOSTILE.items():
        yield f"script/{name}", handmade.script(handmade.SCRIPT.replace(scripts.BODY, scripts.BODY + line))
    for name, module in LAYERS:
        layer = {"module": module, "class_name": name, "config": {}, "registered_name": None}
        yield f"keras/{name}", keras_file(layer)
    external = importlib.import_module("test_onnx_external")
    for place in external.PLACES:
        yield f"onnx/{place} out of the folder", external.model_with(place, external.tensor("w", "../secret"))
        yield f"onnx/{place} from anywhere", external.model_with(place, external.tensor("w", "/etc/passwd"))
    for op in OPERATORS:
        node = handmade_savedmodel.node("bad", op, "x")
        yield f"savedmodel/{op}", handmade_savedmodel.with_nodes(node)
        function = handmade_savedmodel.function("evil", ["x"], node)
        yield f"savedmodel/{op} in a function", handmade_savedmodel.with_functions(function)


def trapped(folder: Path) -> Path:
    """A folder with a file for every module that is imported lazily, and a command; each leaves a canary."""
    traps = folder / "repository"
    traps.mkdir()
    for name in importlib.import_module("tests.cli.test_traps").LAZY.split():
        code = f"import pathlib\npathlib.Path({str(folder)!r}, 'canary-{name}').touch()\n"
        (traps / f"{name}.py").write_text(f"{code}raise ImportError(__name__)\n")
    command = folder / "bin" / COMMAND
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\ntouch {folder}/canary-$$\n")
    command.chmod(0o755)
    os.environ["PATH"] = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return traps


def hostile_files(folder: Path, share: int) -> Part:
    """Each refused, and no payload run; a few through the command itself."""
    traps, outcomes, wrong = trapped(folder), Counter[str](), []
    subprocess.run([COMMAND], check=True)  # the canary sings where it is let
    canaries = list(folder.glob("canary-*"))
    assert canaries
    canaries[0].unlink()
    files = list(hostile())[:: max(1, share // 3)]
    for number, (name, content) in enumerate(files):
        path = written(traps, name, content)
        ended = run_verb(traps, "convert", str(path), "--to", "tflite", "-o", "out")
        outcomes[f"refused ({ended.outcome})" if ended.outcome == REFUSED else ended.outcome] += 1
        if ended.outcome != REFUSED or ended.fault:
            wrong.append(f"{name}: {ended.fault or ended.outcome}")
        if number % max(1, len(files) * share // WHOLE) == 0 and refused_whole(traps, path) != 6:
            wrong.append(f"{name}: not refused by the command itself")
    wrong += [f"ran: {canary.name}" for canary in folder.glob("canary-*")]
    return Part("hostile files, from a folder of traps", len(files), dict(outcomes), tuple(wrong))


def written(folder: Path, name: str, content: bytes) -> Path:
    """The file, under a name of its kind."""
    kind = name.partition("/")[0]
    if kind == "savedmodel":
        (folder / "m.savedmodel" / "variables").mkdir(parents=True, exist_ok=True)
        (folder / "m.savedmodel" / "saved_model.pb").write_bytes(content)
        return folder / "m.savedmodel"
    path = folder / f"m{SUFFIX[kind]}"
    path.write_bytes(content)
    return path


def refused_whole(folder: Path, path: Path) -> int:
    """The exit code of the command itself, workers and all."""
    command = [
        sys.executable,
        "-m",
        "convertkit",
        "convert",
        str(path),
        "--to",
        "tflite",
        "-o",
        "whole",
        "-q",
    ]
    variables = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, check=False).returncode


def benign(folder: Path) -> Iterator[Path]:
    """The same kinds of file as they are meant."""
    for name in ("digits", "mlp", "transformer", "two_inputs"):
        yield from sorted((ROOT / "fixtures" / name).glob("model.*"))
    made = {
        "plain.pt": handmade.torch_zip(),
        "nested.pt": handmade.torch_zip(handmade.NESTED),
        "old.pt": handmade.legacy(),
        "old-nested.pt": handmade.legacy(handmade.NESTED),
        "plain.pt2": handmade.pt2(),
        "script.pt": handmade.script(),
        "plain.safetensors": handmade.safetensors(),
        "plain.tflite": tflite_file(),
        "least.tflite": handmade.TFLITE,
        "least.onnx": handmade.ONNX,
        "plain.keras": keras_file(),
        "two.keras": keras_file({"module": "keras.layers", "class_name": "ReLU", "config": {}}),
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
        yield folder / name
    external = importlib.import_module("test_onnx_external")
    (folder / "weights").write_bytes(bytes(8))
    for place in external.PLACES[:4]:
        (folder / f"{place}.onnx").write_bytes(external.model_with(place, external.tensor("w", "weights")))
        yield folder / f"{place}.onnx"
    yield written(folder, "savedmodel/plain", handmade_savedmodel.saved_model())


def benign_files(folder: Path, share: int) -> Part:
    """Each accepted as it is, without consent to code; samples and images read."""
    outcomes, wrong = Counter[str](), []
    for path in benign(folder):
        try:
            source = inspect_source(path)
            check_trusted(source, allow_code=False)
            assert source.kind is not Kind.MODULE
            outcomes["accepted"] += 1
        except Exception as error:
            outcomes["refused"] += 1
            wrong.append(f"{path.name}: {error}")
    return Part("their benign twins", sum(outcomes.values()), dict(outcomes), tuple(wrong))
