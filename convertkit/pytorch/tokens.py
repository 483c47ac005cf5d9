"""Lines of text as samples: tokenised by a Hugging Face folder's own tokenizer. Runs in a worker."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from convertkit.artifacts.signature import TensorSpec
from convertkit.artifacts.tensors import write_npz
from convertkit.causes import first_line
from convertkit.errors import SamplesError
from convertkit.pytorch.huggingface import MASK, OFFLINE
from convertkit.workers.answers import Tokenized
from convertkit.workers.jobs import TokenizeJob

LARGEST_BYTES = 256 << 20
TEXT_KEYS = ("text", "sentence", "content", "prompt", "question")
TOKENIZER_FILES = frozenset(
    (
        "tokenizer.json",
        "vocab.txt",
        "vocab.json",
        "tokenizer.model",
        "spiece.model",
        "sentencepiece.bpe.model",
    )
)
LONGEST = 512  # tokens, where the model takes more: one long line would pad all others to its length


class Lines(NamedTuple):
    """Texts, and a class for each where the file has them."""

    texts: list[str]
    labels: list[int] | None


def tokenize(job: TokenizeJob) -> Tokenized:
    """Write a file's lines as arrays of the model's inputs, padded to the longest of them.

    Raises:
        SamplesError: the folder has no tokenizer, or the file no text.
    """
    lines = read_lines(Path(job.texts))
    tokenizer = open_tokenizer(job.folder)
    size = job.inputs[0].shape[-1]
    longest = size if isinstance(size, int) else min(job.longest or LONGEST, LONGEST)
    encoded = tokenizer(
        lines.texts,
        padding="max_length" if isinstance(size, int) else "longest",
        truncation=True,
        max_length=longest,
        return_tensors="np",
    )
    lengths = np.asarray(encoded[MASK]).sum(1)
    arrays = {spec.name: input_array(spec, encoded) for spec in job.inputs}
    if lines.labels is not None:
        arrays["labels"] = np.asarray(lines.labels, np.int64)
    write_npz(job.out, arrays)
    return Tokenized(len(lines.texts), int(lengths.max()), int((lengths >= longest).sum()))


def input_array(spec: TensorSpec, encoded: Any) -> Any:
    """An input's array; zeros for one that the tokenizer does not give.

    Raises:
        SamplesError: it is no input of text.
    """
    tokens = np.asarray(encoded["input_ids"])
    if spec.name in encoded:
        return np.asarray(encoded[spec.name]).astype(spec.dtype)
    if spec.name == "token_type_ids":
        return np.zeros_like(tokens, dtype=spec.dtype)
    if spec.name == "decoder_input_ids":
        return tokens[:, :1].astype(spec.dtype)
    raise SamplesError(f"input '{spec.name}' is not made of text", hint="give an .npz with all inputs")


def open_tokenizer(folder: str) -> Any:
    """The folder's tokenizer, with something to pad with.

    Raises:
        SamplesError: it has none, or one that needs code of its own.
    """
    hint = "fetch its tokenizer's files too (tokenizer.json), or give tokens in an .npz"
    if not any((Path(folder) / name).is_file() for name in TOKENIZER_FILES):  # upstream makes an empty one
        raise SamplesError(f"{folder} has no tokenizer", hint=hint)
    os.environ.update(OFFLINE)
    transformers = importlib.import_module("transformers")
    try:
        found = transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # upstream raises many kinds for files that are missing or broken
        raise SamplesError(
            f"{folder} has no tokenizer that can be opened: {first_line(error)[:200]}",
            hint=hint,
        ) from error
    if found.pad_token is None:
        found.pad_token = found.eos_token or found.unk_token
    return found


def read_lines(path: Path) -> Lines:
    """The texts of a `.txt`, one a line, or of a `.jsonl`, one an object or string a line.

    Raises:
        SamplesError: it is missing, too large, not text, or holds none.
    """
    if not path.is_file():
        raise SamplesError(f"{path}: there is no such file")
    if path.stat().st_size > LARGEST_BYTES:
        raise SamplesError(f"{path} is larger than {LARGEST_BYTES >> 20} MB")
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except ValueError:
        raise SamplesError(f"{path} is no UTF-8 text") from None
    if not lines:
        raise SamplesError(f"{path} holds no text")
    if path.suffix.lower() != ".jsonl":
        return Lines(lines, None)
    rows = [read_object(path, number, line) for number, line in enumerate(lines, 1)]
    labels = [label for _, label in rows]
    has_labels = all(type(label) is int for label in labels)
    return Lines([text for text, _ in rows], labels if has_labels else None)


def read_object(path: Path, number: int, line: str) -> tuple[str, Any]:
    """The text and the label of a line of JSON.

    Raises:
        SamplesError: it holds no text.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, str):
        return value, None
    if isinstance(value, dict):
        text = next((value[key] for key in TEXT_KEYS if isinstance(value.get(key), str)), None)
        if text is not None:
            return text, value.get("label")
    raise SamplesError(f"{path}, line {number}: no text", hint='a line is {"text": "…"} or "…"')
