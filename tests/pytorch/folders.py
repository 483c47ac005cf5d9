"""Small Hugging Face folders with seeded weights, as `save_pretrained` writes them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat", "tree", "big", "small", "red"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
TEXT = {
    "vocab_size": len(SPECIAL) + len(WORDS),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
SPEECH = {
    "vocab_size": 99,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "num_mel_bins": 16,
    "max_source_positions": 30,
    "max_target_positions": 20,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 3,
}


def library() -> Any:
    """transformers, which fetches nothing here."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import transformers

    return transformers


def save_tokenizer(folder: Path) -> None:
    """A tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = library().PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)


def bert(folder: Path, **settings: Any) -> Path:
    """An encoder of text, with its tokenizer."""
    t = library()
    torch.manual_seed(0)
    t.BertModel(t.BertConfig(**TEXT, **settings)).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def vit(folder: Path) -> Path:
    """A classifier of images, with its preprocessor; weights large enough for its classes to differ."""
    t = library()
    torch.manual_seed(0)
    shape = {key: TEXT[key] for key in ("hidden_size", "num_hidden_layers", "num_attention_heads")}
    config = t.ViTConfig(**shape, image_size=32, patch_size=8, num_labels=5, initializer_range=0.3)
    t.ViTForImageClassification(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        '{"do_normalize": true, "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5], '
        '"image_processor_type": "ViTImageProcessor", "image_std": [0.5, 0.5, 0.5], "resample": 2, '
        '"rescale_factor": 0.00392156862745098, "size": {"height": 32, "width": 32}}'
    )
    return folder


def whisper(folder: Path) -> Path:
    """A model of speech, encoder and decoder."""
    t = library()
    torch.manual_seed(0)
    t.WhisperModel(t.WhisperConfig(**SPEECH)).save_pretrained(folder)
    return folder


def llm(folder: Path) -> Path:
    """A decoder that predicts tokens, its weights kept in bfloat16, in shards."""
    t = library()
    torch.manual_seed(0)
    config = t.LlamaConfig(**TEXT, num_key_value_heads=2)
    t.LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder, max_shard_size="20KB")
    save_tokenizer(folder)
    return folder
