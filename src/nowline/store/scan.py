"""Reading the embedded store: rows of files and of memory, merged by group and bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nowline.model.grouping import Shape, grouped, tabled
from nowline.model.histogram import Bins
from nowline.model.level import BINNED, Level
from nowline.model.partials import Ints, Need, Partials, empty, some
from nowline.store import rolling
from nowline.store.base import Rows, Span
from nowline.store.blockfile import Columns, Reader
from nowline.store.catalogue import Selection
from nowline.store.hot import Run
from nowline.store.levels import Part, cover
from nowline.store.segments import Kind
from nowline.store.tally import Tally

Open: TypeAlias = Callable[[Kind, int, int], list[Reader]]
"""The files of a kind that may have rows of `[start, end)`, in the order they were written."""

# What is read is merged when it is so many rows, so that memory does not grow with the range.
_ROWS_AT_A_TIME = 1 << 19
# About 12 MB of partials.
_MOST_PLACES = 1 << 18
_NONE = -1
_ALL: tuple[int, int] = (0, 1 << 62)


class AbandonedError(Exception):
    """Nobody waits for the answer any more, or not for so much of it."""


class Chosen:
    """Which series are wanted, and the groups of each.

    Attributes:
        is_one: Whether it is one series in one group.

    Args:
        series: Series ids, ascending; one that is in several groups is there for each.
        group: For each of them, its group.
    """

    def __init__(self, series: Ints, group: Ints) -> None:
        self._first, self._last = int(series[0]), int(series[-1])
        self.is_one = len(series) == 1
        self._group = group
        several = [] if self.is_one else _occurrences(series)
        self._layers = [self._layer(series[at], group[at]) for at in several]

    @classmethod
    def all_of(cls, series: Ints) -> Chosen:
        """These series, in one group."""
        series = np.unique(series)
        return cls(series, np.zeros(len(series), np.int64))

    @property
    def reach(self) -> tuple[int, int]:
        """The first and the last series."""
        return self._first, self._last

    def groups_in(self, series: Ints, rows: Ints) -> Iterator[tuple[slice | Ints, Ints]]:
        """Which rows are wanted, and their groups; those of several groups are told as often.

        Args:
            series: The series that there are rows of, ascending.
            rows: How many rows each has, one after the other.
        """
        if self.is_one:
            _, _, all_rows = self._near(series, rows)
            yield all_rows, self.alone(all_rows.stop - all_rows.start)
            return
        at, to, all_rows = self._near(series, rows)
        within, places = rows[at:to], series[at:to] - self._first
        for layer in self._layers:
            groups = np.repeat(layer[places], within)
            wanted = groups != _NONE
            if wanted.all():
                yield all_rows, groups
            else:
                yield np.flatnonzero(wanted) + all_rows.start, groups[wanted]

    def alone(self, rows: int) -> Ints:
        """The group of so many rows, of one series in one group."""
        return self._group.repeat(rows)

    def _near(self, series: Ints, rows: Ints) -> tuple[int, int, slice]:
        """From where to where in `series` those of the reach are, and all rows of these."""
        at, to = series.searchsorted((self._first, self._last + 1)).tolist()
        before = int(rows[:at].sum())
        return at, to, slice(before, before + int(rows[at:to].sum()))

    def _layer(self, series: Ints, group: Ints) -> Ints:
        groups = np.full(self._last - self._first + 1, _NONE, np.int64)
        groups[series - self._first] = group
        return groups


def _occurrences(series: Ints) -> Iterator[Ints]:
    """Where each series is for the first time, for the second, and so on."""
    starts = np.flatnonzero(np.concatenate(([True], series[1:] != series[:-1])))
    lengths = np.diff(np.append(starts, len(series)))
    for number in range(int(lengths.max())):
        yield starts[lengths > number] + number


@dataclass(frozen=True, slots=True)
class Source:
    """What there is to be read, as of one moment.

    Attributes:
        runs: The rows in memory.
        files: Opens files.
        is_abandoned: Whether a block is not to be read any more, and so nothing else either.
        offset: The log's offset up to which every row is in them.
    """

    runs: Sequence[Run]
    files: Open
    is_abandoned: Callable[[Reader, int], bool]
    offset: int = 0

    def columns(
        self, kind: Kind, chosen: Chosen, names: Sequence[str], start: int, end: int
    ) -> Iterator[tuple[Ints, Columns]]:
        """Groups and columns of the wanted rows of files in `[start, end)`, block by block."""
        read = _of_one if chosen.is_one else _of_many
        for reader in self.files(kind, start, end):
            for block in reader.blocks(chosen.reach, start, end):
                if self.is_abandoned(reader, block):
                    raise AbandonedError
                yield from read(reader, block, chosen, names, (start, end))

    def rows(self, chosen: Chosen | None, start: int, end: int) -> Rows:
        """Raw rows in `[start, end)`, oldest first; of all series where none are chosen."""
        found = list(self._raw(chosen, start, end))
        rows = [np.concatenate([part[n] for part in found] or [_EMPTY]) for n in _RAW]
        order = np.argsort(rows[1], kind="stable")
        series, time, value = (column[order] for column in rows)
        return Rows(series, time, value.astype(np.float64, copy=False))

    def _raw(self, chosen: Chosen | None, start: int, end: int) -> Iterator[Columns]:
        reach = chosen.reach if chosen else _ALL
        for reader in self.files(Kind(Level.RAW), start, end):
            for block in reader.blocks(reach, start, end):
                if self.is_abandoned(reader, block):
                    raise AbandonedError
                yield _some(reader.block(block), chosen, start, end)
        for run in self.runs:
            if run.is_kept_raw:
                yield _some(run.rows, chosen, start, end)


class Scan:
    """One question to the store.

    Args:
        source: What there is.
        selection: The series and their groups; not empty.
        span: The range and the bucket width.
    """

    def __init__(self, source: Source, selection: Selection, span: Span) -> None:
        self._source = source
        self._span = span
        self._chosen = Chosen(selection.series, selection.group)
        first, last = span.start // span.width_ms, -(-span.end // span.width_ms)
        groups = int(selection.group.max()) + 1
        self._shape = Shape(0, groups, first, max(0, last - first), span.width_ms)

    def partials(self, *, need: Need = Need.ALL) -> Partials:
        """Partials by group and bucket, ordered; see `Store.partials`."""
        parts = cover(self._span, list(Level))
        if self._is_as_stored(parts):
            return self._as_stored(parts[0], need)
        return self._put_together(self._partials(parts, need), need=need)

    def bins(self, *, distribution: bool) -> Bins:
        """Histogram bins by group and bucket, ordered."""
        levels = list(Level) if distribution else [Level.RAW, *BINNED]
        tally = Tally(self._shape)
        for part, groups, columns in self._bins(cover(self._span, levels)):
            add = tally.add_rows if part.level is Level.RAW else tally.add_bins
            add(groups, columns)
        return tally.bins()

    def _is_as_stored(self, parts: Sequence[Part]) -> bool:
        """Whether all is in files, and the rows of one series are partials of these buckets."""
        width, runs = self._span.width_ms, self._source.runs
        if not self._chosen.is_one or runs or self._shape.places > _MOST_PLACES:
            return False
        return width > 1 and [part.level.width_ms for part in parts] == [width]

    def _as_stored(self, part: Part, need: Need) -> Partials:
        """Partials that have to be merged only where several files have rows of a bucket."""
        names = _PARTIAL[need]
        reading = self._source.columns(Kind(part.level), self._chosen, names, part.start, part.end)
        found = [columns for _, columns in reading]
        if not found:
            return empty()
        columns = {name: np.concatenate([each[name] for each in found]) for name in names}
        time = columns["time"]
        rows = _as_partials(self._chosen.alone(len(time)), columns, need)
        return rows if (time[1:] > time[:-1]).all() else tabled([rows], self._shape, need=need)

    def _put_together(self, pieces: Iterator[Partials], *, need: Need) -> Partials:
        if self._shape.places > _MOST_PLACES:
            return self._grouped(pieces)
        return tabled(pieces, self._shape, need=need)

    def _grouped(self, every: Iterator[Partials]) -> Partials:
        """The same where most places are empty, or have few rows."""
        pieces: list[Partials] = []
        rows = 0
        for piece in every:
            pieces.append(piece)
            rows += len(piece)
            if rows > _ROWS_AT_A_TIME:
                pieces = [grouped(pieces, self._span.width_ms)]
                rows = len(pieces[0])
        return grouped(pieces, self._span.width_ms)

    def _partials(self, parts: Sequence[Part], need: Need) -> Iterator[Partials]:
        for part in parts:
            is_raw = part.level is Level.RAW
            wanted = ("time", "value") if is_raw else _PARTIAL[need]
            for _, groups, columns in self._of_files(part, Kind(part.level), wanted):
                yield _as_partials(groups, columns, need)
            for run in self._source.runs:
                if run.oldest < part.end and (run.is_kept_raw or not is_raw):
                    rows = run.rows if is_raw else run.minutes
                    for _, groups, columns in self._of_run(part, rows):
                        yield _as_partials(groups, columns, need)

    def _bins(self, parts: Sequence[Part]) -> Iterator[_Piece]:
        for part in parts:
            is_raw = part.level is Level.RAW
            names = ("time", "value") if is_raw else ("time", "bin", "count")
            yield from self._of_files(part, Kind(part.level, binned=not is_raw), names)
            for run in self._source.runs:
                if run.oldest < part.end and (run.is_kept_raw or not is_raw):
                    yield from self._of_run(part, _bins_of(run, part.level))

    def _of_files(self, part: Part, kind: Kind, names: Sequence[str]) -> Iterator[_Piece]:
        reading = self._source.columns(kind, self._chosen, names, part.start, part.end)
        return ((part, groups, columns) for groups, columns in reading)

    def _of_run(self, part: Part, columns: Columns) -> Iterator[_Piece]:
        for rows, groups in self._chosen.groups_in(*_runs(columns["series"])):
            found = {name: values[rows] for name, values in columns.items()}
            yield (part, *_inside(groups, found, part.start, part.end))


_Piece: TypeAlias = tuple[Part, Ints, Columns]
"""Groups and columns of rows of one part of a range."""
_EMPTY = np.empty(0, np.int64)
_RAW = ("series", "time", "value")
_PARTIAL = {
    need: ("time", "count", *(each.replace("last_at", "after") for each in need.value))
    for need in Need
}


def _of_one(
    reader: Reader, block: int, chosen: Chosen, names: Sequence[str], within: tuple[int, int]
) -> Iterator[tuple[Ints, Columns]]:
    """The same rows as `_of_many` tells: those of one series are in one piece, in order of time."""
    rows = reader.rows_in(block, chosen.reach[0])
    if rows.start == rows.stop:
        return
    time = reader.column(block, "time", rows)
    if not reader.is_within(block, *within):
        at, to = time.searchsorted(within).tolist()
        rows, time = slice(rows.start + at, rows.start + to), time[at:to]
    columns = {"time": time}
    for name in names:
        if name != "time":
            columns[name] = reader.column(block, name, rows)
    yield chosen.alone(len(time)), columns


def _of_many(
    reader: Reader, block: int, chosen: Chosen, names: Sequence[str], within: tuple[int, int]
) -> Iterator[tuple[Ints, Columns]]:
    """Groups and columns of the wanted rows of one block."""
    wanted = chosen.groups_in(*reader.series(block))
    found = [each for each in wanted if len(each[1])]
    if not found:
        return
    columns = {name: reader.column(block, name) for name in names}
    is_within = reader.is_within(block, *within)
    for rows, groups in found:
        some = {name: values[rows] for name, values in columns.items()}
        yield (groups, some) if is_within else _inside(groups, some, *within)


def newest(rows: Rows) -> Rows:
    """The newest row of each series, of rows in order of time."""
    series, first = np.unique(rows.series[::-1], return_index=True)
    at = len(rows.series) - 1 - first
    return Rows(series, rows.time[at], rows.value[at])


def _bins_of(run: Run, level: Level) -> Columns:
    """The finest rows of a run that a level's bins are made of, and cheap to come by."""
    if level is Level.RAW:
        return run.rows
    return run.bins if level in BINNED else run.minute_bins


def _runs(series: Ints) -> tuple[Ints, Ints]:
    """Each of these series once, and how often it comes."""
    changes = np.concatenate((np.ones(min(1, len(series)), bool), series[1:] != series[:-1]))
    starts = np.flatnonzero(changes)
    return series[starts], np.diff(np.append(starts, len(series)))


def _as_partials(groups: Ints, columns: Columns, need: Need) -> Partials:
    """Rows as partials of one row each, or of the finer buckets that they are of."""
    time = columns["time"]
    if "value" in columns:
        value = columns["value"]
        ones = np.ones(len(value), np.int64)
        return Partials(groups, time, ones, value, value, value, value, time)
    if need is not Need.ALL:
        return some(groups, time, columns["count"], columns[need.value[0]], need)
    total, low, high, last = (columns[name] for name in ("total", "low", "high", "last"))
    count, last_at = columns["count"], time + columns["after"]
    return Partials(groups, time, count, total, low, high, last, last_at)


def _some(columns: Columns, chosen: Chosen | None, start: int, end: int) -> Columns:
    """Rows of the wanted series in `[start, end)`."""
    if chosen is not None:
        ((rows, _),) = chosen.groups_in(*_runs(columns["series"]))
        columns = {name: values[rows] for name, values in columns.items()}
    time = columns["time"]
    return rolling.where(columns, (time >= start) & (time < end))


def _inside(
    groups: Ints, columns: Columns, start: int, end: int
) -> tuple[Ints, dict[str, NDArray[Any]]]:
    """Rows in `[start, end)`."""
    time = columns["time"]
    inside = (time >= start) & (time < end)
    if inside.all():
        return groups, dict(columns)
    return groups[inside], {name: values[inside] for name, values in columns.items()}
