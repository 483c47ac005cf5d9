"""Sums of squares of two arrays, by position and by sample, in one pass over blocks. NumPy only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from convertkit.artifacts.signature import Array

BLOCK_ENTRIES = 1 << 20  # of float64 at a time: 8 MiB
LARGEST_SQNR_DB = 200.0

Float64 = npt.NDArray[np.float64]
Valid = npt.NDArray[np.bool_]


class Sums(msgspec.Struct, frozen=True):
    """Sums over entries: of one position over the samples, of a slice, of a whole output.

    Entries where the source is not finite, or that a mask rules out, count nowhere.

    Attributes:
        count: entries.
        signal, error: Σ source², Σ (candidate - source)².
        varied, candidate_varied, error_varied: the same of what differs between samples: every position
            less its own mean over the samples.
        total, candidate_total: Σ source, Σ candidate.
        peak: largest |candidate - source|.
    """

    count: Float64
    signal: Float64
    error: Float64
    varied: Float64
    candidate_varied: Float64
    error_varied: Float64
    total: Float64
    candidate_total: Float64
    candidate_signal: Float64
    peak: Float64

    def along(self, axis: int | None) -> Sums:
        """The sums of each slice along an axis of a sample; None: of everything."""
        others = tuple(each for each in range(self.count.ndim) if each != axis)
        return Sums(*(self._reduced(name, others) for name in self.__struct_fields__))

    def _reduced(self, name: str, axes: tuple[int, ...]) -> Float64:
        values: Float64 = getattr(self, name)
        return np.asarray(values.max(axes, initial=0.0) if name == "peak" else values.sum(axes))

    @property
    def sqnr_db(self) -> Float64:
        """10 log10(signal / error), decibels, within ±200."""
        return ratio_db(self.signal, self.error)

    @property
    def mean_square_error(self) -> Float64:
        """Of an entry; 0 where there is none."""
        return self.error / np.maximum(self.count, 1)

    @property
    def mean_square(self) -> Float64:
        """Of an entry of the source."""
        return self.signal / np.maximum(self.count, 1)

    @property
    def candidate_mean(self) -> Float64:
        """Of an entry of the candidate."""
        return self.candidate_total / np.maximum(self.count, 1)

    @property
    def spread(self) -> Float64:
        """Σ (source - its mean)², over samples and positions alike."""
        return np.maximum(self.signal - self.total**2 / np.maximum(self.count, 1), 0.0)

    @property
    def candidate_spread(self) -> Float64:
        """The candidate's."""
        return np.maximum(self.candidate_signal - self.candidate_total**2 / np.maximum(self.count, 1), 0.0)


class Powers(msgspec.Struct, frozen=True):
    """One output of two artifacts, in sums.

    Attributes:
        positions: sums over the samples, shaped as one sample.
        sample_count, sample_signal, sample_error, sample_peak: one entry a sample; as `Sums`.
        product: Σ source * candidate.
        low, high: of the source's values.
        is_finite: the candidate is, where the source is.
        dtype: of the source.
    """

    positions: Sums
    sample_count: Float64
    sample_signal: Float64
    sample_error: Float64
    sample_peak: Float64
    product: float
    low: float
    high: float
    is_finite: bool
    dtype: np.dtype[Any]

    @property
    def whole(self) -> Sums:
        """The sums of everything."""
        return self.positions.along(None)

    @property
    def sample_sqnr_db(self) -> Float64:
        """Of each sample, decibels; a sample without any signal is measured by the mean sample's."""
        signal = np.where(self.sample_signal > 0, self.sample_signal, self.sample_signal.mean())
        return ratio_db(signal, self.sample_error)

    @property
    def rounding(self) -> float:
        """Mean square of what the source's own type cannot hold apart: 4 units in the last place."""
        return rounding_of(self.dtype, float(self.whole.mean_square))


def rounding_of(dtype: np.dtype[Any], mean_square: float) -> float:
    """Mean square of 4 units in the last place of values of that mean square; 0 for integers."""
    if dtype.kind != "f":
        return 0.0
    return (4 * float(np.finfo(dtype.name).eps)) ** 2 * mean_square


def ratio_db(signal: Float64, error: Float64) -> Float64:
    """10 log10(signal / error) of each entry: 200 without error, -200 for any error against nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        decibels = 10 * np.log10(signal / error)
    limited = np.clip(decibels, -LARGEST_SQNR_DB, LARGEST_SQNR_DB)
    return np.where(error == 0, LARGEST_SQNR_DB, np.where(signal == 0, -LARGEST_SQNR_DB, limited))


def expanded(valid: Valid, rank: int) -> Valid:
    """A mask of the leading axes, shaped so that it broadcasts to all of them."""
    return valid.reshape(*valid.shape, *[1] * (rank - valid.ndim))


def measure_powers(reference: Array, candidate: Array, valid: Valid | None = None) -> Powers:
    """The sums of two arrays of one shape, first axis = sample.

    Args:
        valid: entries to count, of the leading axes; None: all.
    """
    count, places = len(reference), int(np.prod(reference.shape[1:], dtype=np.int64))
    by_sample = np.zeros((4, count))
    by_place = np.zeros((9, places))
    peak = np.zeros(places)
    first: Float64 = np.nan_to_num(reference[0].astype(np.float64).reshape(-1), posinf=0.0, neginf=0.0)
    product, low, high, is_finite = 0.0, np.inf, -np.inf, True
    for rows, x, e, ok in blocks(reference, candidate, valid):
        is_finite = is_finite and bool(np.isfinite(e).all())
        e = np.nan_to_num(e, posinf=0.0, neginf=0.0)
        d = np.where(ok, x - first, 0.0)
        size = np.abs(e)
        by_sample[:, rows] = (
            ok.sum(1),
            np.einsum("ij,ij->i", x, x),
            np.einsum("ij,ij->i", e, e),
            size.max(1, initial=0.0),
        )
        pairs = ((x, x), (e, e), (d, d), (d, e), (x, e))
        by_place[:5] += [np.einsum("ij,ij->j", one, other) for one, other in pairs]
        by_place[5:] += (ok.sum(0), x.sum(0), d.sum(0), e.sum(0))
        peak = np.maximum(peak, size.max(0))
        low, high = min(low, x.min(where=ok, initial=np.inf)), max(high, x.max(where=ok, initial=-np.inf))
    product = float(by_place[0].sum() + by_place[4].sum())
    sums = sums_of(by_place, peak, reference.shape[1:])
    counts, signal, error, peaks = by_sample
    return Powers(
        sums, counts, signal, error, peaks, product, float(low), float(high), is_finite, reference.dtype
    )


def blocks(
    reference: Array, candidate: Array, valid: Valid | None
) -> Iterator[tuple[slice, Float64, Float64, Valid]]:
    """Some samples at a time, one a row: the source, the error, and which entries count; others are 0."""
    count, places = len(reference), int(np.prod(reference.shape[1:], dtype=np.int64))
    step = max(1, BLOCK_ENTRIES // max(1, places))
    for start in range(0, count, step):
        rows = slice(start, min(start + step, count))
        x = reference[rows].astype(np.float64)
        ok = np.isfinite(x)
        if valid is not None:
            ok &= expanded(valid[rows], x.ndim)
        x[~ok] = 0.0
        with np.errstate(invalid="ignore"):
            e = np.where(ok, candidate[rows].astype(np.float64) - x, 0.0)
        yield rows, x.reshape(len(x), -1), e.reshape(len(x), -1), ok.reshape(len(x), -1)


def sums_of(by_place: Float64, peak: Float64, shape: tuple[int, ...]) -> Sums:
    """The sums by position; `by_place` are xx, ee, dd, de, xe, count, x, d, e, with d = x - first sample."""
    xx, ee, dd, de, xe, count, x, d, e = by_place
    samples = np.maximum(count, 1)
    rows = (
        count,
        xx,
        ee,
        np.maximum(dd - d**2 / samples, 0.0),
        np.maximum(dd + 2 * de + ee - (d + e) ** 2 / samples, 0.0),
        np.maximum(ee - e**2 / samples, 0.0),
        x,
        x + e,
        xx + 2 * xe + ee,
        peak,
    )
    return Sums(*(row.reshape(shape) for row in rows))
