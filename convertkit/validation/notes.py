"""What to know of an output beside its verdict, in one line each."""

from __future__ import annotations

from convertkit.validation.compare import OutputMetrics
from convertkit.validation.noise import ROOM_DB, excused_error, least_floor_db
from convertkit.validation.powers import Powers, ratio_db
from convertkit.validation.tolerance import Tolerance

SAID_BELOW_DB = 10.0
LOST_BELOW_DB = 3.0


def noise_note(row: OutputMetrics, tolerance: Tolerance, half: str = "") -> str:
    """What the source does not hold itself; empty where that changes nothing."""
    floor = row.noise_floor_db
    if floor is None or floor - ROOM_DB >= tolerance.min_sqnr_db:
        return ""
    calls = f"in {half} and in float32" if half else "in calls of one sample and of many"
    said = f"output '{row.name}': {calls}, the source agrees with itself to {floor:.1f} dB"
    if floor < least_floor_db(half):
        reason = "that is more than rounding" if half else "its answers depend on the batch"
        return f"{said}: {reason}, which excuses nothing"
    if tolerance.is_sqnr_asked:
        return f"{said}; {tolerance.min_sqnr_db:g} dB is asked for all the same, as set"
    return f"{said}; so {floor - ROOM_DB:.1f} dB is asked for"


def offset_note(row: OutputMetrics, powers: Powers, noise: Powers | None) -> str:
    """That the figure is that of an offset which all samples share, and what differs between them is lost."""
    whole = powers.whole
    decibels = float(ratio_db(whole.varied, whole.error_varied))
    own = excused_error(whole, None, noise, powers.rounding)
    is_lost = decibels < LOST_BELOW_DB and row.sqnr_db - decibels > SAID_BELOW_DB
    if not is_lost or whole.varied == 0 or whole.mean_square_error <= own:
        return ""
    return (
        f"output '{row.name}': what differs between samples has {decibels:.1f} dB SQNR; the rest of "
        f"{row.sqnr_db:.1f} dB is an offset that they share"
    )


def mostly_noise_note(row: OutputMetrics) -> str:
    """That accuracy decides for scores with more noise than one would think; empty above 10 dB."""
    if row.sqnr_db >= SAID_BELOW_DB:
        return ""
    return f"output '{row.name}': {row.sqnr_db:.1f} dB SQNR is mostly noise, though accuracy decides"
