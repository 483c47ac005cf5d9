"""Hugging Face folders opened as modules: class, inputs, outputs, masks, keys that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from convertkit.artifacts.artifact import Loader
from convertkit.artifacts.formats import Format
from convertkit.artifacts.tensors import read_npz
from convertkit.errors import ModelFileError, SamplesError
from convertkit.pytorch.folder_signature import describe_folder
from convertkit.pytorch.huggingface import open_folder
from convertkit.pytorch.tokens import tokenize
from convertkit.workers.answers import Described
from convertkit.workers.jobs import DescribeJob, TokenizeJob
from tests.pytorch import folders

pytestmark = pytest.mark.slow

LOADER = Loader("huggingface")


def described(folder: Path) -> Described:
    """What a folder's model tells."""
    return describe_folder(DescribeJob(Format.TORCH, str(folder), LOADER))


def told(found: Described) -> tuple[list[str], list[str]]:
    """Inputs and outputs in words."""
    signature = found.signature
    return [s.describe() for s in signature.inputs], [s.describe() for s in signature.outputs]


class TestSignatures:
    def test_an_encoder_of_text(self, tmp_path: Path) -> None:
        found = described(folders.bert(tmp_path))
        axes = "int64[batch,tokens]"
        assert told(found) == (
            [f"input_ids:{axes}", f"attention_mask:{axes}", f"token_type_ids:{axes}"],
            ["last_hidden_state:float32[batch,tokens,32]", "pooler_output:float32[batch,32]"],
        )
        assert found.masks == {"last_hidden_state": "attention_mask"}
        assert found.limits == {"input_ids": 17, "token_type_ids": 2}

    def test_a_classifier_of_images(self, tmp_path: Path) -> None:
        found = described(folders.vit(tmp_path))
        assert told(found) == (["pixel_values:float32[batch,3,32,32]"], ["logits:float32[batch,5]"])
        assert found.masks == {}

    def test_the_encoder_of_a_model_of_speech(self, tmp_path: Path) -> None:
        found = described(folders.whisper(tmp_path))
        assert told(found) == (
            ["input_features:float32[batch,16,60]"],
            ["last_hidden_state:float32[batch,30,32]"],
        )
        assert "its decoder is left out" in found.notes[0]

    def test_a_decoder_in_shards_of_half_precision(self, tmp_path: Path) -> None:
        folder = folders.llm(tmp_path)
        assert (folder / "model.safetensors.index.json").is_file()
        found = described(folder)
        assert told(found)[1] == ["logits:float32[batch,tokens,17]"]
        assert found.notes == ("its weights are kept as bfloat16, and cast to float32",)
        assert found.masks == {"logits": "attention_mask"}


def test_it_computes_what_the_library_does(tmp_path: Path) -> None:
    folder = folders.bert(tmp_path)
    model = folders.library().BertModel.from_pretrained(folder).eval()
    tokens = torch.tensor([[5, 6, 7, 0], [8, 9, 10, 11]])
    mask = (tokens != 0).long()
    with torch.inference_mode():
        wanted = model(input_ids=tokens, attention_mask=mask).last_hidden_state
        given = open_folder(str(folder), LOADER).model(tokens, mask, torch.zeros_like(tokens))
    torch.testing.assert_close(given["last_hidden_state"], wanted)


class TestWeightsThatDoNotFit:
    def test_missing_ones_are_not_made_up(self, tmp_path: Path) -> None:
        folder = folders.bert(tmp_path)
        state = safetensors.torch.load_file(folder / "model.safetensors")
        kept = {key: value for key, value in state.items() if not key.startswith("pooler.")}
        safetensors.torch.save_file(kept, folder / "model.safetensors", {"format": "pt"})
        with pytest.raises(ModelFileError, match="lacks weights of its own class") as caught:
            open_folder(str(folder), LOADER)
        assert "--allow-missing 'pooler.dense.*'" in caught.value.hint
        allowed = open_folder(str(folder), Loader("huggingface", allow_missing=("pooler.*",)))
        assert any("left as they are made" in note for note in allowed.notes)

    def test_a_class_that_there_is_not_is_the_bare_model(self, tmp_path: Path) -> None:
        folder = folders.bert(tmp_path)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"architectures": ["os", "Nothing"]}))
        assert type(open_folder(str(folder), LOADER).model.model).__name__ == "BertModel"

    def test_code_of_the_folder_is_not_run(self, tmp_path: Path) -> None:
        folder = folders.bert(tmp_path)
        ran = tmp_path / "ran"
        (folder / "own.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
        config = json.loads((folder / "config.json").read_text())
        own = {"auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}, "model_type": "of-its-own"}
        (folder / "config.json").write_text(json.dumps(config | own))
        with pytest.raises(ModelFileError, match="does not know this model") as caught:
            open_folder(str(folder), LOADER)
        assert "never run" in caught.value.hint
        assert "trust_remote_code" not in str(caught.value)
        assert not ran.exists()


class TestTokens:
    def tokenize(self, folder: Path, name: str, text: str) -> dict[str, np.ndarray]:
        """The arrays of a file of text."""
        (folder / name).write_text(text)
        inputs = described(folder).signature.inputs
        out = folder / "tokens.npz"
        job = TokenizeJob(str(folder), str(folder / name), inputs, str(out), 64)
        self.answer = tokenize(job)
        return read_npz(out)

    def test_lines(self, tmp_path: Path) -> None:
        arrays = self.tokenize(folders.bert(tmp_path), "t.txt", "the cat sat\n\na dog\n")
        assert list(arrays) == ["input_ids", "attention_mask", "token_type_ids"]
        assert arrays["input_ids"].tolist() == [[4, 6, 8], [5, 7, 0]]
        assert arrays["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
        assert (self.answer.count, self.answer.longest, self.answer.cut) == (2, 3, 0)

    def test_objects_with_labels(self, tmp_path: Path) -> None:
        lines = ['{"text": "the cat", "label": 1}', '{"text": "a dog ran", "label": 0}']
        arrays = self.tokenize(folders.llm(tmp_path), "t.jsonl", "\n".join(lines))
        assert arrays["labels"].tolist() == [1, 0]
        assert arrays["input_ids"].shape == (2, 3)

    def test_a_long_line_is_cut_to_what_the_model_takes(self, tmp_path: Path) -> None:
        arrays = self.tokenize(folders.bert(tmp_path), "t.txt", "the cat " * 50)
        assert arrays["input_ids"].shape == (1, 64)
        assert self.answer.cut == 1

    @pytest.mark.parametrize(
        ("name", "text", "words"),
        [
            ("t.txt", "\n \n", "holds no text"),
            ("t.jsonl", '{"text": "a"}\n{"id": 3}', "line 2: no text"),
            ("t.jsonl", "[", "line 1: no text"),
        ],
    )
    def test_no_text(self, name: str, text: str, words: str, tmp_path: Path) -> None:
        with pytest.raises(SamplesError, match=words):
            self.tokenize(folders.bert(tmp_path), name, text)

    def test_no_tokenizer(self, tmp_path: Path) -> None:
        folder = folders.bert(tmp_path)
        for file in folder.glob("tokenizer*"):
            file.unlink()
        with pytest.raises(SamplesError, match="has no tokenizer"):
            self.tokenize(folder, "t.txt", "a cat")
