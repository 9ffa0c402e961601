"""The increase rows that belong to the sample rows of cumulative metrics.

Each consumer of the log has an `Increases` of its own, and both come to the same totals: the
increase of a sample depends only on which samples there are (see `revision`). What one of them
knows is made from the store at start, and is at no time more than a memory of what the store has
or is about to get; so a crash at any point loses nothing, and reading the log again from the
stored offset counts every increase once.
"""

from __future__ import annotations

import numpy as np

from nowline.clock import Clock
from nowline.model.partials import Ints
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.rollup.revision import Mask, collapse, concatenate, empty, firsts, where
from nowline.rollup.totals import Totals
from nowline.store.base import Rows, Store
from nowline.store.catalogue import Catalogue

_FIRST_SEARCH_MS = 10 * MINUTE_MS
_LONGEST_SEARCH_MS = 6 * HOUR_MS


class Increases:
    """Makes the rows of companions.

    Args:
        store: Has the samples from before the start, and those too old for memory.
        catalogue: Knows which series have companions.
        clock: Tells which samples the store keeps no longer.
        keep_ms: How long the store keeps samples. Ones older than that have no neighbours.
        totals: What is known of the samples so far; all of them, by default.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        clock: Clock,
        keep_ms: int,
        totals: Totals | None = None,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clock = clock
        self._keep_ms = keep_ms
        self._totals = totals or Totals()

    def restore(self, rows: Rows, start: int) -> None:
        """Start from the store's rows of `start` and later, before anything else is known."""
        samples = where(rows, self._is_sample(rows.series))
        self._totals.restore(samples, start, len(self._catalogue.keys))

    def start_again(self, rows: Rows, start: int) -> None:
        """As `restore`, but forget first what the store was not given after all."""
        self._totals = Totals()
        self.restore(rows, start)

    async def of(self, rows: Rows) -> Rows:
        """The rows of companions that these rows make; nothing is remembered if it fails."""
        is_sample = self._is_sample(rows.series)
        if not is_sample.any():
            return empty()
        samples = where(rows, is_sample)
        over = self._catalogue.overflows(samples.series)
        made = await self._fold(collapse(where(samples, ~over)))
        return self._of_companions(concatenate(made, _nothing_added(where(samples, over))))

    def of_unknown(self, rows: Rows) -> Rows:
        """The same as far as memory tells, for when the store cannot be read."""
        samples = where(rows, self._is_sample(rows.series))
        over = self._catalogue.overflows(samples.series)
        known = collapse(where(samples, ~over))
        self._totals.baseless(known)
        made = self._totals.fold(known, empty(), empty(), self._oldest())
        return self._of_companions(concatenate(made, _nothing_added(where(samples, over))))

    async def _fold(self, samples: Rows) -> Rows:
        series = self._totals.baseless(samples)
        if len(series):
            self._totals.learn(series, await self._last_before(series, self._totals.start))
        oldest = self._oldest()
        deep = where(samples, self._totals.deep(samples) & (samples.time >= oldest))
        known = told = empty()
        if len(deep.time):
            known = await self._around(deep)
            told = await self._told(_heads(known, deep))
        return self._totals.fold(samples, known, told, oldest)

    async def _around(self, deep: Rows) -> Rows:
        """Samples that the store has around these, in a few reads for each day they fall on."""
        found = [empty()]
        for day in np.unique(deep.time // DAY_MS).tolist():
            found += await self._around_in(where(deep, deep.time // DAY_MS == day))
        return collapse(concatenate(*found))

    async def _around_in(self, deep: Rows) -> list[Rows]:
        series = np.unique(deep.series)
        first, end = int(deep.time.min()), int(deep.time.max()) + 1
        return [
            await self._last_before(series, first),
            await self._store.rows_of(series, first, end),
            *await self._after(series, end),
        ]

    async def _after(self, series: Ints, start: int) -> list[Rows]:
        """The next sample of each series from `start` on, and maybe more, up to its base."""
        found, span = [], _FIRST_SEARCH_MS
        while len(series := series[self._totals.bases(series) >= start]):
            rows = await self._store.rows_of(series, start, start + span)
            found.append(rows)
            series = np.setdiff1d(series, rows.series)
            start, span = start + span, min(2 * span, _LONGEST_SEARCH_MS)
        return found

    async def _last_before(self, series: Ints, time: int) -> Rows:
        """The newest samples of these series before `time`: all of them that are at one time."""
        return await self._at(await self._store.last_before(series, time))

    async def _told(self, heads: Rows) -> Rows:
        """The increases that the store has of these samples."""
        told = await self._at(self._of_companions(heads))
        samples = heads.series[np.argsort(self._catalogue.companion(heads.series))]
        companions = self._catalogue.companion(samples)
        return Rows(samples[np.searchsorted(companions, told.series)], told.time, told.value)

    async def _at(self, rows: Rows) -> Rows:
        """All rows that the store has at these times, one for each series."""
        found = [empty()]
        hours = rows.time // HOUR_MS
        for hour in np.unique(hours).tolist():
            wanted = collapse(where(rows, hours == hour))
            first, last = int(wanted.time.min()), int(wanted.time.max())
            read = await self._store.rows_of(wanted.series, first, last + 1)
            at = np.searchsorted(wanted.series, read.series)
            found.append(where(read, wanted.time[at] == read.time))
        return concatenate(*found)

    def _oldest(self) -> int:
        return self._clock.now_ms() - self._keep_ms

    def _is_sample(self, series: Ints) -> Mask:
        return self._catalogue.companion(series) >= 0

    def _of_companions(self, rows: Rows) -> Rows:
        return Rows(self._catalogue.companion(rows.series), rows.time, rows.value)


def _heads(known: Rows, deep: Rows) -> Rows:
    """The first known samples of the series that have a deep one before them."""
    heads = where(known, firsts(known))
    earliest = where(deep, firsts(deep))
    at = np.searchsorted(earliest.series, heads.series)
    return where(heads, earliest.time[at] < heads.time)


def _nothing_added(samples: Rows) -> Rows:
    """A sample of many sources that take turns tells nothing of what any of them added."""
    return Rows(samples.series, samples.time, np.zeros(len(samples.time)))
