"""Rows that are sent again count once: a row is known by its series and its time.

Senders repeat a request whose answer they did not get. Most rows are newer than all of their
series; only for the others does it matter what was taken in before. What is not in the store yet
is remembered here, the rest is looked up there, so it holds across restarts too.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nowline.bus.base import Log
from nowline.errors import Code, NowlineError
from nowline.ingest.columns import Columns
from nowline.ingest.service import Ingest, Outcome
from nowline.model.partials import Floats, Ints
from nowline.model.query import DAY_MS
from nowline.model.series import MetricType
from nowline.store.base import Rows, Store
from nowline.store.catalogue import Catalogue

Mask = NDArray[np.bool_]
_UNKNOWN = 1 << 62
_TIME_BITS = 42
_MOST_TIME = (1 << _TIME_BITS) - 1
_MOST_SERIES = 1 << 20
# Of their keys: a million of 128 bytes, which is what they have; of the longest it is 3,500.
_MOST_KEY_BYTES = 128 << 20
# 32 MB; there are more only while the store takes nothing.
_MOST_REMEMBERED = 4_000_000

log = logging.getLogger(__name__)


class Past(Protocol):
    """What was taken in so long ago that the store has it."""

    @property
    def head(self) -> int:
        """The newest offset of the log."""
        ...

    @property
    def stored(self) -> int:
        """The log's offset up to which the store has every row."""
        ...

    async def newest(self, keys: Sequence[bytes], start: int) -> Ints:
        """The time of the newest row of each of these series, `start - 1` if that is older."""
        ...

    async def has(self, keys: Sequence[bytes], series: Ints, time: Ints) -> Mask:
        """Which of these rows are stored; `series` are places among the keys."""
        ...


class StoredPast:
    """What the store and the log say.

    Args:
        store: Has the rows.
        catalogue: Knows their series.
        bus: The log.
        stored: Tells the log's offset up to which the store has every row.
    """

    def __init__(
        self, store: Store, catalogue: Catalogue, bus: Log, stored: Callable[[], int]
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._bus = bus
        self._stored = stored

    @property
    def head(self) -> int:
        """The newest offset of the log."""
        return self._bus.head

    @property
    def stored(self) -> int:
        """The log's offset up to which the store has every row."""
        return self._stored()

    async def newest(self, keys: Sequence[bytes], start: int) -> Ints:
        """The time of the newest row of each of these series, `start - 1` if that is older."""
        ids = self._catalogue.find(keys)
        newest = np.full(int(ids.max(initial=-1)) + 2, start - 1)
        rows = await self._store.rows_of(np.unique(ids[ids >= 0]), start, _MOST_TIME)
        np.maximum.at(newest, rows.series, rows.time)
        # The last one is that of a series that is not known: its id is -1.
        return newest[ids]

    async def has(self, keys: Sequence[bytes], series: Ints, time: Ints) -> Mask:
        """Which of these rows are stored; `series` are places among the keys."""
        ids = self._catalogue.find(keys)[series]
        there = np.zeros(len(series), bool)
        for day in np.unique(time[ids >= 0] // DAY_MS).tolist():
            of_day = np.flatnonzero((time // DAY_MS == day) & (ids >= 0))
            first, last = int(time[of_day].min()), int(time[of_day].max())
            rows = await self._store.rows_of(np.unique(ids[of_day]), first, last + 1)
            there[of_day] = _among(ids[of_day], time[of_day], rows)
        return there

    async def values(self, key: bytes, start: int, end: int) -> Floats:
        """The values of a series from `start` to before `end`, epoch milliseconds."""
        ids = self._catalogue.find([key])
        return (await self._store.rows_of(ids[ids >= 0], start, end)).value


class Once:
    """Takes columns in, each row once.

    Args:
        ingest: Where rows go that are new.
        past: What was taken in before.
    """

    def __init__(self, ingest: Ingest, past: Past) -> None:
        self._ingest = ingest
        self._past = past
        self._numbers: dict[bytes, int] = {}
        self._keys: list[bytes] = []
        self._key_bytes = 0
        self._newest = np.empty(0, np.int64)
        self._accepted: deque[tuple[int, Ints]] = deque()
        self._under_way: dict[asyncio.Future[None], Ints] = {}
        self._active = 0
        self.repeated = 0

    async def accept(self, columns: Columns) -> Outcome:
        """Keep the good rows that were not taken in before; as `Ingest.accept` otherwise.

        Rows of a distribution with the same time in one request are observations of their own.

        Raises:
            NowlineError: DISK_FULL or UNAVAILABLE when the log cannot take them.
        """
        self._forget()
        self._active += 1
        try:
            return await self._accept(columns)
        finally:
            self._active -= 1

    async def _accept(self, columns: Columns) -> Outcome:
        codes, first = self._codes(columns)
        distinct = np.unique(codes[codes >= 0])
        while same := self._same_under_way(distinct):
            await asyncio.wait(same)
        done = asyncio.get_running_loop().create_future()
        self._under_way[done] = distinct
        # To its end, whoever gives up: what is on its way to the disk is not to be sent again.
        return await asyncio.shield(self._take_in(columns, codes, first, done))

    async def _take_in(
        self, columns: Columns, codes: Ints, first: Mask, done: asyncio.Future[None]
    ) -> Outcome:
        """Keep the rows that are new, and remember them."""
        try:
            new = first & ~await self._known(codes)
            outcome = await self._ingest.accept(columns if new.all() else columns.where(new))
            self.repeated += len(new) - int(new.sum())
            refused = np.array([row.index for row in outcome.rejected], np.int64)
            self._remember(codes[new & ~np.isin(columns.index, refused)])
        finally:
            del self._under_way[done]
            done.set_result(None)
        return outcome

    def _codes(self, columns: Columns) -> tuple[Ints, Mask]:
        """A number for each row's series and time, and whether none before it has the same.

        It is -1 for a row that cannot be told apart.
        """
        number = np.full(len(columns.labels), -1, np.int64)
        has_many = np.zeros(len(columns.labels), bool)
        for at in np.unique(columns.label).tolist():
            label = columns.labels[at]
            if label.fault is None:
                number[at] = self._number(label.key)
            has_many[at] = label.type is MetricType.DISTRIBUTION
        numbers = number[columns.label]
        is_told = (numbers >= 0) & (columns.time >= 0) & (columns.time <= _MOST_TIME)
        codes = np.where(is_told, (numbers << _TIME_BITS) | columns.time, -1)
        first = ~is_told | has_many[columns.label]
        first[np.unique(codes, return_index=True)[1]] = True
        return codes, first

    def _number(self, key: bytes) -> int:
        number = self._numbers.get(key)
        if number is None:
            if len(self._keys) >= _MOST_SERIES or self._key_bytes >= _MOST_KEY_BYTES:
                return -1
            number = self._numbers[key] = len(self._keys)
            self._key_bytes += len(key)
            self._keys.append(key)
            if number >= len(self._newest):
                more = np.full(max(1024, number), _UNKNOWN)
                self._newest = np.concatenate((self._newest, more))
        return number

    def _same_under_way(self, codes: Ints) -> list[asyncio.Future[None]]:
        """The requests that are taken in right now and have some of these rows."""
        return [done for done, others in self._under_way.items() if np.isin(codes, others).any()]

    async def _known(self, codes: Ints) -> Mask:
        """Which of these rows were taken in before."""
        try:
            return await self._found(codes)
        except Exception as error:
            log.warning("The store could not tell which rows are repeated: %s", error)
            detail = "The store cannot tell now which rows are repeated. Try again."
            raise NowlineError(Code.UNAVAILABLE, detail) from error

    async def _found(self, codes: Ints) -> Mask:
        told = codes >= 0
        series, time = codes[told] >> _TIME_BITS, codes[told] & _MOST_TIME
        await self._learn(series, time)
        late = told.copy()
        late[told] = time <= self._newest[series]
        known = np.zeros(len(codes), bool)
        for _, accepted in self._accepted:
            known[late] |= np.isin(codes[late], accepted)
        asked = np.flatnonzero(late & ~known)
        if len(asked):
            series, place = np.unique(codes[asked] >> _TIME_BITS, return_inverse=True)
            known[asked] = await self._past.has(
                self._keys_of(series), place, codes[asked] & _MOST_TIME
            )
        return known

    async def _learn(self, series: Ints, time: Ints) -> None:
        """Find out the newest rows of series that are met for the first time since the start."""
        is_new = self._newest[series] == _UNKNOWN
        if not is_new.any():
            return
        new = np.unique(series[is_new])
        found = await self._past.newest(self._keys_of(new), int(time[is_new].min()))
        known = self._newest[new]
        self._newest[new] = np.where(known == _UNKNOWN, found, np.maximum(known, found))

    def _keys_of(self, series: Ints) -> list[bytes]:
        return [self._keys[number] for number in series.tolist()]

    def _remember(self, codes: Ints) -> None:
        told = codes[codes >= 0]
        if len(told):
            np.maximum.at(self._newest, told >> _TIME_BITS, told & _MOST_TIME)
            self._accepted.append((self._past.head, np.unique(told)))

    def _forget(self) -> None:
        """Let go of what the store has, and of the series when there are too many."""
        while self._accepted and self._accepted[0][0] <= self._past.stored:
            self._accepted.popleft()
        held = sum(len(codes) for _, codes in self._accepted)
        while held > _MOST_REMEMBERED:
            held -= len(self._accepted.popleft()[1])
        has_many = 2 * len(self._keys) >= _MOST_SERIES or 2 * self._key_bytes >= _MOST_KEY_BYTES
        if has_many and not (self._accepted or self._active or self._under_way):
            self._numbers, self._keys, self._key_bytes = {}, [], 0
            self._newest = np.empty(0, np.int64)


def _among(series: Ints, time: Ints, rows: Rows) -> Mask:
    """Which pairs of series and time are among the rows."""
    codes = (series << _TIME_BITS) | time
    there: Mask = np.isin(codes, (rows.series << _TIME_BITS) | rows.time)
    return there
