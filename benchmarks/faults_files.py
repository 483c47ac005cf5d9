"""Files with a few bytes changed, and `.tflite` files that are right by their schema, an index apart."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import random
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

import convertkit
from benchmarks.faults_made import handmade, handmade_savedmodel, keras_file, tflite_file
from benchmarks.faults_page import Part
from benchmarks.faults_verbs import run_verb
from convertkit.sources.flatbuffer import Table, root

ROOT = Path(__file__).resolve().parents[1]
MLP = ROOT / "fixtures" / "mlp"
BYTES, INDICES = 2_000, 600


def originals() -> dict[str, bytes]:
    """A file of each of ten kinds, under its name."""
    image = io.BytesIO()
    Image.new("RGB", (8, 8), (10, 20, 30)).save(image, "PNG")
    return {
        "m.pt2": handmade.pt2(),
        "script.pt": handmade.script(),
        "dict.pt": handmade.torch_zip(),
        "m.safetensors": handmade.safetensors(),
        "m.onnx": handmade.ONNX,
        "saved_model.pb": handmade_savedmodel.saved_model(),
        "m.tflite": tflite_file(),
        "m.keras": keras_file(),
        "samples.npz": (MLP / "samples.npz").read_bytes()[:200_000],
        "image.png": image.getvalue(),
    }


def commands(folder: Path, name: str) -> list[list[str]]:
    """The verbs that read a file of that name."""
    file, to = str(folder / name), ["-o", "out", "-q"]
    model = str(MLP / "model.pt2")
    if name.endswith((".npz", ".png")):
        given = file if name.endswith(".npz") else str(folder / "images")
        return [
            ["convert", model, "--to", "tflite:int8", "--samples", given, *to],
            ["validate", model, model, "--samples", given],
            ["bench", model, "--samples", given],
        ]
    if name.endswith(".pb"):
        file = str(folder / "m.savedmodel")
    return [["convert", file, "--to", "tflite", *to], ["validate", file, file], ["bench", file]]


def place(folder: Path, name: str, content: bytes) -> None:
    """Write a file where the commands look for it."""
    for inner, kind in (("images", ".png"), ("m.savedmodel", ".pb")):
        if name.endswith(kind):
            (folder / inner).mkdir(exist_ok=True)
            (folder / inner / name).write_bytes(content)
            return
    (folder / name).write_bytes(content)


def mutated(content: bytes, source: random.Random) -> bytes:
    """A few bytes changed, removed, doubled, or the end cut off."""
    data = bytearray(content)
    for _ in range(source.randint(1, 4)):
        at, way = source.randrange(len(data)), source.randrange(5)
        if way == 0:
            data[at] = source.randrange(256)
        elif way == 1:
            data[at] ^= 1 << source.randrange(8)
        elif way == 2:
            del data[at : at + source.randint(1, 8)]
        elif way == 3:
            data[at:at] = data[at : at + source.randint(1, 32)]
        else:
            del data[source.randint(len(data) // 2, len(data)) :]
        data = data or bytearray(1)
    return bytes(data)


def byte_mutations(folder: Path, share: int) -> Part:
    """Every kind in turn, each mutation through one verb in turn; the seeds are fixed."""
    files, outcomes, wrong = originals(), Counter[str](), []
    count = BYTES // share
    for number in range(count):
        name = [*files][number % len(files)]
        place(folder, name, mutated(files[name], random.Random(number)))
        verbs = commands(folder, name)
        ended = run_verb(folder, *verbs[number // len(files) % len(verbs)])
        outcomes[ended.outcome] += 1
        if ended.fault:
            wrong.append(f"{name}, seed {number}: {ended.fault}")
    return Part("byte mutations of ten kinds of file", count, dict(outcomes), tuple(wrong))


def index_mutations(folder: Path, share: int) -> Part:
    """One index of a `.tflite` changed; what is still read must not end the interpreter that runs it."""
    content, outcomes, wrong = converted(folder), Counter[str](), []
    indices = list(index_places(root(memoryview(content))))
    count = INDICES // share
    for number in range(count):
        source = random.Random(number)
        data = bytearray(content)
        value = source.choice([source.randint(-3, 40), source.randint(-(1 << 31), (1 << 31) - 1)])
        struct.pack_into("<i", data, source.choice(indices), value)
        place(folder, "m.tflite", bytes(data))
        verbs = commands(folder, "m.tflite")
        ended = run_verb(folder, *verbs[number % len(verbs)])
        outcomes[ended.outcome] += 1
        if ended.fault:
            wrong.append(f"seed {number}: {ended.fault}")
        if ended.outcome == "read" and (signal := ended_by(bytes(data))):
            wrong.append(f"seed {number}: read, and the interpreter ended by signal {signal}")
    return Part("index mutations of a .tflite", count, dict(outcomes), tuple(wrong))


def converted(folder: Path) -> bytes:
    """A `.tflite` as convertkit makes it."""
    made = convertkit.convert(MLP / "model.pt2", to="tflite:float32", out=folder / "made")
    return (folder / "made" / made.hops[-1].artifact.path).read_bytes() if made.hops[-1].artifact else b""


def ended_by(content: bytes) -> int:
    """The signal that ends an interpreter which loads and runs the file; 0 where none does."""
    interpreter = importlib.import_module("ai_edge_litert.interpreter")
    process = os.fork()
    if not process:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        with contextlib.suppress(BaseException):
            loaded = interpreter.Interpreter(model_content=content)
            loaded.allocate_tensors()
            loaded.invoke()
        os._exit(0)
    return max(0, -os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


def index_places(model: Table) -> Iterator[int]:
    """Where the file has an index: of buffers, tensors, operator codes and subgraphs."""
    for graph in model.tables(2):
        yield from (tensor.place(2) for tensor in graph.tables(0) if tensor.place(2))
        for operator in graph.tables(3):
            yield from filter(None, [operator.place(0)])
            for field in (1, 2):
                yield from elements(operator, field)
        for field in (1, 2):
            yield from elements(graph, field)
    for signature in model.tables(7):
        yield from (entry.place(1) for field in (0, 1) for entry in signature.tables(field) if entry.place(1))
        yield from filter(None, [signature.place(4)])


def elements(table: Table, field: int) -> Iterator[int]:
    """Where the elements of a vector of integers stand."""
    start, count = table.vector(field, 4)
    yield from range(start, start + 4 * count, 4)
