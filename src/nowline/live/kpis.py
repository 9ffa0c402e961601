"""KPIs that somebody watches: told when they come, and at each period's end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from nowline.clock import Clock
from nowline.errors import Code, NowlineError
from nowline.live.frames import SharedText
from nowline.live.reader import Reader
from nowline.live.topic import Topic
from nowline.model.kpi import Kpi, KpiReading, Period

GONE = 4404
"""The close code of what was deleted: it makes no sense to come back."""
# By then what was measured in the period has come in.
_DELAY_MS = 500
# After a failure the period is looked at again after this.
_RETRY_MS = 5_000
# A KPI that was deleted is noticed within this.
_LONGEST_SLEEP_S = 1.0

_Key = tuple[str, Period]
ErrorMessage = Callable[[NowlineError], dict[str, object]]

log = logging.getLogger(__name__)


class Kpis(Protocol):
    """Where definitions and values come from."""

    async def definition(self, code: str) -> Kpi:
        """One definition.

        Raises:
            NowlineError: NOT_FOUND.
        """
        ...

    async def value(self, kpi: Kpi, period: Period, now_ms: int) -> KpiReading:
        """The value of the period that this moment is in, up to it.

        Raises:
            NowlineError: UNPROCESSABLE where that costs too much, UNAVAILABLE.
        """
        ...


class _Watched(Topic):
    """A KPI's values of one period.

    Attributes:
        ended_ms: Which end of a period was told last; before the first, from when on to tell them.
        retry_ms: Before this the store is not asked again; 0 where nothing failed.
    """

    def __init__(self, since_ms: int) -> None:
        super().__init__()
        self.ended_ms = since_ms
        self.retry_ms = 0
        self._came_ms: dict[Reader, int] = {}

    def come(self, reader: Reader, as_of_ms: int) -> None:
        """Watch from now on; the reader knows the value as of that moment."""
        self._came_ms[reader] = as_of_ms
        self.join(reader, knows=self.ended_ms <= as_of_ms)

    def leave(self, reader: Reader) -> None:
        """Watch no longer."""
        super().leave(reader)
        self._came_ms.pop(reader, None)

    def end(self, end_ms: int, text: bytes) -> None:
        """Have the end of a period told to everyone who was there by then."""
        self.ended_ms, self.retry_ms = end_ms, 0
        later = {reader: came for reader, came in self._came_ms.items() if came >= end_ms}
        self._came_ms = later
        self.post(text, known_by=later)

    def due(self, period: Period, now_ms: int) -> int | None:
        """The end of a period that is to be told now, None if there is none."""
        if now_ms < self.ended_ms:
            # The clock was set back: what was told is of another time.
            self.ended_ms = now_ms
            self._came_ms.clear()
        end = last_end(period, now_ms - _DELAY_MS)
        return end if end > self.ended_ms and now_ms >= self.retry_ms else None

    def due_ms(self, period: Period) -> int:
        """When the next end is to be told."""
        return max(last_end(period, self.ended_ms) + period.width_ms + _DELAY_MS, self.retry_ms)


class KpiUpdates:
    """Evaluates what is watched, once for all who do.

    Args:
        kpis: Has definitions and values.
        clock: Tells when periods end.
        error_message: How readers are told what is wrong.
    """

    def __init__(self, kpis: Kpis, clock: Clock, error_message: ErrorMessage) -> None:
        self._kpis = kpis
        self._clock = clock
        self._error_message = error_message
        self._watched: dict[_Key, _Watched] = {}
        self._current: dict[_Key, asyncio.Task[tuple[int, SharedText]]] = {}
        self._wake = asyncio.Event()
        self.evaluations = 0

    async def check(self, code: str) -> None:
        """Refuse what nobody can watch.

        Raises:
            NowlineError: NOT_FOUND.
        """
        await self._kpis.definition(code)

    async def watch(self, reader: Reader, code: str, period: Period) -> None:
        """Tell a reader the value as of now, and from then on that of each period at its end.

        A value that cannot be had is told as an error; the reader stays, and periods follow.
        """
        key = code, period
        as_of = self._clock.now_ms()
        try:
            as_of, message = await asyncio.shield(self._value_now(key))
        except NowlineError as error:
            message = self._error(error)
        reader.tell(message)
        watched = self._watched.setdefault(key, _Watched(as_of))
        watched.come(reader, as_of)
        self._wake.set()

    def leave(self, reader: Reader) -> None:
        """Forget a reader."""
        for key, watched in list(self._watched.items()):
            watched.leave(reader)
            if not len(watched):
                del self._watched[key]

    async def run(self) -> None:
        """Tell what is watched until cancelled."""
        while True:
            self._wake.clear()
            await self.tick()
            await self._sleep()

    async def tick(self) -> None:
        """Tell the values of the periods that are over."""
        looks = (self._look(key, watched) for key, watched in list(self._watched.items()))
        await asyncio.gather(*looks)

    def _value_now(self, key: _Key) -> asyncio.Task[tuple[int, SharedText]]:
        """The value as of now, under way; whoever comes meanwhile shares it, so shield it."""
        known = self._current.get(key)
        if known is None:
            now = self._clock.now_ms()
            known = self._current[key] = asyncio.create_task(self._message(key, now))
            known.add_done_callback(lambda task: self._forget(key, task))
        return known

    def _forget(self, key: _Key, task: asyncio.Task[tuple[int, SharedText]]) -> None:
        del self._current[key]
        if not task.cancelled():
            # Whoever waited for it may have left: then nobody else asks for its error.
            task.exception()

    async def _message(self, key: _Key, now_ms: int) -> tuple[int, SharedText]:
        """The message of a KPI's value as of that moment, and the moment."""
        code, period = key
        self.evaluations += 1
        try:
            kpi = await self._kpis.definition(code)
            reading = await self._kpis.value(kpi, period, now_ms)
        except NowlineError:
            raise
        except Exception as error:
            log.exception("A KPI could not be evaluated")
            raise NowlineError(Code.UNAVAILABLE, "The store did not answer.") from error
        text = b'{"type":"kpi_update",' + msgspec.json.encode(reading)[1:]
        return now_ms, SharedText(text)

    async def _look(self, key: _Key, watched: _Watched) -> None:
        """Tell the end of a period if it is time, and that a KPI is gone if it is."""
        end = watched.due(key[1], self._clock.now_ms())
        try:
            await self._kpis.definition(key[0])
            if end is not None:
                # The whole period: its last moment is the one before its end.
                _, message = await self._message(key, end - 1)
                watched.end(end, message.text)
        except NowlineError as error:
            self._failed(watched, error, end)
        except Exception:
            log.exception("The definition of a KPI could not be read")
        await watched.tell()

    def _failed(self, watched: _Watched, error: NowlineError, end: int | None) -> None:
        """Tell what is wrong: that it is gone, once; else the end is tried again, or given up."""
        is_gone = error.code is Code.NOT_FOUND
        if is_gone or not watched.retry_ms:
            message = self._error(error)
            for reader in watched.readers:
                reader.tell(message)
        if is_gone:
            for reader in watched.readers:
                watched.leave(reader)
                reader.close(GONE, "the KPI was deleted")
        elif error.code is Code.UNAVAILABLE:
            watched.retry_ms = self._clock.now_ms() + _RETRY_MS
        elif end is not None:
            watched.ended_ms, watched.retry_ms = end, 0

    def _error(self, error: NowlineError) -> SharedText:
        return SharedText(msgspec.json.encode(self._error_message(error)))

    async def _sleep(self) -> None:
        """Until a period is over, until somebody comes, or a moment where somebody watches."""
        wait = None
        if self._watched:
            due = min(watched.due_ms(period) for (_, period), watched in self._watched.items())
            wait = min(max((due - self._clock.now_ms()) / 1000, 0.0), _LONGEST_SLEEP_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._wake.wait()


def last_end(period: Period, moment_ms: int) -> int:
    """When the last period ended, at that moment or before it; they are those of UTC."""
    return moment_ms // period.width_ms * period.width_ms
