"""Whether plain values have the keys and words of a settings class; else the nearest known one."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import msgspec

from convertkit.errors import UsageError, did_you_mean


def check_keys(content: Any, kind: Any, origin: str, prefix: str) -> None:
    """Raise UsageError for a key that the struct does not have, or a word that is no choice, at any depth."""
    if not isinstance(content, dict) or not is_struct(kind):
        return
    fields = {field.encode_name: present(field.type) for field in msgspec.structs.fields(kind)}
    for key, value in content.items():
        if key not in fields:
            raise UsageError(f"{origin}: unknown key '{prefix}{key}'", hint=did_you_mean(str(key), fields))
        choices = choices_of(fields[key])
        for word in value if isinstance(value, list) else [value]:
            if choices and isinstance(word, str) and word not in choices:
                raise UsageError(
                    f"{origin}: {prefix}{key} cannot be '{word}'", hint=did_you_mean(word, choices)
                )
        check_keys(value, fields[key], origin, f"{prefix}{key}.")


def choices_of(kind: Any) -> tuple[Any, ...]:
    """The words that a literal, an optional one, or each of a tuple of them may be; none of other types."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    parts = [part for part in get_args(kind) if part not in (type(None), ...)]
    return choices_of(parts[0]) if len(parts) == 1 else ()


def present(kind: Any) -> Any:
    """The struct of an optional section; any other type as it is."""
    return next(filter(is_struct, get_args(kind)), kind)


def is_struct(kind: Any) -> bool:
    """True for a msgspec struct class."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
