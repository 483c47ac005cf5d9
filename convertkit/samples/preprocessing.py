"""How image files become arrays, as the model's own folder has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from convertkit.config.run_settings import SampleOptions


def with_settings(
    options: SampleOptions, settings: Mapping[str, Any]
) -> tuple[SampleOptions, tuple[str, ...]]:
    """The options, a folder's settings in place of defaults; and what was taken, one line or none."""
    known = {
        key: value
        for key, value in settings.items()
        if getattr(options, key) == getattr(SampleOptions(), key) != value
    }
    if not known:
        return options, ()
    told = ", ".join(f"{key} {shown(value)}" for key, value in known.items())
    changed = msgspec.structs.replace(options, **known)
    return changed, (f"images as the folder's preprocessor has them: {told}",)


def shown(value: Any) -> str:
    """A setting's value in few letters."""
    if isinstance(value, tuple):
        return "/".join(f"{number:.4g}" for number in value)
    return str(value)
