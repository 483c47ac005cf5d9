"""Outputs that a run keeps, so that `gate` can judge its artifacts again. Must not run a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array, Arrays
from convertkit.artifacts.tensors import read_npz, write_npz
from convertkit.config.run_settings import BudgetOptions, GateOptions
from convertkit.errors import UsageError
from convertkit.validation.grounds import Grounds
from convertkit.validation.noise import measure_noise

INDEX = "outputs.json"
GROUNDS = "grounds.npz"
AGAIN, MASK = "again.", "mask."


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """What `outputs/` holds.

    Attributes:
        source: the variant that all others were judged by.
        variants: those whose outputs are kept, the source among them.
        samples: how many of each are kept: the first ones of those that validated.
        of: how many validated.
        gate, budget: what the run asked for.
        half: the half precision that the source computes in; empty: none.
    """

    source: str
    variants: tuple[str, ...]
    samples: int
    of: int
    gate: GateOptions
    budget: BudgetOptions | None = None
    half: str = ""


class Kept(msgspec.Struct, frozen=True):
    """Outputs of a run's artifacts on its validation samples, and what they are judged with.

    Attributes:
        outputs: variant → its outputs, logical, one entry a sample.
        again: the source's outputs once more, in other batches, of the first samples.
        masks: output → true for the entries that count.
        rows: of each sample, its place in the samples' file.
    """

    index: Index
    outputs: Mapping[str, Arrays]
    again: Arrays
    masks: Arrays
    rows: Array
    labels: Array | None = None

    @property
    def source_outputs(self) -> Arrays:
        """The source's own."""
        return self.outputs[self.index.source]

    @property
    def grounds(self) -> Grounds:
        """What outputs are judged with besides the tolerance."""
        noise = measure_noise(self.source_outputs, self.again, self.masks)
        return Grounds(noise, self.masks, [int(row) for row in self.rows], self.index.half)

    def first(self, limit_bytes: int) -> Kept:
        """The same of as many samples as fit, the first ones."""
        every = [values for arrays in self.outputs.values() for values in arrays.values()]
        each = sum(values.nbytes / max(1, len(values)) for values in every)
        count = min(self.index.of, int(limit_bytes // each) if each else self.index.of)
        return Kept(
            msgspec.structs.replace(self.index, samples=count),
            {variant: cut(arrays, count) for variant, arrays in self.outputs.items()},
            cut(self.again, count),
            cut(self.masks, count),
            self.rows[:count],
            None if self.labels is None else self.labels[:count],
        )


def cut(arrays: Arrays, count: int) -> Arrays:
    """The first samples of each array."""
    return {name: values[:count] for name, values in arrays.items()}


def file_of(variant: str) -> str:
    """`tflite.int8.npz`."""
    return f"{variant.replace(':', '.')}.npz"


def write_kept(kept: Kept, folder: Path) -> None:
    """Write the files; the index comes last, so that a folder that has one is whole."""
    for variant, arrays in kept.outputs.items():
        write_npz(folder / file_of(variant), arrays)
    grounds = {"rows": np.asarray(kept.rows, np.int64)}
    grounds |= {} if kept.labels is None else {"labels": kept.labels}
    grounds |= {AGAIN + name: values for name, values in kept.again.items()}
    grounds |= {MASK + name: values for name, values in kept.masks.items()}
    write_npz(folder / GROUNDS, grounds)
    (folder / INDEX).write_bytes(msgspec.json.format(msgspec.json.encode(kept.index), indent=2) + b"\n")


def read_kept(folder: Path) -> Kept:
    """What `write_kept` wrote.

    Raises:
        UsageError: there is nothing, or it cannot be read.
    """
    try:
        index = msgspec.json.decode((folder / INDEX).read_bytes(), type=Index)
        if not index.samples:
            raise UsageError(
                f"{folder} holds no sample: the outputs of one are larger than limits.outputs_bytes",
                hint="convert again with a larger --set limits.outputs_bytes=BYTES",
            )
        outputs = {variant: read_npz(folder / file_of(variant)) for variant in index.variants}
        grounds = read_npz(folder / GROUNDS)
    except FileNotFoundError:
        raise UsageError(
            f"{folder}: the run kept no outputs", hint="convert again; limits.outputs_bytes=0 keeps none"
        ) from None
    except (OSError, ValueError, KeyError, msgspec.MsgspecError) as error:
        raise UsageError(f"{folder} cannot be read: {error}", hint="convert again") from None
    return Kept(
        index, outputs, named(AGAIN, grounds), named(MASK, grounds), grounds["rows"], grounds.get("labels")
    )


def named(prefix: str, arrays: Arrays) -> Arrays:
    """The arrays under a prefix, without it."""
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}
