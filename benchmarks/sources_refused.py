"""Forms of model that are answered by a line, and what can be pasted of its hint."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks import sources_files as files
from benchmarks import sources_readers as readers
from benchmarks.sources_case import Build, Case, Hint
from convertkit.sources.strangers import SUFFIXES

ONNX = ("--to", "onnx")
SAMPLES = ("--samples", "samples.npz")
FACTORY = ("--factory", "mynet.py:Net")
HUB = "bert-base-uncased"
VIT = "google/vit-base-patch16-224"
DOWNLOAD = "hf download ORG/NAME --local-dir NAME"
TENSORS = {"INPUT:0": "image:0", "OUTPUT:0": "scores:0", "'OUTPUT'": "'scores'"}


def refused(
    name: str, given: str, build: Build, line: str, words: tuple[str, ...], hint: Hint | None = None
) -> Case:
    """A form that is answered by a line."""
    return Case(name, given, build, words, 2 if "factory" in line or "JSON" in line else 6, line, hint=hint)


def opened(folder: str) -> tuple[str, ...]:
    """Words that tell whether the folder is a model, without converting it."""
    return ("convert", folder, "--to", "onnx", "--dry-run")


def downloaded(folder: str, into: str = "NAME") -> Hint:
    """A folder of the hub, which is a model then."""
    quoted = DOWNLOAD.replace("--local-dir NAME", f"--local-dir {into}")
    return Hint(quoted, "shell", {"ORG/NAME": "org/bert", into: folder}, then=opened(folder))


def saved(suffix: str, build: Build, before: str = "") -> Hint:
    """Python that leaves a SavedModel, which converts."""
    text = SUFFIXES[suffix].hint_for(Path(f"model{suffix}"))
    quoted = next(part for part in PYTHON.split(text) if "model" in part)
    return Hint(
        quoted, "python", TENSORS, build, before, ("convert", "saved", "--to", "tflite:float32", "-o", "run")
    )


PYTHON = re.compile(
    r"build the model with tf_keras; |then give the folder saved: |; then give the folder saved"
)
TRAINED = {"FILE.py": "mynet.py", "CALLABLE": "Net"}
STRANGERS = {
    ".gguf": downloaded("bert"),
    ".ggml": downloaded("bert"),
    ".msgpack": downloaded("bert"),
    ".mar": Hint("unzip model.mar", "shell", {}, readers.archive, then=("inspect", "model.onnx")),
    ".ptl": Hint(
        "torch.jit.script(model).save('model.pt')",
        "python",
        before=readers.LINEAR,
        then=("inspect", "model.pt"),
    ),
    ".pb": saved(".pb", readers.graph),
    ".pbtxt": saved(".pbtxt", readers.graph),
    ".meta": saved(".meta", readers.graph),
    ".index": saved(".index", readers.checkpoint, readers.KERAS),
    ".npz": Hint(
        "convertkit convert MODEL --to tflite:int8 --samples model.npz",
        "shell",
        {"MODEL": "model.pt2"},
        readers.digits,
    ),
    ".npy": Hint(
        "convertkit convert MODEL --to tflite:int8 --samples model.npy",
        "shell",
        {"MODEL": "--dry-run model.pt2"},
        readers.digits,
    ),
    ".py": Hint(
        "WEIGHTS.pt --factory FILE.py:CALLABLE",
        "model",
        {"WEIGHTS": "weights", "FILE.py": "model.py", "CALLABLE": "Net"},
        readers.weights,
    ),
    ".yaml": Hint(
        "convertkit convert MODEL --recipe model.yaml", "shell", {"MODEL": "model.pt2"}, readers.recipe
    ),
    ".yml": Hint(
        "convertkit convert MODEL --recipe model.yml", "shell", {"MODEL": "model.pt2"}, readers.recipe
    ),
}


def stranger(suffix: str) -> Case:
    """A file of another program, by its name."""
    name = f"model{suffix}"
    more = SAMPLES if suffix == ".py" else ()
    line = SUFFIXES[suffix].what
    return refused(
        suffix[1:], f"`{name}`", files.file(name), line, (name, *ONNX, *more), STRANGERS.get(suffix)
    )


REFUSED = (
    refused(
        "no-factory",
        "a state dict alone",
        files.state(dict),
        "--factory MODULE",
        ("weights.pt", *ONNX, *SAMPLES),
        Hint(
            "--factory MODULE:CALLABLE, or FILE.py:CALLABLE",
            "options",
            {"MODULE:CALLABLE, or ": ""} | TRAINED,
        ),
    ),
    refused(
        "bad-args",
        "`--factory-args` that is no JSON",
        files.state(dict),
        "is no JSON object",
        ("weights.pt", *ONNX, *SAMPLES, *FACTORY, "--factory-args", "classes=3"),
        Hint("--factory-args '{\"num_classes\": 3}'", "options"),
    ),
    refused(
        "detector-refused",
        "a module in a checkpoint",
        files.detector,
        "--allow-code",
        ("best.pt", *ONNX, *SAMPLES),
        Hint("--allow-code", "options"),
    ),
    refused(
        "hub",
        f"`{HUB}`",
        files.nothing,
        f"hf download {HUB}",
        (HUB, *ONNX),
        Hint(f"hf download {HUB} --local-dir {HUB}", "shell", then=("convert", HUB, *ONNX, "-o", "run")),
    ),
    refused(
        "hub-of-someone",
        f"`{VIT}`",
        files.nothing,
        f"hf download {VIT}",
        (VIT, *ONNX),
        Hint(f"hf download {VIT} --local-dir {Path(VIT).name}", "shell", then=opened(Path(VIT).name)),
    ),
    refused(
        "no-weights",
        "a Hugging Face folder without weights",
        files.file("net/config.json", b'{"model_type": "bert"}'),
        "without weights",
        ("net", *ONNX),
        downloaded("net", "FOLDER"),
    ),
    refused(
        "adapter",
        "a PEFT adapter",
        files.file("net/adapter_config.json", b"{}"),
        "merge_and_unload",
        ("net", *ONNX),
        Hint(
            "model.merge_and_unload().save_pretrained('merged')",
            "python",
            build=readers.base,
            before=readers.ADAPTED,
            then=opened("merged"),
        ),
    ),
    refused(
        "diffusers",
        "a diffusers pipeline",
        files.pipeline,
        "which is several models",
        ("net", *ONNX),
        Hint("net/text_encoder", "model", build=readers.text_encoder),
    ),
    refused(
        "folder",
        "a folder of models",
        files.file("nets/a.onnx"),
        "give one of them",
        ("nets", "--to", "tflite:float32"),
        Hint("nets/a.onnx", "model", build=readers.folder_of_models),
    ),
    *(stranger(suffix) for suffix in SUFFIXES),
)
