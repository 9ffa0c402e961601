"""Running totals become increases, in whatever order their samples come in. Pure.

Most samples are newer than all of their series: their increase is known from the newest sample
alone. A late one changes the increase of the sample after it too, so samples of the last minutes
are kept. For samples older than that somebody else has to say what was around them.
"""

from __future__ import annotations

import numpy as np

from nowline.model.partials import Floats, Ints
from nowline.model.query import MINUTE_MS
from nowline.rollup.recent import Recent
from nowline.rollup.revision import (
    Mask,
    chain,
    collapse,
    concatenate,
    firsts,
    increase,
    newest,
    revise,
    where,
)
from nowline.store.base import Rows

_REACH_MS = 10 * MINUTE_MS
# About 8 MB; beyond it memory reaches back less far.
_MOST_SAMPLES = 500_000
_NONE = -(1 << 62)


class Totals:
    """What is known of the samples that were folded in, and of those before them.

    Of each series that is all samples from a moment on, and the newest one before it, its *base*,
    unless nobody has looked for that yet.

    Args:
        reach_ms: How far samples are kept, back from the newest one.
        most_samples: How many are kept; half of them go when there are more.
    """

    def __init__(self, reach_ms: int = _REACH_MS, most_samples: int = _MOST_SAMPLES) -> None:
        self._reach_ms = reach_ms
        self._most_samples = most_samples
        self._recent = Recent()
        self._unknown_below = 0
        self._newest = _PerSeries()
        self._base = _PerSeries()
        self._is_based = np.zeros(0, bool)

    def __len__(self) -> int:
        """How many samples are kept, beside the newest and the base of each series."""
        return len(self._recent)

    @property
    def start(self) -> int:
        """From which time on it has every sample."""
        return self._recent.start

    def restore(self, rows: Rows, start: int, series: int) -> None:
        """Start from samples that were told before.

        Args:
            rows: All samples from `start` on.
            start: The time from which on they are all.
            series: Series with lower ids may have older ones; others have none.
        """
        rows = collapse(rows)
        self._recent.drop_before(start)
        self._unknown_below = series
        self._is_based = np.zeros(series, bool)
        self._place(rows)

    def baseless(self, samples: Rows) -> Ints:
        """The series whose base is to be looked up before these samples are folded in."""
        heads = where(samples, firsts(samples))
        self._reserve(heads.series)
        late = heads.time <= self._newest.time[heads.series]
        unseen = self._newest.time[heads.series] == _NONE
        wanted: Ints = heads.series[(late | unseen) & ~self._is_based[heads.series]]
        return wanted

    def learn(self, series: Ints, bases: Rows) -> None:
        """Take in the newest samples before `start` of these series; some may have none."""
        self._is_based[series] = True
        bases = newest(collapse(bases))
        self._base.advance(bases)
        self._newest.advance(bases)

    def deep(self, samples: Rows) -> Mask:
        """Which samples are as old as their base or older: what is around them is not known."""
        return samples.time <= self._base.time[samples.series]

    def bases(self, series: Ints) -> Ints:
        """The times of the bases of these series."""
        return self._base.time[series]

    def fold(self, samples: Rows, known: Rows, told: Rows, oldest: int) -> Rows:
        """The increases that the samples make, to be added to all told before.

        Args:
            samples: Collapsed, of series that `baseless` does not name.
            known: Samples around the `deep` ones.
            told: The increases of the first of `known` of each series, if not 0.
            oldest: Late samples before this have no neighbours: their increases are those among
                themselves.
        """
        if not len(samples.time):
            return samples
        late = self._late(samples)
        lost = late & (samples.time < oldest)
        added = [self._follow(where(samples, ~late))]
        if late.any():
            added += [chain(where(samples, lost))]
            added += [self._revise(where(samples, late & ~lost), known, told)]
        self._place(where(samples, ~lost))
        return concatenate(*added)

    def _late(self, samples: Rows) -> Mask:
        """The rows of series whose first row here is not newer than all known."""
        begins = firsts(samples)
        late = samples.time[begins] <= self._newest.time[samples.series[begins]]
        each: Mask = late[np.cumsum(begins) - 1]
        return each

    def _follow(self, samples: Rows) -> Rows:
        begins = firsts(samples)
        before = np.concatenate((samples.value[:1], samples.value[:-1]))
        heads = samples.series[begins]
        is_first = self._newest.time[heads] == _NONE
        before[begins] = np.where(is_first, samples.value[begins], self._newest.value[heads])
        return Rows(samples.series, samples.time, increase(before, samples.value))

    def _revise(self, samples: Rows, known: Rows, told: Rows) -> Rows:
        begins = firsts(samples)
        series, first = samples.series[begins], samples.time[begins]
        last = newest(samples).time
        around = self._recent.around(series, first, last)
        return revise(concatenate(known, around, self._base.rows(series)), samples, told)

    def _place(self, samples: Rows) -> None:
        """Remember the samples: recent ones each, of older ones the newest of each series."""
        self._reserve(samples.series)
        self._newest.advance(newest(samples))
        start = int(samples.time.max(initial=_NONE)) - self._reach_ms
        # Now and then: letting go costs as much for one sample as for all.
        if start - self.start > self._reach_ms // 8:
            self._drop_before(start)
        is_recent = samples.time >= self.start
        self._recent.add(where(samples, is_recent))
        self._rebase(where(samples, ~is_recent))
        if len(self._recent) > self._most_samples:
            self._drop_before(self._recent.median_time() + 1)

    def _drop_before(self, start: int) -> None:
        for part in self._recent.drop_before(start):
            self._rebase(part)

    def _rebase(self, samples: Rows) -> None:
        bases = newest(samples)
        self._is_based[bases.series] = True
        self._base.advance(bases)

    def _reserve(self, series: Ints) -> None:
        count = int(series.max(initial=-1)) + 1
        self._newest.reserve(count)
        self._base.reserve(count)
        have = len(self._is_based)
        if count > have:
            more = np.arange(have, have + max(count - have, have)) >= self._unknown_below
            self._is_based = np.concatenate((self._is_based, more))


class _PerSeries:
    """One sample of each series, by series id; the time is `_NONE` where there is none."""

    def __init__(self) -> None:
        self.time: Ints = np.empty(0, np.int64)
        self.value: Floats = np.empty(0)

    def reserve(self, count: int) -> None:
        have = len(self.time)
        if count > have:
            more = max(count - have, have)
            self.time = np.concatenate((self.time, np.full(more, _NONE)))
            self.value = np.concatenate((self.value, np.zeros(more)))

    def advance(self, rows: Rows) -> None:
        """Put newer samples in the place of older ones, one row a series."""
        known = self.time[rows.series]
        newer = rows.time > known
        same = rows.time == known
        self.time[rows.series[newer]] = rows.time[newer]
        self.value[rows.series[newer]] = rows.value[newer]
        at = rows.series[same]
        self.value[at] = np.maximum(self.value[at], rows.value[same])

    def rows(self, series: Ints) -> Rows:
        """The samples of these series that have one."""
        there = series[self.time[series] != _NONE]
        return Rows(there, self.time[there], self.value[there])
