"""What is allowed at other sizes of an axis, where fewer samples are run."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from convertkit.validation.gate import Comparison
from convertkit.validation.tolerance import Tolerance

AXIS_MARGIN_DB = 10.0
AXIS_MARGIN = 0.1


def axis_tolerance(comparison: Comparison) -> Tolerance:
    """What is allowed at other sizes, of which there are fewer samples: the tolerance, or somewhat less than
    was reached where accuracy or the source's own noise decided.
    """
    allowed = comparison.tolerance
    floats = [row for row in comparison.outputs if row.agreement is None]
    slices = [row.worst_slice.sqnr_db for row in floats if row.worst_slice is not None]
    samples = [row.sample_sqnr_p5_db for row in floats if row.sample_sqnr_p5_db is not None]
    variations = [row.variation_db for row in floats if row.variation_db is not None]
    of_integers = AXIS_MARGIN_DB if allowed.levels else 0.0  # within two steps of it here, not there
    return msgspec.structs.replace(
        allowed,
        min_sqnr_db=lowered(allowed.min_sqnr_db, [row.sqnr_db for row in floats]),
        min_slice_sqnr_db=lowered(allowed.min_slice_sqnr_db, slices),
        min_sample_sqnr_db=lowered(allowed.min_sample_sqnr_db, samples),
        min_variation_db=lowered(allowed.min_variation_db - of_integers, variations),
        min_agreement=max(0.0, allowed.min_agreement - AXIS_MARGIN),
    )


def lowered(allowed: float, reached: Sequence[float]) -> float:
    """The limit, or 10 dB less than the lowest that was reached."""
    return min([allowed, *(each - AXIS_MARGIN_DB for each in reached)])
