"""Hugging Face folders opened as modules of tensors in, tensors out. Runs in a worker; needs `transformers`.

Upstream options set: `local_files_only`, `trust_remote_code=False` and HF_HUB_OFFLINE (nothing is fetched, no
code of the folder runs); `dtype=float32`; `attn_implementation="eager"` (no kernels of the
hub); `use_cache=False` (outputs are tensors).
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch
from torch import nn

from convertkit.artifacts.artifact import Loader
from convertkit.artifacts.signature import TensorSpec
from convertkit.causes import first_line
from convertkit.errors import ModelFileError
from convertkit.pytorch.checkpoint import common_pattern, some

MASK = "attention_mask"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
TEXT = ("input_ids", MASK, "token_type_ids", "decoder_input_ids")


class Folder(NamedTuple):
    """A model of a folder, its inputs in order, and what was done to open it, one line each."""

    model: nn.Module
    inputs: tuple[TensorSpec, ...]
    limits: dict[str, int]
    notes: tuple[str, ...]


class NamedTensors(nn.Module):
    """A model called by position, whose outputs are the tensors of its own, by name.

    Upstream's models take keywords, and return objects in which some parts are no tensors.
    """

    def __init__(self, model: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(
        self,
        first: torch.Tensor,
        second: torch.Tensor | None = None,
        third: torch.Tensor | None = None,
        fourth: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """The outputs by name, for the inputs in the order of `names`."""
        given = (first, second, third, fourth)[: len(self.names)]
        outputs = self.model(**dict(zip(self.names, given, strict=True)), return_dict=True)
        return {name: value for name, value in outputs.items() if isinstance(value, torch.Tensor)}


def open_folder(path: str, loader: Loader) -> Folder:
    """The model in eval mode, in float32.

    Raises:
        ModelFileError: its class or its inputs are not known, or its weights are not all there.
    """
    os.environ.update(OFFLINE)
    transformers = importlib.import_module("transformers")
    config = read_config(transformers, path)
    own = str(getattr(config, "dtype", None) or "").removeprefix("torch.")
    model, info = load_weights(transformers, path, config)
    notes = [*key_notes(path, info, loader.allow_missing)]
    if own in ("float16", "bfloat16"):
        notes.append(f"its weights are kept as {own}, and cast to float32")
    if config.is_encoder_decoder and model.main_input_name == "input_features":
        model = model.get_encoder()
        notes.append("a model of speech: its encoder is converted, its decoder is left out")
    model.config.use_cache = False
    inputs = inputs_of(model)
    names = tuple(spec.name for spec in inputs)
    return Folder(NamedTensors(model.eval(), names).eval(), inputs, limits_of(model, names), tuple(notes))


def read_config(transformers: Any, path: str) -> Any:
    """The folder's configuration.

    Raises:
        ModelFileError: it is of a type that this version of transformers does not know.
    """
    try:
        return transformers.AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a configuration from elsewhere makes it raise anything
        reason = first_line(error)[:200]
        raise ModelFileError(
            f"{path}: transformers {transformers.__version__} does not know this model: {reason}",
            hint="code that comes with a folder is never run; export it where it runs: torch.export.save",
        ) from error


def class_of(transformers: Any, config: Any) -> Any:
    """The class that the configuration names, or the bare model of its type."""
    kind = str(config.model_type).replace("-", "_")
    for name in config.architectures or ():
        found = getattr(transformers, name, None)
        if found is None:
            module = importlib.import_module(f"{type(config).__module__.rpartition('.')[0]}.modeling_{kind}")
            found = getattr(module, name, None)
        if isinstance(found, type) and issubclass(found, transformers.PreTrainedModel):
            return found
    return transformers.AutoModel


def load_weights(transformers: Any, path: str, config: Any) -> tuple[Any, dict[str, Any]]:
    """The model with its weights, and which keys did not fit.

    Raises:
        ModelFileError: upstream does not load it.
    """
    try:
        return class_of(transformers, config).from_pretrained(  # type: ignore[no-any-return]
            path,
            config=config,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            dtype=torch.float32,
            attn_implementation="eager",
        )
    except Exception as error:
        told = f"{path}: transformers does not load it: {first_line(error)[:300]}"
        raise ModelFileError(told, hint="is config.json that of these weights?") from error


def key_notes(path: str, info: dict[str, Any], allowed: tuple[str, ...]) -> tuple[str, ...]:
    """What to say of keys that did not fit.

    Raises:
        ModelFileError: weights are missing, which upstream would make up.
    """
    unlike = sorted(str(each[0] if isinstance(each, tuple) else each) for each in info["mismatched_keys"])
    missing = sorted({*info["missing_keys"]} | {*unlike})
    lost = [key for key in missing if not any(fnmatchcase(key, pattern) for pattern in allowed)]
    if lost:
        pattern = common_pattern(lost)
        raise ModelFileError(
            f"{path} lacks weights of its own class: {some(lost)}",
            hint=f"name another class in config.json's architectures, or: --allow-missing '{pattern}'",
        )
    extra = sorted(info["unexpected_keys"])
    notes = [f"not in the folder, left as they are made: {some(missing)}"] if missing else []
    return (*notes, *([f"in the folder, and not in the model: {some(extra)}"] if extra else []))


def inputs_of(model: Any) -> tuple[TensorSpec, ...]:
    """The inputs of a model by what it takes first: text, images or sound.

    Raises:
        ModelFileError: it takes something else.
    """
    taken = inspect.signature(model.forward).parameters
    main = model.main_input_name
    config = model.config
    found = [*text_inputs(taken, config)] if main == "input_ids" else []
    if main == "pixel_values" or (found and "pixel_values" in taken and hasattr(config, "vision_config")):
        found.append(image_input(getattr(config, "vision_config", config)))
    if main == "input_features" and hasattr(config, "num_mel_bins"):
        frames = 2 * config.max_source_positions if hasattr(config, "max_source_positions") else "frames"
        found.append(TensorSpec(main, "float32", ("batch", config.num_mel_bins, frames)))
    if main == "input_values":
        found.append(TensorSpec(main, "float32", ("batch", "length")))
    if not found:
        hint = "export it in Python: torch.export.export, torch.export.save"
        raise ModelFileError(f"a {type(model).__name__}, whose input '{main}' is of no known kind", hint=hint)
    return tuple(found)


def text_inputs(taken: Collection[str], config: Any) -> list[TensorSpec]:
    """Tokens, their mask, their types where there is more than one, and a decoder's tokens."""
    has_types = (getattr(config, "type_vocab_size", 0) or 0) > 1
    names = [name for name in TEXT if name in taken]
    if not has_types and "token_type_ids" in names:
        names.remove("token_type_ids")
    if not config.is_encoder_decoder and "decoder_input_ids" in names:
        names.remove("decoder_input_ids")
    axes = {"decoder_input_ids": "decoder_tokens"}
    return [TensorSpec(name, "int64", ("batch", axes.get(name, "tokens"))) for name in names]


def image_input(config: Any) -> TensorSpec:
    """An image of the size that the configuration names.

    Raises:
        ModelFileError: it names none.
    """
    size = getattr(config, "image_size", None)
    height, width = size if isinstance(size, list | tuple) else (size, size)
    channels = getattr(config, "num_channels", 3)
    if not isinstance(height, int) or not isinstance(width, int):
        return TensorSpec("pixel_values", "float32", ("batch", channels, "height", "width"))
    return TensorSpec("pixel_values", "float32", ("batch", channels, height, width))


def limits_of(model: Any, names: tuple[str, ...]) -> dict[str, int]:
    """What the integers of each input stay below."""
    text = getattr(model.config, "text_config", model.config)
    limits = {
        "input_ids": getattr(text, "vocab_size", None),
        "decoder_input_ids": getattr(text, "vocab_size", None),
        "token_type_ids": getattr(text, "type_vocab_size", None),
    }
    return {name: limit for name, limit in limits.items() if name in names and isinstance(limit, int)}
