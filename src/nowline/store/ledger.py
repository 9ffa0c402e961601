"""Which hot tables there are, how full they are, and which of them are due to become files.

Hot tables are sealed when they are full and compacted when all their minutes are closed; when a
day is over and quiet, everything of it is merged. Pure: the time comes as an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from nowline.model.level import Level
from nowline.model.query import DAY_MS
from nowline.store.base import Rows
from nowline.store.segments import Hot, Manifest

# A day is over for good when nothing came in for it for this long.
QUIET_MS = 120_000
# About 30 MB in the file, and few enough to scan for one series in a few milliseconds.
MOST_ROWS = 2_000_000


@dataclass(slots=True)
class HotState:
    """How many rows a set of hot tables has, their newest time, and when it last took some."""

    rows: int = 0
    newest: int = 0
    touched: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """Hot tables of one day to be compacted; `whole` if together with all segments of the day."""

    day: int
    hot: tuple[Hot, ...]
    whole: bool


@dataclass(slots=True)
class Ledger:
    """What is known of the hot tables; used by the writer's thread only.

    Attributes:
        most_rows: How many rows a set of tables may have before it is sealed.
        states: By set of tables.
        sealed: Those that take no more rows.
    """

    most_rows: int
    states: dict[Hot, HotState] = field(default_factory=dict)
    sealed: frozenset[Hot] = frozenset()

    def note(self, manifest: Manifest, rows: Rows, now_ms: int) -> None:
        """Rows were appended."""
        days, first, count = np.unique(rows.time // DAY_MS, return_index=True, return_counts=True)
        for day, rows_of_day in zip(days.tolist(), count.tolist(), strict=True):
            newest = max(hot for hot in manifest.hot if hot.day == day)
            state = self.states.setdefault(newest, HotState())
            state.rows += rows_of_day
            state.touched = now_ms
            latest = rows.time[rows.time // DAY_MS == day] if len(first) > 1 else rows.time
            state.newest = max(state.newest, int(latest.max()))

    def drop(self, hot: tuple[Hot, ...]) -> None:
        """The tables are gone."""
        self.sealed -= set(hot)
        for each in hot:
            self.states.pop(each, None)

    def due(self, manifest: Manifest, now_ms: int) -> list[Work]:
        """What can be compacted now: whole days that are over, else sealed tables.

        Tables that are full or part of the work take no more rows from now on.
        """
        self.sealed |= {hot for hot, state in self.states.items() if state.rows > self.most_rows}
        found = [self._of_day(manifest, day, now_ms) for day in _days(manifest)]
        due = [work for work in found if work]
        self.sealed |= {hot for work in due for hot in work.hot}
        return due

    def _of_day(self, manifest: Manifest, day: int, now_ms: int) -> Work | None:
        hot = tuple(each for each in manifest.hot if each.day == day)
        states: Mapping[Hot, HotState] = {each: self.states.get(each, HotState()) for each in hot}
        is_quiet = all(state.touched <= now_ms - QUIET_MS for state in states.values())
        if (day + 1) * DAY_MS <= manifest.closed_before and is_quiet:
            span = (day * DAY_MS, (day + 1) * DAY_MS)
            minutes = manifest.segments_in(Level.MINUTE, *span, binned=False)
            return Work(day, hot, whole=True) if hot or len(minutes) > 1 else None
        done = tuple(
            each
            for each in hot
            if each in self.sealed and states[each].newest < manifest.closed_before
        )
        return Work(day, done, whole=False) if done else None


def _days(manifest: Manifest) -> list[int]:
    return sorted({hot.day for hot in manifest.hot} | {s.day for s in manifest.segments})
