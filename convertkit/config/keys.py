"""Keys of settings: whether plain values have those of a class; one of them set by its dotted name."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import msgspec
import yaml

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


def with_lists(content: Any, kind: Any) -> Any:
    """The same with a word, or words between commas, as a list where a list of choices is asked for."""
    if not isinstance(content, dict) or not is_struct(kind):
        return content
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    return {key: listed(value, fields.get(key)) for key, value in content.items()}


def listed(value: Any, kind: Any) -> Any:
    """A value of a key as `with_lists` has it."""
    if isinstance(value, str) and get_origin(kind) is tuple and choices_of(kind):
        return [word.strip() for word in value.split(",")]
    return with_lists(value, present(kind))


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


def set_key(content: dict[str, Any], setting: str) -> None:
    """Apply `KEY=VALUE`, the key dotted, the value as in YAML.

    Raises:
        UsageError: it is not of that form, or the key goes on below a value.
    """
    key, separator, text = setting.partition("=")
    if not separator:
        raise UsageError(f"--set '{setting}' is not KEY=VALUE", hint="for example --set gate.min_sqnr_db=30")
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # ValueError: a date that there is not
        raise UsageError(f"--set '{setting}': the value is not YAML") from None
    try:
        set_value(content, key.strip(), value)
    except TypeError as error:
        raise UsageError(f"--set '{setting}': {error}") from None


def set_value(content: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key; TypeError where it goes on below something that is no section."""
    *path, last = key.split(".")
    target = content
    for part in path:
        if target.get(part) is None:
            target[part] = {}
        target = target[part]
        if not isinstance(target, dict):
            raise TypeError(f"'{part}' has no keys of its own")
    target[last] = value
