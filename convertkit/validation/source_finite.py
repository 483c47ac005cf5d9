"""Whether the source itself gives finite outputs, and where in it NaN or Inf begins.

NaN counts always. An infinity counts where an operator of the model makes it of finite values (`log` of 0, an
overflow); one that the model is given, as masked scores of -Inf are, is lawful, and so is one that stands at
the same place for every sample.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import Array, Arrays
from convertkit.artifacts.tensors import write_npz
from convertkit.config.run_settings import GateOptions
from convertkit.errors import ConvertkitError
from convertkit.registry import runtime_row
from convertkit.samples.intake import Intake
from convertkit.validation.masks import read_masks
from convertkit.workers.answers import OriginFound
from convertkit.workers.jobs import OriginJob
from convertkit.workers.pool import Workers

RUN_SAMPLES = 8  # in search of the operator
LISTED_ROWS = 16
NAMED_ROWS = 3
SETTING = "gate.accept_nonfinite_source"
ADVICE = f"mend the model or the samples, or, if it is meant: --set {SETTING}=true"

Mask = npt.NDArray[np.bool_]


class NonfiniteSource(msgspec.Struct, frozen=True, kw_only=True):
    """Samples for which the source's own outputs are not finite.

    Attributes:
        samples: how many of those that validate.
        of: how many validate.
        nan: how many of them have NaN; the others have Inf alone.
        rows: the first of them, numbers in the samples' file, from 0.
        outputs: names of the outputs concerned.
        module: path of the first PyTorch module that gives one; empty for the model's own forward, and
            where it is unknown.
        operator: what gives it, `softmax`, or `its weights`; empty where it is unknown.
        is_accepted: `gate.accept_nonfinite_source` is set.
    """

    samples: int
    of: int
    nan: int
    rows: tuple[int, ...]
    outputs: tuple[str, ...]
    module: str = ""
    operator: str = ""
    is_accepted: bool = False

    @property
    def reason(self) -> str:
        """`the source model itself gives NaN for 2 of 256 samples, first in 'attn' (softmax); rows 0, 3`."""
        what = "NaN" if self.nan == self.samples else "NaN or Inf" if self.nan else "Inf"
        more = ", …" if self.samples > NAMED_ROWS else ""
        rows = ", ".join(map(str, self.rows[:NAMED_ROWS]))
        return (
            f"the source model itself gives {what} for {self.samples} of {self.of} samples{self.origin}; "
            f"row{'' if self.samples == 1 else 's'} {rows}{more}"
        )

    @property
    def origin(self) -> str:
        """`, first in 'encoder.attn' (softmax)`; `, first by softmax` without a module; or empty."""
        if not self.operator:
            return ""
        return (
            f", first in '{self.module}' ({self.operator})" if self.module else f", first by {self.operator}"
        )

    @property
    def refusal(self) -> str:
        """Why nothing is compared, one line; empty where it is accepted."""
        return "" if self.is_accepted else self.reason

    @property
    def note(self) -> str:
        """The line of the report's notes."""
        return f"{self.reason}; {f'accepted by {SETTING}' if self.is_accepted else ADVICE}"


def find_nonfinite(
    outputs: Arrays, intake: Intake, workers: Workers, scratch: Path, options: GateOptions, threads: int
) -> NonfiniteSource | None:
    """What is not finite in the source's outputs on the validation samples; None where all that counts is."""
    outputs = counted(outputs, intake, options)
    nan = any_output(outputs, nan_samples)
    either = nan | any_output(outputs, infinite_samples)
    if not either.any():
        return None
    rows = np.asarray(intake.split.validation)
    found = search(intake, rows[either][:RUN_SAMPLES], workers, scratch, threads)
    if found is not None and found.infinity is None:
        either = nan  # each Inf is one that the model was given
    if not either.any():
        return None
    origin = (found.nan if nan.any() else found.infinity) if found is not None else None
    return NonfiniteSource(
        samples=int(either.sum()),
        of=len(either),
        nan=int(nan.sum()),
        rows=tuple(map(int, rows[either][:LISTED_ROWS])),
        outputs=tuple(name for name, values in outputs.items() if (bad_samples(values) & either).any()),
        module=origin.module if origin else "",
        operator=origin.operator if origin else "",
        is_accepted=options.accept_nonfinite_source,
    )


def counted(outputs: Arrays, intake: Intake, options: GateOptions) -> Arrays:
    """The outputs with 0 wherever `gate.masks` rules an entry out."""
    if not options.masks:
        return outputs
    masks = read_masks(options.masks, intake.samples.take(intake.split.validation), outputs)
    return {name: clear(values, masks[name]) if name in masks else values for name, values in outputs.items()}


def clear(values: Array, valid: Mask) -> Array:
    """The values with 0 at the entries of the leading axes that do not count."""
    cleared = values.copy()
    cleared[~valid] = 0
    return cleared


def search(
    intake: Intake, rows: npt.NDArray[np.int_], workers: Workers, scratch: Path, threads: int
) -> OriginFound | None:
    """Where NaN and Inf begin for some samples; None where the source's inside cannot be seen."""
    if intake.artifact.variant.format is not Format.TORCH:
        return None
    inputs = scratch / "nonfinite.npz"
    write_npz(inputs, intake.samples.take(rows.tolist()))
    job = OriginJob(intake.artifact, str(inputs), threads)
    try:
        answer = workers.ask(runtime_row(Format.TORCH).environment, job, "source.log")
    except ConvertkitError:
        return None  # that it is not finite is known all the same
    assert isinstance(answer, OriginFound)
    return answer


def any_output(outputs: Arrays, judge: Callable[[Array], Mask]) -> Mask:
    """One entry a sample: whether any of the outputs is judged so."""
    found: Mask = np.logical_or.reduce([judge(values) for values in outputs.values()])
    return found


def bad_samples(values: Array) -> Mask:
    """One entry a sample: whether it has NaN, or Inf that not every sample has at the same place."""
    found: Mask = np.logical_or(nan_samples(values), infinite_samples(values))
    return found


def nan_samples(values: Array) -> Mask:
    """One entry a sample: whether it has NaN."""
    found: Mask = np.logical_or.reduce(np.isnan(by_sample(values)), axis=1)
    return found


def infinite_samples(values: Array) -> Mask:
    """One entry a sample: whether it has Inf that not every sample has at the same place."""
    flat = by_sample(values)
    infinite = np.isinf(flat)
    is_fixed = np.logical_and.reduce(infinite & (flat == flat[:1]), axis=0)
    found: Mask = np.logical_or.reduce(infinite & ~is_fixed, axis=1)
    return found


def by_sample(values: Array) -> Array:
    """One row a sample; zeros in place of what is no float."""
    flat = values.reshape(len(values), -1)
    return flat if values.dtype.kind == "f" else np.zeros_like(flat, np.float32)
