"""Takes events and task executions in: once each, masked, with the metrics that they yield."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from nowline.clock import Clock
from nowline.ingest import derived
from nowline.ingest.columns import Columns, Rejected
from nowline.ingest.events import Arrived, EventDecoder
from nowline.ingest.masking import Masker
from nowline.ingest.refusals import Refusals
from nowline.ingest.repeated_events import Claim, Repeats
from nowline.ingest.rows import Row
from nowline.ingest.service import Ingest, Outcome
from nowline.ingest.tasks import Task, TaskDecoder
from nowline.model.event import Event, Happened
from nowline.model.query import MOST_AHEAD_MS

_TOO_OLD = "{field}: is older than events are kept"
_TOO_NEW = "{field}: is more than 5 minutes ahead"

T = TypeVar("T", Arrived, Task)


@dataclass(slots=True)
class Counted:
    """Counters since the start, for `/metrics`."""

    accepted: int = 0
    repeated: int = 0
    rejected: int = 0
    refusals: Refusals = field(default_factory=Refusals)


class Activity:
    """Takes events and tasks in.

    Args:
        ingest: Makes rows and events durable.
        repeats: Tells what was sent before.
        masker: Hides what nobody is to see.
        clock: Tells what is too old or too far ahead.
        keep_ms: How long events are kept.
    """

    def __init__(
        self, ingest: Ingest, repeats: Repeats, masker: Masker, clock: Clock, keep_ms: int
    ) -> None:
        self._ingest = ingest
        self._repeats = repeats
        self._events = EventDecoder(masker)
        self._tasks = TaskDecoder(masker)
        self._clock = clock
        self._keep_ms = keep_ms
        self.counted = Counted()

    async def take_events(self, rows: Sequence[Row]) -> Outcome:
        """Keep the good events; returns when they are durable.

        Args:
            rows: Each as JSON, with its place in the batch.

        Raises:
            NowlineError: DISK_FULL or UNAVAILABLE when they cannot be kept.
        """
        arrived, rejected = self._events.decode(rows, self._clock.now_ms())
        good = self._in_time(arrived, lambda each: each.event.time, "timestamp", rejected)
        return await self._take(good, rejected, _events_told)

    async def take_tasks(self, rows: Sequence[Row]) -> Outcome:
        """Keep what is told of task executions, as `take_events` does."""
        tasks, rejected = self._tasks.decode(rows)
        good = self._in_time(tasks, lambda each: each.end, "end_time", rejected)
        return await self._take(good, rejected, _tasks_told)

    async def _take(
        self,
        good: Sequence[T],
        rejected: list[Rejected],
        told: Callable[[Sequence[T]], tuple[Columns, list[Event]]],
    ) -> Outcome:
        keys: list[int | None] = [each.key for each in good]
        claim = await self._repeats.claim(keys, self._clock.now_ms())
        new = [good[place] for place in claim.places]
        # To its end, whoever gives up: what is on its way to the disk is not to be sent again.
        await asyncio.shield(self._keep(claim, lambda: told(new)))
        await self._repeats.wait(claim)
        self.counted.accepted += len(claim.places)
        self.counted.repeated += len(good) - len(claim.places)
        self.counted.rejected += len(rejected)
        self.counted.refusals.add(rejected)
        return Outcome(len(good), sorted(rejected, key=lambda row: row.index))

    async def _keep(self, claim: Claim, told: Callable[[], tuple[Columns, list[Event]]]) -> None:
        offset = None
        try:
            rows, events = told()
            offset = await self._ingest.keep(rows, Happened(events, [*claim.arrivals]))
        finally:
            self._repeats.settle(claim, offset)

    def _in_time(
        self,
        arrived: Sequence[T],
        time_of: Callable[[T], int],
        field: str,
        rejected: list[Rejected],
    ) -> list[T]:
        """Those that are neither too old nor too far ahead."""
        now, good = self._clock.now_ms(), []
        for each in arrived:
            if time_of(each) < now - self._keep_ms:
                rejected.append(Rejected(each.place, _TOO_OLD.format(field=field)))
            elif time_of(each) > now + MOST_AHEAD_MS:
                rejected.append(Rejected(each.place, _TOO_NEW.format(field=field)))
            else:
                good.append(each)
        return good


def _events_told(some: Sequence[Arrived]) -> tuple[Columns, list[Event]]:
    rows = derived.of_events((each.event, each.call) for each in some)
    return rows, [each.event for each in some]


def _tasks_told(some: Sequence[Task]) -> tuple[Columns, list[Event]]:
    return derived.of_tasks(some), [each.failure for each in some if each.failure is not None]
