"""The kinds of store of events that the contract suite runs over."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import postgres
from nowline.model.query import DAY_MS
from nowline.store.activity import ActivityStore
from nowline.store.activity_sqlite import SqliteActivity

FOREVER = 100 * 365 * DAY_MS
"""The longest that a setting can say."""


@dataclass(frozen=True)
class Kind:
    """How to open the store that lives in a folder, given how long events are kept."""

    name: str
    open: Callable[[Path, int], Coroutine[Any, Any, ActivityStore]]


async def _open_sqlite(folder: Path, keep_ms: int) -> ActivityStore:
    return await SqliteActivity.open(folder / "activity.sqlite", keep_ms)


KINDS = [Kind("sqlite", _open_sqlite), Kind("postgres", postgres.PLAIN.open_events)]
if postgres.TIMESCALE is not None:
    KINDS.append(Kind("timescale", postgres.TIMESCALE.open_events))
