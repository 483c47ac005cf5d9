"""A Hugging Face folder: `config.json` beside weights, whole or in shards. Read as data, nothing is run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from convertkit.errors import ModelFileError
from convertkit.sources import safetensors_file, state_dict
from convertkit.sources.archive import Archive
from convertkit.sources.preprocessor import image_settings
from convertkit.sources.source import Findings, Kind
from convertkit.sources.wording import listed, quoted

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
SAFETENSORS = "model.safetensors"
PICKLES = "pytorch_model.bin"
INDEX = ".index.json"
LARGEST_JSON = 64 << 20
LENGTHS = ("max_position_embeddings", "n_positions", "max_sequence_length")
SHIFTED = ("roberta", "xlm-roberta", "camembert", "mpnet")  # their positions begin behind the padding's
OTHER_WEIGHTS = {
    "tf_model.h5": ("TensorFlow", "from_tf=True"),
    "flax_model.msgpack": ("Flax", "from_flax=True"),
}


def looks_like(folder: Path) -> bool:
    """True for a folder with a file that such folders begin with."""
    return any((folder / name).is_file() for name in (CONFIG, "adapter_config.json", "model_index.json"))


def read(folder: Path) -> Findings:
    """Findings on a folder.

    Raises:
        ModelFileError: it holds no whole model, or one that cannot be used.
    """
    refuse_others(folder)
    config = read_json(folder / CONFIG)
    check_config(config)
    counts: list[int] = []
    refusals: list[str] = []
    files = weight_files(folder)
    for file in files:
        findings = read_weights(file)
        counts.append(int(findings.details.get("parameters", "0")))
        refusals += [f"{file.name}: {reason}" for reason in findings.refusals]
    details = {
        "class": listed(config.get("architectures") or ["AutoModel"]),
        "type": quoted(config.get("model_type", "unknown"))[1:-1],
        "parameters": str(sum(counts)),
        "weights": listed(file.name for file in files),
    }
    preprocessor = folder / PREPROCESSOR
    return Findings(
        Kind.HUGGINGFACE,
        refusals=tuple(refusals),
        ranges=token_range(config),
        details=details,
        images=image_settings(read_json(preprocessor)) if preprocessor.is_file() else {},
    )


def refuse_others(folder: Path) -> None:
    """Raise ModelFileError for folders of this kind that are no single model."""
    if (folder / CONFIG).is_file():
        return
    if (folder / "model_index.json").is_file():
        parts = [each.name for each in sorted(folder.iterdir()) if (each / CONFIG).is_file()]
        hint = f"give one of them: {', '.join(str(folder / name) for name in parts[:4])}"
        raise ModelFileError(
            "a diffusers pipeline, which is several models",
            hint=hint if parts else "give the folder of one of its models",
        )
    hint = "merge it in Python: model.merge_and_unload().save_pretrained('merged'), and give that folder"
    raise ModelFileError("a PEFT adapter, which is no model without its base", hint=hint)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        ModelFileError: it holds none.
    """
    if path.stat().st_size > LARGEST_JSON:
        raise ModelFileError(f"{path.name} is larger than {LARGEST_JSON >> 20} MB")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise ModelFileError(f"{path.name} is no JSON") from None
    if not isinstance(content, dict):
        raise ModelFileError(f"{path.name} holds no object")
    return content


def check_config(config: dict[str, Any]) -> None:
    """Raise ModelFileError where the configuration is no model's, or one that needs other packages."""
    if not isinstance(config.get("model_type"), str) and not config.get("architectures"):
        if "_class_name" in config:
            hint = "load it in Python, and export it: torch.export.export, torch.export.save"
            raise ModelFileError(
                f"a part of a diffusers pipeline, {quoted(config['_class_name'])}", hint=hint
            )
        raise ModelFileError(
            f"{CONFIG} names no model_type and no architectures", hint="give a folder of save_pretrained"
        )
    quantization = config.get("quantization_config")
    if quantization:
        method = quantization.get("quant_method", "") if isinstance(quantization, dict) else ""
        hint = "give the folder of the model that it was quantized from"
        raise ModelFileError(f"weights that are quantized already, by {quoted(method)}", hint=hint)


def weight_files(folder: Path) -> list[Path]:
    """The files of weights: safetensors before pickles, one file before shards, as transformers looks.

    Raises:
        ModelFileError: there is none, a shard is missing, or one is named to lie outside.
    """
    for name in (SAFETENSORS, PICKLES):
        if (folder / name).is_file():
            return [folder / name]
        if (folder / f"{name}{INDEX}").is_file():
            return shards(folder, f"{name}{INDEX}")
    for name, (framework, option) in OTHER_WEIGHTS.items():
        if (folder / name).is_file():
            hint = (
                f"in Python: from_pretrained('{folder}', {option}).save_pretrained('torch'), then that folder"
            )
            raise ModelFileError(f"weights of {framework} alone, {name}", hint=hint)
    raise ModelFileError(
        f"a Hugging Face folder without weights: neither {SAFETENSORS} nor {PICKLES}",
        hint="fetch the whole folder: hf download ORG/NAME --local-dir FOLDER",
    )


def shards(folder: Path, index: str) -> list[Path]:
    """The files that an index names."""
    table = read_json(folder / index).get("weight_map")
    names = sorted({str(name) for name in table.values()}) if isinstance(table, dict) else []
    if not names:
        raise ModelFileError(f"{index} names no files")
    for name in names:
        if os.path.basename(name) != name or name in ("", ".", ".."):
            raise ModelFileError(f"{index} names a file outside of the folder: {quoted(name)}")
        if not (folder / name).is_file():
            hint = "fetch the whole folder: hf download ORG/NAME --local-dir FOLDER"
            raise ModelFileError(f"a shard of the weights is missing: {quoted(name)}", hint=hint)
    return [folder / name for name in names]


def read_weights(file: Path) -> Findings:
    """Findings on one file of weights.

    Raises:
        ModelFileError: it is damaged, or something else.
    """
    with file.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(1024)
        stream.seek(0)
        if head.startswith(b"version https://git-lfs.github.com/spec/"):
            told = f"{file.name} is a git-lfs pointer, not the weights themselves"
            raise ModelFileError(told, hint=f"run: git -C {file.parent} lfs pull")
        if safetensors_file.looks_like(head):
            return safetensors_file.read(stream, size)
        if head.startswith(b"PK"):
            return state_dict.read_zip(Archive(stream))
        if head[:1] == b"\x80":
            return state_dict.read_legacy(stream)
    raise ModelFileError(f"{file.name} holds no weights")


def token_range(config: dict[str, Any]) -> dict[str, tuple[int, int | None]]:
    """How many tokens the model takes at most, where its configuration says so."""
    longest = next((config[key] for key in LENGTHS if isinstance(config.get(key), int)), None)
    if longest is None or longest < 1:
        return {}
    return {"tokens": (1, max(1, longest - 2 * (config.get("model_type") in SHIFTED)))}
