"""What the store keeps and what that costs, for admins."""

from __future__ import annotations

import asyncio
from typing import Self

import msgspec
from litestar import get
from litestar.di import NamedDependency

from nowline.auth.policy import Action
from nowline.clock import rfc3339
from nowline.model.level import Level
from nowline.store.activity import ActivityState, ActivityStore
from nowline.store.base import LevelState, Store, StoreState


class LevelView(msgspec.Struct):
    """What is kept of one level.

    `rows` and `bytes` are estimates where counting would cost. `oldest` is RFC 3339, the first day
    with rows, null without any.
    """

    level: str
    rows: int
    bytes: int
    oldest: str | None
    keep_seconds: int

    @classmethod
    def of(cls, level: Level, state: LevelState) -> Self:
        """The view of a level."""
        oldest = None if state.oldest is None else rfc3339(state.oldest)
        return cls(level.value, state.rows, state.bytes, oldest, state.keep_ms // 1000)


class EventsView(msgspec.Struct):
    """What is kept of events.

    `events` and `bytes` are about right. `oldest` is RFC 3339, the start of the month, or of
    TimescaleDB's chunk, with the oldest event, null without any.
    """

    events: int
    bytes: int
    oldest: str | None
    keep_seconds: int

    @classmethod
    def of(cls, state: ActivityState) -> Self:
        """The view of a store of events."""
        oldest = None if state.oldest is None else rfc3339(state.oldest)
        return cls(state.events, state.bytes_on_disk, oldest, state.keep_ms // 1000)


class StoreView(msgspec.Struct):
    """What the store holds, by level; `faults` has a line for each file that is not in order.

    `bytes` is that of the levels. `events` is null where events were not looked at.
    """

    bytes: int
    levels: list[LevelView]
    faults: list[str]
    events: EventsView | None = None

    @classmethod
    def of(
        cls, state: StoreState, faults: list[str], activity: ActivityState | None = None
    ) -> Self:
        """The view of a store."""
        levels = [LevelView.of(level, kept) for level, kept in state.levels.items()]
        events = None if activity is None else EventsView.of(activity)
        return cls(state.bytes_on_disk, levels, faults, events)


@get("/api/v1/store", opt={"action": Action.ADMIN}, tags=["operations"])
async def get_store(
    store: NamedDependency[Store], events: NamedDependency[ActivityStore]
) -> StoreView:
    """Tell what is kept of each level and of events, how long, and what it takes on disk."""
    return StoreView.of(store.state(), await asyncio.to_thread(store.faults), events.state())


routes = [get_store]
