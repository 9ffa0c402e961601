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


class StoreView(msgspec.Struct):
    """What the store holds, by level; `faults` has a line for each file that is not in order."""

    bytes: int
    levels: list[LevelView]
    faults: list[str]

    @classmethod
    def of(cls, state: StoreState, faults: list[str]) -> Self:
        """The view of a store."""
        levels = [LevelView.of(level, kept) for level, kept in state.levels.items()]
        return cls(state.bytes_on_disk, levels, faults)


@get("/api/v1/store", opt={"action": Action.ADMIN}, tags=["operations"])
async def get_store(store: NamedDependency[Store]) -> StoreView:
    """Tell what is kept of each level, how long, and what it takes on disk."""
    return StoreView.of(store.state(), await asyncio.to_thread(store.faults))


routes = [get_store]
