"""How long what is told takes on its way, counted in exponential bins. Pure: no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import accumulate

_ZERO = -1 << 30
# Bins to a doubling: each is 2 % wide, as those of `model.histogram` are.
_A_DOUBLE = 35
_DOUBLES = 17
BOUNDS_MS = tuple(1 << double for double in range(_DOUBLES))
"""Milliseconds up to which `Delays.up_to` counts: from 1 ms, doubled each time, to 65 s."""


@dataclass(slots=True)
class Delays:
    """Counts delays since the start.

    Bin `n` has the delays above `2^(n/35)` and up to `2^((n+1)/35)` milliseconds, so that any of
    them is known within 1 % and each bound of `BOUNDS_MS` ends a bin. These are the buckets of
    OpenTelemetry's exponential histogram, with another base.

    Attributes:
        bins: By bin, how many.
        count: How many altogether.
        sum_ms: Milliseconds altogether.
    """

    bins: dict[int, int] = field(default_factory=dict)
    count: int = 0
    sum_ms: int = 0

    def observe(self, ms: int, times: int = 1) -> None:
        """Count a delay so many times; a negative one, after a clock was set back, is 0 ms."""
        code = math.ceil(math.log2(ms) * _A_DOUBLE) - 1 if ms > 0 else _ZERO
        self.bins[code] = self.bins.get(code, 0) + times
        self.count += times
        self.sum_ms += max(0, ms) * times

    def up_to(self) -> list[int]:
        """How many took at most as long as each of the bounds."""
        counts = [0] * _DOUBLES
        for code, count in self.bins.items():
            double = max(0, -(-(code + 1) // _A_DOUBLE))
            if double < _DOUBLES:
                counts[double] += count
        return list(accumulate(counts))

    def copy(self) -> Delays:
        """The counts as of now."""
        return Delays(dict(self.bins), self.count, self.sum_ms)

    def since(self, before: Delays) -> Delays:
        """What was counted after an earlier copy."""
        newer = {code: n - before.bins.get(code, 0) for code, n in self.bins.items()}
        bins = {code: count for code, count in sorted(newer.items()) if count}
        return Delays(bins, self.count - before.count, self.sum_ms - before.sum_ms)

    def spread(self, most: int, start: float) -> list[float]:
        """At most so many of the delays, evenly by rank, so that percentiles stay what they are.

        Args:
            most: How many; where there are fewer, each of them.
            start: From 0 to below 1: where between two of them the first one lies.
        """
        taken = min(most, self.count)
        ranks = [
            min(int((place + start) * self.count / taken), self.count - 1) for place in range(taken)
        ]
        found, passed, at = [], 0, 0
        for code in sorted(self.bins):
            passed += self.bins[code]
            while at < taken and ranks[at] < passed:
                found.append(_middle(code))
                at += 1
        return found


def _middle(code: int) -> float:
    """What the delays of a bin are told as: its relative middle."""
    if code == _ZERO:
        return 0.0
    low, high = 2 ** (code / _A_DOUBLE), 2 ** ((code + 1) / _A_DOUBLE)
    return 2 * low * high / (low + high)
