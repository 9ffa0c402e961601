"""Sends what happens in the shop to a Nowline server as any client would: by its public API."""

from __future__ import annotations

import asyncio
import gzip
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import httpx
import msgspec

from nowline.demo.events import ShopEvents
from nowline.demo.points import ShopPoints
from nowline.demo.shop import HOUR_S, Shop
from nowline.demo.tasks import ShopTasks

_FINE_S = 90 * 60
# Coarser steps for what is older: (step, from this age on, most seconds in one request).
_STEPS = ((60, 24 * HOUR_S, 6 * HOUR_S), (30, 6 * HOUR_S, 3 * HOUR_S), (10, _FINE_S, HOUR_S))
_LONGEST_WAIT_S = 10.0
_COMPRESS_FROM_BYTES = 4096
_CLOCK_STEP_BACK_S = 60
METRICS, EVENTS, TASKS = (f"/api/v1/ingest/{kind}" for kind in ("metrics", "events", "tasks"))


class _Refused(msgspec.Struct):
    error: str


class _Answer(msgspec.Struct):
    accepted: int
    rejected: list[_Refused] = []


class DemoError(Exception):
    """The server will not take the shop's data; the message says why, in one line."""


class Stretch(NamedTuple):
    """A stretch of time to send in one request, `[start, end)` in steps of `step_s` seconds."""

    start: int
    end: int
    step_s: int


class _Batch(NamedTuple):
    """What happened before second `end` and is to be sent next: rows by where they go."""

    end: int
    rows: dict[str, Sequence[object]]


def next_stretch(cursor: int, now: int) -> Stretch:
    """What to send next when everything before `cursor` is sent and `now` has begun.

    The last 90 minutes are sent second by second, so that a live chart shows no seam; what is
    older than that in steps of 10 s, than six hours of 30 s, and than a day of 60 s.
    """
    for step_s, age_s, most_s in _STEPS:
        until = (now - age_s) // step_s * step_s
        if cursor < until and cursor % step_s:
            return Stretch(cursor, cursor + step_s - cursor % step_s, 1)
        if cursor < until:
            return Stretch(cursor, min(until, cursor + most_s), step_s)
    return Stretch(cursor, min(now + 1, cursor + 600), 1)


class IngestClient:
    """Posts batches until the server has them.

    A server that is overloaded, restarting or out of reach is waited for, as long as it takes:
    the simulation can be asked again for what was missed, so nothing is buffered. A batch whose
    answer was lost on the way is sent again; its events and tasks still count once, since they
    have ids, but its points may be counted twice.

    Args:
        http: The connection, with the server's address and the key.
        wait: Waits a number of seconds.
    """

    def __init__(self, http: httpx.AsyncClient, wait: Callable[[float], Awaitable[object]]) -> None:
        self._http = http
        self._wait = wait
        self._encoder = msgspec.json.Encoder()
        self._failures = 0

    async def send(self, path: str, rows: Sequence[object]) -> int:
        """Send a batch; returns how many rows were accepted.

        Args:
            path: Where rows of this kind come in.
            rows: Points, events or tasks.

        Raises:
            DemoError: The server refuses the key or cannot read the batch.
        """
        body = self._encoder.encode_lines(rows)
        headers = {"Content-Type": "application/x-ndjson"}
        if len(body) >= _COMPRESS_FROM_BYTES:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        while True:
            response = await self._post(path, body, headers)
            if response is not None and response.is_success:
                self._recovered()
                return _accepted(response)
            await self._wait(self._pause_s(response))

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response | None:
        """The server's answer if it is worth waiting or going on; None if there was none."""
        try:
            response = await self._http.post(path, content=body, headers=headers)
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise DemoError(f"cannot call {self._http.base_url}: {error}") from error
        except httpx.TransportError as error:
            self._failed(f"no answer from {self._http.base_url} ({error or type(error).__name__})")
            return None
        if response.status_code in (401, 403):
            raise DemoError(
                f"the server refuses the API key ({response.status_code}): {_detail(response)}"
            )
        if response.is_client_error and response.status_code != 429:
            raise DemoError(
                f"the server refuses the batch ({response.status_code}): {_detail(response)}"
            )
        if not response.is_success:
            self._failed(f"the server answers {response.status_code}: {_detail(response)}")
        return response

    def _failed(self, reason: str) -> None:
        if self._failures == 0:
            _say(f"{reason}; trying again until it takes the data")
        self._failures += 1

    def _recovered(self) -> None:
        if self._failures:
            _say("the server is back; going on")
        self._failures = 0

    def _pause_s(self, response: httpx.Response | None) -> float:
        asked: str = response.headers.get("Retry-After", "") if response is not None else ""
        if asked.isdecimal() and int(asked):
            return float(asked)
        spread = random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        return min(_LONGEST_WAIT_S, 0.5 * (1 << min(self._failures, 6))) * spread


class Demo:
    """Runs the shop: its history first, then each second as it comes.

    Args:
        shop: The simulation.
        client: Where its data goes.
        now: The wall clock in seconds.
        wait: Waits a number of seconds.
    """

    def __init__(
        self,
        shop: Shop,
        client: IngestClient,
        now: Callable[[], float],
        wait: Callable[[float], Awaitable[object]],
    ) -> None:
        self._shop = shop
        self._client = client
        self._now = now
        self._wait = wait
        self._points = ShopPoints()
        self._events = ShopEvents(shop.seed, shop.rate)
        self._tasks = ShopTasks(shop.seed, shop.rate)

    async def backfill(self, seconds: int) -> int:
        """Send the last so many seconds of history; returns the first second not yet sent."""
        start = int(self._now()) - seconds
        if not seconds:
            return start
        first = cursor = start - start % 60
        sent = 0
        batch = await self._make(cursor)
        while batch is not None:
            # The next batch is made while the server takes this one.
            following = asyncio.create_task(self._make(batch.end))
            try:
                sent += await self._send(batch)
            finally:
                cursor, batch = batch.end, await following
            _show_progress(first, cursor, int(self._now()), sent)
        return cursor

    async def _make(self, cursor: int) -> _Batch | None:
        """What happened in the next stretch, or None where it has not begun."""
        now = int(self._now())
        if cursor > now:
            return None
        return await asyncio.to_thread(self._batch_of, next_stretch(cursor, now))

    def _batch_of(self, stretch: Stretch) -> _Batch:
        """Events and tasks are told of what is sent second by second, which is the recent past."""
        world = self._shop.world(stretch.start, stretch.end)
        rows: dict[str, Sequence[object]] = {METRICS: self._points.of(world, stretch.step_s)}
        if stretch.step_s == 1:
            rows |= {EVENTS: self._events.of(world), TASKS: self._tasks.of(world)}
        return _Batch(stretch.end, rows)

    async def _send(self, batch: _Batch) -> int:
        """Send all of a batch; returns how many rows were accepted."""
        return sum([await self._client.send(*kind) for kind in batch.rows.items() if kind[1]])

    async def live(self, cursor: int, seconds: int | None) -> None:
        """Send from `cursor` on, second by second, for so many seconds from now or for ever.

        A point is sent when its second begins and counts what happened in the second before.
        """
        end = None if seconds is None else int(self._now()) + seconds
        while end is None or cursor < end:
            now = self._now()
            if cursor - now > _CLOCK_STEP_BACK_S:
                cursor = int(now)  # the clock was set back: go on in its time
            elif cursor > now:
                await self._wait(cursor - now)
            else:
                batch = self._batch_of(next_stretch(cursor, int(now)))
                await self._send(batch)
                cursor = batch.end


def _accepted(response: httpx.Response) -> int:
    try:
        answer = msgspec.json.decode(response.content, type=_Answer)
    except msgspec.DecodeError as error:
        raise DemoError(f"{response.url} does not answer like Nowline: {error}") from error
    reasons = Counter(row.error for row in answer.rejected)
    for reason, rows in reasons.most_common(3):
        _say(f"{rows} {'row was' if rows == 1 else 'rows were'} refused: {reason}")
    return answer.accepted


def _detail(response: httpx.Response) -> str:
    """The sentence in a problem response, else the status in words."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase


def _show_progress(first: int, cursor: int, now: int, sent: int) -> None:
    percent = 100 * (cursor - first) // max(1, now - first)
    day = datetime.fromtimestamp(cursor, UTC).strftime("%Y-%m-%d %H:%M")
    is_done = cursor > now
    if sys.stdout.isatty() or is_done:
        end = "\n" if is_done else ""
        sys.stdout.write(
            f"\rhistory: {min(percent, 100):3d} %, up to {day} UTC, {sent:,} rows{end}"
        )
        sys.stdout.flush()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def run_demo(
    http: httpx.AsyncClient, shop: Shop, backfill_s: int, duration_s: int | None
) -> None:
    """Send the history, then live until cancelled or for `duration_s` seconds.

    Raises:
        DemoError: The server will not take the data.
    """
    demo = Demo(shop, IngestClient(http, asyncio.sleep), time.time, asyncio.sleep)
    cursor = await demo.backfill(backfill_s)
    _say("the shop is open: live demo data, tagged source=demo (Ctrl-C closes it)")
    await demo.live(cursor, duration_s)
