"""The newest samples of every series in memory, found by series and time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nowline.model.partials import Floats, Ints
from nowline.rollup.revision import concatenate, empty
from nowline.store.base import Rows

# Below this many bits of a code is the time, above them the series.
_TIME_BITS = 32
_LATEST = (1 << _TIME_BITS) - 1
_MOST_RUNS = 32


@dataclass(frozen=True, slots=True)
class _Run:
    """Samples ordered by code, each there once: series, then milliseconds since the start."""

    code: Ints
    value: Floats


class Recent:
    """Samples with times of `start` or later; whoever adds them says what is too old.

    Kept as sorted runs, which are merged when there are many or somebody searches them: rows that
    come in order are never looked at again before they are dropped.
    """

    def __init__(self) -> None:
        self.start = -(1 << 62)
        self._runs: list[_Run] = []

    def __len__(self) -> int:
        return sum(len(run.code) for run in self._runs)

    def add(self, rows: Rows) -> None:
        """Take in samples of `start` or later, less than 49 days after it, collapsed."""
        if not len(rows.time):
            return
        self._runs.append(_Run(_code(rows.series, rows.time - self.start), rows.value))
        if len(self._runs) > _MOST_RUNS:
            self._tidy()

    def around(self, series: Ints, first: Ints, last: Ints) -> Rows:
        """The samples of these series from `first` to `last`, and the neighbours of those.

        Args:
            series: Distinct ids.
            first: For each of them, the time from which on samples are wanted.
            last: For each of them, the time up to which they are.
        """
        self._tidy()
        low = _code(series, np.clip(first - self.start, 0, _LATEST))
        high = _code(series, np.clip(last - self.start, 0, _LATEST))
        return concatenate(empty(), *(self._slice(run, series, low, high) for run in self._runs))

    def drop_before(self, start: int) -> list[Rows]:
        """Let samples older than `start` go, and return them in collapsed parts."""
        if start <= self.start:
            return []
        dropped = [self._split(at, start) for at in range(len(self._runs))]
        self._runs = [run for run in self._runs if len(run.code)]
        self.start = start
        return dropped

    def median_time(self) -> int:
        """The time before which half of the samples are; there must be some."""
        times = np.concatenate([run.code & _LATEST for run in self._runs])
        return self.start + int(np.partition(times, len(times) // 2)[len(times) // 2])

    def _split(self, at: int, start: int) -> Rows:
        """Keep of one run what is not older, as of the new start; return the rest."""
        run, moved = self._runs[at], start - self.start
        old = (run.code & _LATEST) < moved
        self._runs[at] = _Run(run.code[~old] - moved, run.value[~old])
        return self._rows(run.code[old], run.value[old])

    def _slice(self, run: _Run, series: Ints, low: Ints, high: Ints) -> Rows:
        begin = np.maximum(np.searchsorted(run.code, low) - 1, 0)
        end = np.minimum(np.searchsorted(run.code, high, side="right") + 1, len(run.code))
        counts = end - begin
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        at = np.repeat(begin, counts) + within
        at = at[run.code[at] >> _TIME_BITS == np.repeat(series, counts)]
        return self._rows(run.code[at], run.value[at])

    def _rows(self, code: Ints, value: Floats) -> Rows:
        return Rows(code >> _TIME_BITS, (code & _LATEST) + self.start, value)

    def _tidy(self) -> None:
        """Merge the newest runs until each run is more than twice the ones after it together."""
        sizes = np.array([len(run.code) for run in self._runs])
        after = np.cumsum(sizes[::-1])[::-1] - sizes
        uneven = np.flatnonzero(sizes[:-1] <= 2 * after[:-1])
        if len(uneven):
            first = int(uneven[0])
            self._runs[first:] = [_merged(self._runs[first:])]


def _merged(runs: list[_Run]) -> _Run:
    code = np.concatenate([run.code for run in runs])
    order = np.argsort(code, kind="stable")
    code, value = code[order], np.concatenate([run.value for run in runs])[order]
    starts = np.flatnonzero(np.diff(code, prepend=-1))
    return _Run(code[starts], np.maximum.reduceat(value, starts))


def _code(series: Ints, time: Ints) -> Ints:
    return (series << _TIME_BITS) + time
