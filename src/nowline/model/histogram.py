"""Exponential-histogram bins: percentiles that merge, within 1 % of the true value.

A value falls into the bin `floor(ln |v| / ln GAMMA)`, on its side of zero, and is told as the
bin's middle, so the error is at most (GAMMA - 1) / (GAMMA + 1), a little under 1 %. Bins of the
same series and time merge by adding their counts, at any level and in any database.

Source: C. Masson, J. Rim, H. Lee, "DDSketch", VLDB 2019, section 2; OpenTelemetry's exponential
histogram and Prometheus' native histograms bin in the same way.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from nowline.model.partials import Floats, Ints

GAMMA = 1.02
LOG_GAMMA = math.log(GAMMA)
# Greater than the bin of any finite value on either side of 1, so that a bin's code can carry
# the sign of its values and code order is value order; zero has a code of its own.
OFFSET = 40_000
_MOST_EXPONENT = math.log(sys.float_info.max)
ZERO = 0
# Of so many bins the last ends at twice where the first begins, but for a hundredth of a percent.
_DOUBLING = 35
SIZES_A_DOUBLING = 2
"""How many sizes (see `sizes`) there are to each doubling of a value: about seven to a tenfold."""


@dataclass(frozen=True, slots=True)
class Bins:
    """Parallel columns, one row per (key, bucket, bin) seen.

    Attributes:
        key: Series id or group index.
        bucket: The bucket's start, epoch milliseconds.
        bin: The code of the bin (see `codes`).
        count: Values in it.
    """

    key: Ints
    bucket: Ints
    bin: Ints
    count: Ints

    def __len__(self) -> int:
        return len(self.key)

    def where(self, chosen: NDArray[np.bool_]) -> Bins:
        """Only the rows where `chosen` is true."""
        return Bins(*(getattr(self, f.name)[chosen] for f in fields(self)))


def codes(value: Floats) -> Ints:
    """The bin of each value: `sign * (floor(ln |v| / ln GAMMA) + OFFSET)`, 0 for zero."""
    if len(value) and value.min() > 0:
        return np.floor(np.log(value) / LOG_GAMMA).astype(np.int64) + OFFSET
    size = np.abs(value)
    nonzero = size > 0
    logs = np.log(size, where=nonzero, out=np.zeros(len(value)))
    exponent = np.floor(logs / LOG_GAMMA).astype(np.int64)
    return np.where(nonzero, np.sign(value).astype(np.int64) * (exponent + OFFSET), ZERO)


def middles(bins: Ints) -> Floats:
    """The value that each bin's values are told as: its relative middle."""
    exponent = np.abs(bins) - OFFSET
    # Half of a power of GAMMA first: the widest bin ends beyond the greatest double.
    size = np.exp(exponent * LOG_GAMMA) * (2 * GAMMA / (1 + GAMMA))
    return np.where(bins == ZERO, 0.0, np.sign(bins) * np.minimum(size, np.finfo(float).max))


def sizes(bins: Ints) -> Ints:
    """The size of each bin: a wider one, coded alike, that whole bins are in.

    What is in which does not hang on the data, so counts by size add up over any time.
    """
    wider = (np.abs(bins) - OFFSET) * SIZES_A_DOUBLING // _DOUBLING
    return np.where(bins == ZERO, ZERO, np.sign(bins) * (wider + OFFSET))


def bounds(size: int) -> tuple[float, float]:
    """From where to where the values of a size are; that nearer to zero is one of them."""
    if size == ZERO:
        return 0.0, 0.0
    near, far = (_edge(abs(size) - OFFSET + step) for step in (0, 1))
    return (near, far) if size > 0 else (-far, -near)


def _edge(wider: int) -> float:
    exponent = -(-wider * _DOUBLING // SIZES_A_DOUBLING) * LOG_GAMMA
    return math.exp(exponent) if exponent < _MOST_EXPONENT else sys.float_info.max


def empty() -> Bins:
    """No rows."""
    ints = np.empty(0, np.int64)
    return Bins(ints, ints, ints, ints)


def fold(key: Ints, time: Ints, value: Floats, width_ms: int) -> Bins:
    """Bins of raw rows, ordered by key, bucket and bin."""
    ones = np.ones(len(key), np.int64)
    return merge([Bins(key, time // width_ms * width_ms, codes(value), ones)])


def merge(parts: Sequence[Bins]) -> Bins:
    """One row per key, bucket and bin, ordered by them."""
    key, bucket, code, count = (
        np.concatenate([getattr(part, f.name) for part in parts] or [np.empty(0, np.int64)])
        for f in fields(Bins)
    )
    if len(key) == 0:
        return empty()
    order = np.lexsort((code, bucket, key))
    key, bucket, code = key[order], bucket[order], code[order]
    changes = (np.diff(key) != 0) | (np.diff(bucket) != 0) | (np.diff(code) != 0)
    starts = np.concatenate(([0], np.flatnonzero(changes) + 1))
    return Bins(key[starts], bucket[starts], code[starts], np.add.reduceat(count[order], starts))


def quantile(bins: Bins, q: float) -> tuple[Ints, Ints, Floats]:
    """The quantile `q` of each (key, bucket): keys, buckets, values, in that order.

    Interpolates linearly between the two order statistics around `q * (n - 1)`, as NumPy does
    by default; each of them is told as its bin's middle.

    Args:
        bins: Merged: ordered by key, bucket and bin, each once.
        q: From 0 to 1.
    """
    if len(bins) == 0:
        return bins.key, bins.bucket, np.empty(0)
    changes = (np.diff(bins.key) != 0) | (np.diff(bins.bucket) != 0)
    starts = np.concatenate(([0], np.flatnonzero(changes) + 1))
    before = np.cumsum(bins.count) - bins.count
    total = np.add.reduceat(bins.count, starts)
    rank = q * (total - 1)
    low = np.floor(rank).astype(np.int64)
    value = middles(bins.bin)
    ends = np.cumsum(bins.count)
    at_low = np.searchsorted(ends, before[starts] + low, side="right")
    at_high = np.searchsorted(ends, before[starts] + np.minimum(low + 1, total - 1), side="right")
    # The difference of two opposite great values would not be a double.
    share = rank - low
    between = value[at_low] * (1 - share) + value[at_high] * share
    return bins.key[starts], bins.bucket[starts], between
