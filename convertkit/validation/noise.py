"""What the source itself does not hold: it is run again in other batches, or in float32 where it computes in
half precision, and nothing finer is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from convertkit.artifacts.signature import Arrays
from convertkit.validation.compare import is_discrete
from convertkit.validation.masks import Masks
from convertkit.validation.powers import Float64, Powers, Sums, measure_powers
from convertkit.validation.structure import with_infinities
from convertkit.validation.tolerance import Tolerance

ROOM = 4.0  # in power: two roundings of the same model may differ by twice what one differs from the truth
ROOM_DB = 6.0
LEAST_FLOOR_DB = 30.0  # below it the source does not round otherwise, it answers otherwise
LEAST_HALF_DB = 20.0  # the same of half precision, whose rounding adds up from layer to layer

Noise = Mapping[str, Powers]
"""Output → the source against itself."""


def measure_noise(reference: Arrays, again: Arrays, masks: Masks) -> dict[str, Powers]:
    """The source's float outputs against themselves, over the samples that were run again, the first ones."""
    found = {}
    for name, outputs in again.items():
        wanted, values = reference[name][: len(outputs)], outputs
        if is_discrete(wanted) or wanted.shape != values.shape:
            continue
        valid = masks.get(name)
        wanted, values = with_infinities(wanted, values)
        powers = measure_powers(wanted, values, None if valid is None else valid[: len(values)])
        if powers.is_finite and powers.whole.error > 0:
            found[name] = powers
    return found


def floor_db(noise: Powers | None) -> float | None:
    """SQNR of the source against itself; None where it is the same to the last bit, or not known."""
    return None if noise is None else float(noise.whole.sqnr_db)


def least_floor_db(half: str) -> float:
    """The floor below which it is no rounding; `half` is the half precision that the source computes in."""
    return LEAST_HALF_DB if half else LEAST_FLOOR_DB


def rounding_noise(noise: Powers | None, half: str = "") -> Powers | None:
    """The source against itself, as far as that is rounding; None where its answers depend on the batch.

    Such a source (batch statistics, chance) excuses nothing: artifacts run in the same batches as it did.
    """
    floor = floor_db(noise)
    return noise if floor is not None and floor >= least_floor_db(half) else None


def asked_of(tolerance: Tolerance, noise: Powers | None) -> Tolerance:
    """What is asked for where the source holds no more, with twice its noise: all figures lower alike.

    An SQNR that was set is asked for whatever the source holds.
    """
    floor = floor_db(noise)
    less = 0.0 if floor is None else max(0.0, tolerance.min_sqnr_db - (floor - ROOM_DB))
    if not less or tolerance.is_sqnr_asked:
        return tolerance
    keys = ("min_sqnr_db", "min_slice_sqnr_db", "min_sample_sqnr_db", "min_variation_db")
    return msgspec.structs.replace(tolerance, **{key: getattr(tolerance, key) - less for key in keys})


def excused_error(sums: Sums, axis: int | None, noise: Powers | None, rounding: float) -> Float64:
    """Mean square error that is the source's own noise, or rounding: of each slice, or of the whole."""
    own = 0.0 if noise is None else ROOM * noise.positions.along(axis).mean_square_error
    return np.broadcast_to(np.maximum(own, rounding), sums.count.shape).astype(np.float64)


def excused_sample_error(count: int, noise: Powers | None, rounding: float) -> Float64:
    """The same of each sample: its own noise where it was run again, else that of the median sample."""
    excused = np.full(count, rounding)
    if noise is not None:
        own = ROOM * noise.sample_error / np.maximum(noise.sample_count, 1)
        excused = np.maximum(excused, np.median(own))
        excused[: len(own)] = np.maximum(rounding, own)
    return excused
