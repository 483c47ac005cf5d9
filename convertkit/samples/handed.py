"""Samples handed over in Python, at once or item by item, as named arrays and labels. Imports no framework.

Source of the conventions: torch.utils.data (items are `(inputs, target)` or dicts); TensorFlow Lite's
`representative_dataset` (a generator function whose items are the inputs of one call).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array, Arrays
from convertkit.causes import first_line
from convertkit.errors import SamplesError
from convertkit.samples.arrays import LABELS
from convertkit.samples.entries import Entry, entry_of, left_out_notes
from convertkit.samples.leaves import concatenated, is_leaf, is_table, stacked

MOST_BYTES = 1 << 30


class Handed(msgspec.Struct, frozen=True):
    """Samples as they are written to a file.

    Attributes:
        is_open: items of one shape each were stacked, and may be batches as well as samples.
        notes: how they were read, where that could be otherwise.
    """

    arrays: Arrays
    labels: Array | None = None
    is_open: bool = False
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> Arrays:
        """The arrays with the labels among them."""
        return self.arrays if self.labels is None else {**self.arrays, LABELS: self.labels}

    def joined(self) -> Handed:
        """The same with items that are batches put one behind the other."""
        arrays = {name: np.concatenate(list(values)) for name, values in self.arrays.items()}
        return msgspec.structs.replace(self, arrays=arrays, is_open=False)


def read_handed(given: Any, limit: int, inputs: int | None = None) -> Handed:
    """Whatever was given as samples.

    Args:
        limit: the most samples to take of what has to be asked for each of them.
        inputs: how many the model takes, where that is known: what else is in a tuple is no input.

    Raises:
        SamplesError: it is nothing that holds samples.
    """
    if inspect.isgeneratorfunction(given):
        given = given()
    try:
        if is_items(given) and not is_input_list(given, inputs):
            return collected(given, limit, inputs)
        entry = entry_of(given, inputs)
    except SamplesError:
        raise
    except Exception as error:  # of the code that holds the samples, whatever it is
        raise unreadable(error) from error
    return Handed(entry.arrays, entry.labels, notes=left_out_notes(entry))


def is_input_list(given: Any, inputs: int | None) -> bool:
    """True for a list of as many arrays as the model has inputs, where that is more than one."""
    if not isinstance(given, list) or inputs is None or inputs < 2:
        return False
    return len(given) == inputs and all(map(is_leaf, given))


def unreadable(error: Exception) -> SamplesError:
    """What to say where the samples' own code fails."""
    told = first_line(error)
    if "Object arrays" in told:  # not "allow_pickle", which NumPy advises
        told = "Python objects are never unpickled"
    return SamplesError(f"the samples cannot be fetched: {type(error).__name__}: {told}")


def is_items(given: Any) -> bool:
    """True for what gives samples, or batches, one after the other."""
    if isinstance(given, type | str | bytes | tuple | Mapping) or is_leaf(given) or is_table(given):
        return False
    return isinstance(given, list | Iterable) or is_indexed(given)


def is_indexed(given: Any) -> bool:
    """True for a map-style Dataset."""
    return hasattr(given, "__getitem__") and hasattr(given, "__len__")


def collected(given: Any, limit: int, inputs: int | None) -> Handed:
    """Items one after the other, as many as the limit; batches joined, samples stacked.

    Raises:
        SamplesError: there are none, or they differ in shape.
    """
    kind, total = is_batched(given), size_of(given)
    entries: list[Entry] = []
    samples = taken_bytes = 0
    is_cut = False
    for item in fetched(given, limit):
        entry = entry_of(item, inputs)
        entries.append(entry)
        taken_bytes += sum(values.nbytes for values in entry.arrays.values())
        kind = told_by_labels(entry) if kind is None else kind
        samples += len(next(iter(entry.arrays.values()))) if kind else 1
        is_cut = samples >= limit or taken_bytes >= MOST_BYTES
        if is_cut:
            break
    if not entries:
        raise SamplesError("the samples are empty: they give no item")
    if kind is None:
        kind = told_by_sizes(entries)
    notes = (*left_out_notes(entries[0]), *bound_note(given, len(entries), total, is_cut=is_cut))
    return put_together(entries, kind, notes)


def put_together(entries: list[Entry], kind: bool | None, notes: tuple[str, ...]) -> Handed:
    """The arrays of all items; `kind` is whether they are batches, None where nothing tells."""
    names = list(entries[0].arrays)
    for number, entry in enumerate(entries):
        if list(entry.arrays) != names:
            raise SamplesError(f"item {number} of the samples has other inputs than item 0")
    join = concatenated if kind else stacked
    arrays = {name: join([entry.arrays[name] for entry in entries]) for name in names}
    labels = [entry.labels for entry in entries if entry.labels is not None]
    whole = None
    if len(labels) == len(entries):
        whole = np.concatenate([np.atleast_1d(label) for label in labels])
    return Handed(arrays, whole, kind is None, notes)


def fetched(given: Any, limit: int) -> Iterator[Any]:
    """The items; of a map-style Dataset that has more, evenly spaced ones."""
    if isinstance(given, list) or not is_indexed(given):
        yield from given
        return
    count = len(given)
    for row in np.unique(np.linspace(0, count - 1, min(limit, count)).astype(int)):
        yield given[int(row)]


def is_batched(given: Any) -> bool | None:
    """True where the items are batches, False where they are samples, None where the class does not tell."""
    data = sys.modules.get("torch.utils.data")
    if data is None:
        return None
    if isinstance(given, data.DataLoader):
        return given.batch_sampler is not None
    return False if isinstance(given, data.Dataset) else None


def told_by_labels(entry: Entry) -> bool | None:
    """Whether an item is a batch, by its labels: one, or one for each."""
    if entry.labels is None:
        return None
    first = next(iter(entry.arrays.values()))
    return bool(entry.labels.ndim) and bool(first.ndim) and len(first) == len(entry.labels)


def told_by_sizes(entries: list[Entry]) -> bool | None:
    """True where items are of one sample each, or differ in the number of samples alone."""
    shapes = [[values.shape for values in entry.arrays.values()] for entry in entries]
    if any(not shape for each in shapes for shape in each):
        return False
    rests = [[shape[1:] for shape in each] for each in shapes]
    leading = {shape[0] for each in shapes for shape in each}
    if any(rest != rests[0] for rest in rests):
        return False
    if leading == {1}:
        return True
    return True if any(each != shapes[0] for each in shapes) else None


def size_of(given: Any) -> int | None:
    """How many items there are; None where nobody knows."""
    try:
        return len(given)
    except (TypeError, NotImplementedError):
        return None


def bound_note(given: Any, taken: int, total: int | None, *, is_cut: bool) -> tuple[str, ...]:
    """A line where not all items were taken."""
    if taken == total or (total is None and not is_cut):
        return ()
    of = f" of {total:,}" if total is not None else ""
    how = "evenly spaced" if is_indexed(given) and not isinstance(given, list) else "the first"
    return (f"{taken:,}{of} items of the samples were taken, {how}",)
