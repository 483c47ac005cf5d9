"""Forms of model that people have in hand: what is given, the command's words, and what has to come of it."""

from __future__ import annotations

from benchmarks import sources_files as files
from benchmarks.sources_case import Build, Case
from benchmarks.sources_refused import FACTORY, ONNX, REFUSED, SAMPLES

BOTH = ("--to", "tflite:float32", "--to", "tflite:int8")


def weights(name: str, given: str, build: Build, line: str, *more: str, whole: bool = False) -> Case:
    """A checkpoint that goes into the factory's module."""
    to = BOTH if whole else ONNX
    return Case(name, given, build, ("weights.pt", *to, *SAMPLES, *FACTORY, *more), 0, line, whole)


CHECKPOINTS = (
    weights("plain", "a state dict, `--factory FILE.py:CLASS`", files.state(dict), "PASSED"),
    weights("data-parallel", "DataParallel's keys", files.wrapped("parallel"), "'module.' is", whole=True),
    weights("compiled", "torch.compile's keys", files.wrapped("compile"), "'_orig_mod.' of", whole=True),
    weights("nested", "keys of `_orig_mod.module.`", files.prefixed("_orig_mod.module."), "'module.' is"),
    weights("net", "keys of `net.`", files.prefixed("net."), "'net.' is stripped"),
    weights("any", "keys of `student.backbone.`", files.prefixed("student.backbone."), "'student.backbone.'"),
    weights("lightning", "a Lightning checkpoint", files.lightning, "'model.' is stripped", whole=True),
    weights("model", "`{'model': …}`", files.entry("model", epoch=3), "checkpoint's 'model'"),
    weights("ema", "`{'ema': …}`", files.entry("ema"), "checkpoint's 'ema'"),
    weights("net-entry", "`{'net': …}`", files.entry("net"), "checkpoint's 'net'"),
    weights("state-dict", "`{'state_dict': …}`", files.entry("state_dict"), "checkpoint's 'state_dict'"),
    weights("model-state-dict", "`{'model_state_dict': …}`", files.entry("model_state_dict"), "PASSED"),
    weights("weights", "`{'weights': …}`", files.entry("weights"), "checkpoint's 'weights'"),
    weights(
        "no-position-ids",
        "a state dict without `position_ids`",
        files.state(lambda s: {k: v for k, v in s.items() if k != "position_ids"}),
        "left as the factory made them: position_ids",
    ),
    weights(
        "allowed-extra",
        "a loss's weights besides, `--allow-extra 'loss.*'`",
        files.state(lambda s: s | {"loss.weight": s["head.bias"]}),
        "not in the module: loss.weight",
        "--allow-extra",
        "loss.*",
    ),
    weights(
        "factory-args",
        "five classes, `--factory-args '{\"num_classes\": 5}'`",
        files.other_head,
        "PASSED",
        "--factory-args",
        '{"num_classes": 5}',
    ),
    Case(
        "safetensors",
        "`.safetensors` and a factory",
        files.safetensors,
        ("weights.safetensors", *ONNX, *SAMPLES, "--factory", "mynet.py:build"),
    ),
    Case(
        "detector",
        "an Ultralytics-like checkpoint, `--allow-code`",
        files.detector,
        ("best.pt", *BOTH, *SAMPLES, "--allow-code"),
        0,
        "the model is the checkpoint's 'ema'",
        is_whole=True,
    ),
)
WHOLE = (
    Case("pt2", "`.pt2`", files.exported("model.pt2"), ("model.pt2", *ONNX, *SAMPLES)),
    Case(
        "torchscript",
        "TorchScript",
        files.exported("model.torchscript.pt"),
        ("model.torchscript.pt", *ONNX, *SAMPLES),
    ),
    Case(
        "bert",
        "a Hugging Face folder of BERT, `.txt` samples",
        files.hugging_face("bert", files.texts),
        ("bert", *BOTH, "--samples", "texts.txt"),
        0,
        "judged where attention_mask is not 0",
        is_whole=True,
    ),
    Case(
        "vit",
        "a Hugging Face folder of ViT, a folder of images",
        files.hugging_face("vit", files.pictures),
        ("vit", *BOTH, "--samples", "images"),
        0,
        "as the folder's preprocessor has them",
        is_whole=True,
    ),
    Case(
        "whisper",
        "a Hugging Face folder of Whisper",
        files.hugging_face("whisper", files.sounds),
        ("whisper", *BOTH, *SAMPLES),
        0,
        "its encoder is converted",
        is_whole=True,
    ),
    Case(
        "llm",
        "a Hugging Face folder of a LLaMA in bfloat16 shards, `.jsonl` samples",
        files.hugging_face("llm", files.texts),
        ("llm", *BOTH, "--samples", "texts.jsonl"),
        0,
        "kept as bfloat16",
        is_whole=True,
    ),
    Case(
        "keras",
        "`.keras` with two outputs",
        files.keras,
        ("two.keras", *BOTH, *SAMPLES),
        0,
        "PASSED",
        is_whole=True,
    ),
    Case("h5", "`.h5`", files.keras, ("two.h5", "--to", "tflite:float32", *SAMPLES)),
    Case(
        "keras-object",
        "a Keras model by `tf.saved_model.save`",
        files.keras,
        ("object", *BOTH, *SAMPLES),
        0,
        "PASSED",
        is_whole=True,
    ),
)
CASES = (*CHECKPOINTS, *WHOLE, *REFUSED)
