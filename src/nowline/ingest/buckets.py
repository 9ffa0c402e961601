"""Counts of buckets become observations that say the same: as many in each, with the same sum.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nowline.model.partials import Floats, Ints

_MOST = float(np.finfo(np.float64).max)
# Greater than the number of any bucket of an exponential histogram, which is of 32 bits, so that
# the code of a bucket can carry the sign of its values and code order is value order.
_BIAS = 1 << 33
_MOST_SCALE = 30
MOST_COUNT = 1 << 53
"""How many observations a histogram may have: doubles hold every whole number up to here."""
_TOO_GREAT = "bucket_counts: are too great"


@dataclass(frozen=True, slots=True)
class Buckets:
    """Counts of the buckets that are not empty.

    Attributes:
        bounds: The bounds between buckets, as bytes; of an exponential histogram none.
        scale: Of an exponential histogram: bucket `i` ends at `2 ** ((i + 1) * 2 ** -scale)`.
        zero: Of an exponential histogram: up to which size a value counts as zero.
        code: For each bucket its place among the bounds, or its number with the sign of its
            values (see `_BIAS`), 0 for the zeros; ascending.
        count: For each bucket how many observations are in it.

    Raises:
        ValueError: There are over `MOST_COUNT` observations; says so, led by the field.
    """

    bounds: bytes
    scale: int | None
    zero: float
    code: Ints
    count: Ints

    def __post_init__(self) -> None:
        """Refuse more observations than can be counted."""
        # A sum of doubles does not wrap, so where it is small the exact one has not wrapped either.
        if self.count.sum(dtype=np.float64) > 2 * MOST_COUNT or self.total > MOST_COUNT:
            raise ValueError(_TOO_GREAT)

    @property
    def total(self) -> int:
        """How many observations there are."""
        return int(self.count.sum())

    @property
    def size(self) -> int:
        """How many bytes of memory the bounds and counts take."""
        return len(self.bounds) + self.code.nbytes + self.count.nbytes

    @property
    def edges(self) -> tuple[Floats, Floats]:
        """Where each bucket begins, itself not in it, and where it ends; infinite at the ends."""
        if self.scale is None:
            bounds = np.concatenate(([-np.inf], np.frombuffer(self.bounds), [np.inf]))
            return bounds[self.code], bounds[self.code + 1]
        number = np.abs(self.code) - _BIAS
        with np.errstate(over="ignore"):
            inner = np.minimum(np.exp2(np.ldexp(number.astype(float), -self.scale)), _MOST)
            outer = np.minimum(np.exp2(np.ldexp(number + 1.0, -self.scale)), _MOST)
        lower = np.where(self.code > 0, inner, -outer)
        upper = np.where(self.code > 0, outer, -inner)
        is_zero = self.code == 0
        return np.where(is_zero, -self.zero, lower), np.where(is_zero, self.zero, upper)

    @property
    def none(self) -> Buckets:
        """The same without any observation."""
        return replace(self, code=self.code[:0], count=self.count[:0])

    def since(self, before: Buckets) -> Buckets | None:
        """What was counted after `before`; None where a count fell, or the bounds are others."""
        if self.bounds != before.bounds or (self.scale is None) != (before.scale is None):
            return None
        scales = [scale for scale in (self.scale, before.scale) if scale is not None]
        now, then = (each.at(min(scales)) if scales else each for each in (self, before))
        code, place = np.unique(np.concatenate((now.code, then.code)), return_inverse=True)
        count = np.zeros(len(code), np.int64)
        np.add.at(count, place, np.concatenate((now.count, -then.count)))
        if (count < 0).any():
            return None
        return replace(now, code=code[count > 0], count=count[count > 0])

    def at(self, scale: int) -> Buckets:
        """The same with neighbours joined until the scale is that one."""
        if self.scale is None or self.scale == scale:
            return self
        number = (np.abs(self.code) - _BIAS) >> (self.scale - scale)
        code = np.where(self.code == 0, 0, np.sign(self.code) * (number + _BIAS))
        joined, place = np.unique(code, return_inverse=True)
        count = np.zeros(len(joined), np.int64)
        np.add.at(count, place, self.count)
        return replace(self, scale=scale, code=joined, count=count)

    def of(self, values: Floats) -> Buckets | None:
        """The same buckets with these observations in them; None where one is in none of them."""
        lower, upper = self.edges
        place = np.searchsorted(upper, values)
        if len(values) and (not len(upper) or (place == len(upper)).any()):
            return None
        if (values < lower[place]).any():
            return None
        count = np.bincount(place, minlength=len(upper))
        return replace(self, code=self.code[count > 0], count=count[count > 0])


def explicit(bounds: Sequence[float], counts: Sequence[int]) -> Buckets:
    """Buckets between bounds.

    Raises:
        ValueError: They are none; says why, led by the field.
    """
    edges, count = np.array(bounds, np.float64), _counts(counts)
    if not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise ValueError("explicit_bounds: must be finite numbers that grow")
    if len(count) != len(edges) + 1:
        raise ValueError("bucket_counts: must be one more than there are bounds")
    code = np.flatnonzero(count)
    return Buckets(edges.tobytes(), None, 0.0, code, count[code])


def exponential(
    scale: int,
    zero: tuple[float, int],
    positive: tuple[int, Sequence[int]],
    negative: tuple[int, Sequence[int]],
) -> Buckets:
    """Buckets that grow by a constant factor.

    Args:
        scale: See `Buckets`.
        zero: Up to which size a value counts as zero, and how many did.
        positive: The number of the first bucket of positive values, and the counts from there on.
        negative: The same for negative values.

    Raises:
        ValueError: They are none; says why, led by the field.
    """
    if abs(scale) > _MOST_SCALE:
        raise ValueError(f"scale: must be from -{_MOST_SCALE} to {_MOST_SCALE}")
    if not 0 <= zero[0] <= _MOST:
        raise ValueError("zero_threshold: must be a finite number from 0 on")
    if max(abs(positive[0]), abs(negative[0])) > 1 << 32:
        raise ValueError("offset: must be a number of 32 bits")
    up, down = _counts(positive[1]), _counts(negative[1])
    code = np.concatenate(
        (
            -(np.arange(len(down)) + negative[0] + _BIAS)[::-1],
            [0],
            np.arange(len(up)) + positive[0] + _BIAS,
        )
    )
    count = np.concatenate((down[::-1], _counts([zero[1]]), up))
    there = count > 0
    return Buckets(b"", scale, zero[0], code[there], count[there])


def observations(buckets: Buckets, total: float | None, low: float, high: float) -> Floats:
    """One value for each bucket: with its counts they add up to `total` where that can be.

    All values are equally far into their buckets, in the middle if there is no total. A bucket
    without an end has its other end as its value, or what the total leaves for it.

    Args:
        buckets: At least one.
        total: The sum of all observations, if known.
        low: No observation is less; minus infinity if that is not known.
        high: No observation is greater; infinity if that is not known.
    """
    lower, upper = _within(*buckets.edges, low, high)
    middle = _between(lower, upper, 0.5)
    if total is None:
        return middle
    count = buckets.count
    if total > _sum(middle, count) and min(buckets.edges[1][-1], high) == np.inf:
        return _with_rest(middle, count, total, -1)
    if total < _sum(lower, count) and max(buckets.edges[0][0], low) == -np.inf:
        return _with_rest(lower, count, total, 0)
    least, most = _sum(lower, count), _sum(upper, count)
    span = most - least
    share = (total - least) / span if span > 0 and np.isfinite(span) else 0.5
    return _between(lower, upper, min(max(share, 0.0), 1.0))


def _within(lower: Floats, upper: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """Finite ends of the buckets, as far as observations can be in them."""
    # A beginning is itself not in its bucket, unless it is where the observations begin.
    with np.errstate(over="ignore"):
        inside = np.minimum(np.nextafter(lower, np.inf), _MOST)
    starts = np.where(lower >= low, inside, low)
    starts = np.where(np.isfinite(np.maximum(lower, low)), starts, np.minimum(upper, 0.0))
    ends = np.minimum(upper, high)
    return starts, np.maximum(starts, np.where(np.isfinite(ends), ends, 0.0))


def _between(lower: Floats, upper: Floats, share: float) -> Floats:
    # The difference of two opposite great values would not be a double.
    return np.clip(lower * (1 - share) + upper * share, lower, upper)


def _with_rest(value: Floats, count: Ints, total: float, place: int) -> Floats:
    """The values, of which the one at `place` is what the others leave of the total."""
    others = _sum(value, count) - value[place] * float(count[place])
    rest = (total - others) / float(count[place])
    value[place] = rest if np.isfinite(rest) else value[place]
    return value


def _sum(value: Floats, count: Ints) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float((value * count).sum())


def _counts(counts: Sequence[int]) -> Ints:
    try:
        count = np.array(counts, np.int64)
    except OverflowError as error:
        raise ValueError(_TOO_GREAT) from error
    if (count < 0).any():
        raise ValueError("bucket_counts: must not be less than 0")
    return count
