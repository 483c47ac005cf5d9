"""One item of what was handed over, or all of it at once: which part is an input, and which the labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array, Arrays
from convertkit.errors import SamplesError
from convertkit.samples.arrays import LABELS
from convertkit.samples.fit import UNNAMED
from convertkit.samples.leaves import array_of, is_leaf, is_table, is_text, unusable

LABEL = "label"


class Entry(msgspec.Struct, frozen=True):
    """One item, or all samples at once.

    Attributes:
        labels: the class or classes of it; None where it has none.
        left_out: what stood beside the inputs and is neither.
    """

    arrays: Arrays
    labels: Array | None = None
    left_out: tuple[str, ...] = ()


def entry_of(given: Any, inputs: int | None) -> Entry:
    """All samples at once, or one item: an array, the inputs in order, or a dict, with labels or without.

    Raises:
        SamplesError: it is none of these.
    """
    if isinstance(given, Mapping):
        return named_entry(given)
    if is_table(given):
        return table_entry(given)
    if isinstance(given, list | tuple) and not is_leaf(given):
        return ordered_entry(list(given), inputs)
    if not is_leaf(given):
        raise unusable(given)
    return Entry({UNNAMED: array_of(given)})


def named_entry(given: Mapping[Any, Any]) -> Entry:
    """The arrays of a dict; `labels`, or `label`, are the labels."""
    left = tuple(str(name) for name, value in given.items() if value is None or is_text(value))
    arrays = {str(name): array_of(value) for name, value in given.items() if str(name) not in left}
    for name in (LABELS, LABEL):
        if name in arrays and is_classes(arrays[name]):
            labels = arrays.pop(name)
            return Entry(no_empty(arrays, given), flat(labels), left)
    return Entry(no_empty(arrays, given), None, left)


def table_entry(given: Any) -> Entry:
    """A data frame: `label` or `labels` apart; columns of arrays are an input each."""
    names = [str(name) for name in given.columns]
    if LABELS not in names and LABEL not in names and all(is_flat(given[name]) for name in given.columns):
        return Entry({UNNAMED: array_of(given)})
    columns = {str(name): array_of(given[name]) for name in given.columns}
    labels = columns.pop(LABELS, None)
    labels = columns.pop(LABEL, None) if labels is None else labels
    if not columns:
        raise SamplesError("the table holds labels and no input")
    if all(column.ndim == 1 for column in columns.values()):
        return Entry({UNNAMED: np.stack(list(columns.values()), axis=1)}, labels)
    return Entry(columns if len(columns) > 1 else {UNNAMED: next(iter(columns.values()))}, labels)


def is_flat(column: Any) -> bool:
    """True for a column of numbers, rather than of arrays."""
    return getattr(column.to_numpy().dtype, "kind", "O") != "O"


def ordered_entry(parts: list[Any], inputs: int | None) -> Entry:
    """Inputs in the order of the model's, and behind them labels or what else a Dataset gives."""
    if not parts:
        raise SamplesError("the samples are empty")
    if inputs is None:
        inputs = 1 if len(parts) == 2 and is_target(parts) else len(parts)
    if isinstance(parts[0], Mapping) or (isinstance(parts[0], list | tuple) and not is_leaf(parts[0])):
        inner, rest = entry_of(parts[0], None), parts[1:]
    elif inputs == 1 or len(parts) == 1:
        inner, rest = Entry({UNNAMED: array_of(parts[0])}), parts[1:]
    else:
        arrays = {f"arr_{place}": array_of(part) for place, part in enumerate(parts[:inputs])}
        inner, rest = Entry(arrays), parts[inputs:]
    if not rest:
        return inner
    if len(rest) == 1 and is_leaf(rest[0]) and is_classes(array_of(rest[0])):
        return msgspec.structs.replace(inner, labels=flat(array_of(rest[0])))
    return msgspec.structs.replace(inner, left_out=(f"the {len(rest)} behind the inputs",))


def is_target(parts: list[Any]) -> bool:
    """True where the second of two is what the first should give, and no input: classes, boxes, text."""
    first, second = parts
    if not is_leaf(second):
        return True
    if isinstance(first, Mapping) or not is_leaf(first):
        return True
    values, inputs = array_of(second), array_of(first)
    return (
        is_classes(values) and values.ndim < inputs.ndim and (not values.ndim or len(values) == len(inputs))
    )


def is_classes(values: Array) -> bool:
    """True for one class, one for each sample, or the same as a column."""
    return values.dtype.kind in "iu" and (values.ndim < 2 or (values.ndim == 2 and values.shape[1] == 1))


def flat(labels: Array) -> Array:
    """Labels without an axis of one."""
    return labels[:, 0] if labels.ndim == 2 else labels


def no_empty(arrays: Arrays, given: Any) -> Arrays:
    """The arrays, of which there have to be some."""
    if not arrays:
        raise unusable(given) if given else SamplesError("the samples are empty")
    return arrays


def left_out_notes(entry: Entry) -> tuple[str, ...]:
    """A line about what is not used."""
    return (
        (f"left out of the samples, being no input: {', '.join(entry.left_out)}",) if entry.left_out else ()
    )
