"""Numbers as people read them: the one place where every form of the report gets its figures from."""

from __future__ import annotations

import math

from convertkit.validation.compare import LARGEST_ERROR
from convertkit.validation.powers import LARGEST_SQNR_DB

DASH = "–"
IDENTICAL = "identical"
NOT_FINITE = "not finite"
LARGEST_EXPONENT = 6
BYTE_UNITS = ("B", "kB", "MB", "GB", "TB")


def format_significant(value: float | None, digits: int = 3) -> str:
    """`0.0106`, `31.1`, `1,235`, `2.62e-6`; a dash for None and for what is not finite."""
    if value is None or not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    exponent = int(power)
    if not -3 <= exponent <= LARGEST_EXPONENT:
        return f"{mantissa}e{exponent}"
    return f"{value:,.{max(0, digits - 1 - exponent)}f}"


def format_bytes(value: int | None) -> str:
    """`980 B`, `35.2 kB`, `1.02 MB`: powers of 1000."""
    if value is None:
        return DASH
    size, unit = float(value), 0
    while float(f"{size:.3g}") >= 1000 and unit < len(BYTE_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{format_significant(size) if unit else value} {BYTE_UNITS[unit]}"


def format_share(fraction: float | None) -> str:
    """`22 %`, `7.3 %`, `101 %`."""
    if fraction is None or not math.isfinite(fraction):
        return DASH
    percent = 100 * fraction
    return f"{percent:.1f} %" if 0 < percent < 9.95 else f"{percent:,.0f} %"


def format_percent(fraction: float | None) -> str:
    """A fraction in percent without its unit, which belongs into the heading: `99.51`."""
    return DASH if fraction is None or not math.isfinite(fraction) else f"{100 * fraction:.2f}"


def format_points(fraction: float | None) -> str:
    """A difference of fractions in percentage points, without the unit: `0.24`, `-0.24`, `0`."""
    text = format_percent(fraction)
    return "0" if text in ("0.00", "-0.00") else text


def format_ms(value: float | None) -> str:
    """Milliseconds with three significant digits, without the unit."""
    return format_significant(value)


def format_interval_ms(interval: tuple[float, float] | None) -> str:
    """`0.0104–0.0110`, without the unit."""
    return DASH if interval is None else DASH.join(format_ms(end) for end in interval)


def format_sqnr_db(value: float | None) -> str:
    """Decibels with one decimal, without the unit; `identical` where there is no error at all."""
    if value is None or not math.isfinite(value):
        return DASH
    return IDENTICAL if value >= LARGEST_SQNR_DB else f"{value:.1f}"


def format_error(value: float | None) -> str:
    """An error in the output's own units: `2.62e-6`, `0.379`, `0`; `not finite` for the largest there is."""
    if value is not None and value >= LARGEST_ERROR:
        return NOT_FINITE
    return format_significant(value)


def format_cosine(value: float | None) -> str:
    """Six decimals."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.6f}"


def format_seconds(value: float | None) -> str:
    """Seconds with three significant digits, without the unit."""
    return format_significant(value)


def format_times(factor: float) -> str:
    """A factor: `4.6×`, `12×`."""
    return f"{factor:.1f}×" if factor < 9.95 else f"{factor:,.0f}×"
