"""`preprocessor_config.json` of a Hugging Face folder: how its model wants images, in a recipe's words."""

from __future__ import annotations

from typing import Any

METHODS = {0: "nearest", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers
PIXEL = 1 / 255


def image_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Settings of `sampling` that do with an image what the configuration asks for; {} where it asks nothing.

    Samples are read as 0..1; another `rescale_factor` goes into mean and standard deviation.
    """
    if not any(key in config for key in ("image_mean", "do_normalize", "size", "do_rescale")):
        return {}
    is_normalized = config.get("do_normalize", True)
    mean = numbers(config.get("image_mean")) if is_normalized else (0.0,)
    std = numbers(config.get("image_std")) if is_normalized else (1.0,)
    rescaled = config.get("rescale_factor", PIXEL) if config.get("do_rescale", True) else 1.0
    settings: dict[str, Any] = size_settings(config)
    if mean and std and isinstance(rescaled, float | int) and rescaled > 0:
        factor = PIXEL / rescaled
        is_plain = abs(factor - 1) < 1e-6
        settings["mean"] = mean if is_plain else tuple(value * factor for value in mean)
        settings["std"] = std if is_plain else tuple(value * factor for value in std)
    if config.get("resample") in METHODS:
        settings["interpolation"] = METHODS[config["resample"]]
    return settings


def numbers(value: Any) -> tuple[float, ...]:
    """A list of numbers, or one of them, as a tuple; () for anything else."""
    listed = value if isinstance(value, list) else [value]
    return tuple(map(float, listed)) if all(type(item) in (int, float) for item in listed) else ()


def size_settings(config: dict[str, Any]) -> dict[str, Any]:
    """How an image comes to its size: its shorter side and then the middle, or stretched."""
    size = config.get("size")
    side = size if isinstance(size, int) else size.get("shortest_edge") if isinstance(size, dict) else None
    if not isinstance(side, int) or side < 1:
        return {"crop": "none"}
    share = config.get("crop_pct")
    if isinstance(share, float) and 0 < share < 1:  # ConvNeXT's: the crop is a share of the resized image
        side = round(side / share)
    return {"crop": "center", "resize": side}
