"""What the embedded store is made of: files of sorted rows, by level and stretch of days.

Every flush writes the rows that came in since the last one to a file for each level and stretch;
compaction makes fewer of many. A file never changes. The manifest says which of them there are:
readers take it as it is, and a file that is deleted stays readable until they are done with it.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from nowline.model.level import Level
from nowline.model.query import DAY_MS, HOUR_MS
from nowline.store.blockfile import BINS, PARTIALS, RAW, Shape

FILE_ENDING = ".nlb"
# A stretch has a like number of rows whatever the level, and is what retention drops.
_DAYS = {
    Level.RAW: 1,
    Level.MINUTE: 1,
    Level.FIVE_MINUTES: 1,
    Level.HOUR: 32,
    Level.DAY: 128,
}
# Within a chunk rows are ordered by series, so a question about many series reads few rows of
# other times, and one about one series few blocks.
_CHUNKS_MS = {
    Level.RAW: HOUR_MS,
    Level.MINUTE: DAY_MS,
    Level.FIVE_MINUTES: 6 * HOUR_MS,
    Level.HOUR: 2 * DAY_MS,
    Level.DAY: 64 * DAY_MS,
}
_BLOCK_ROWS = 8_192
# What is read most often is a day of minutes of one series, which is 1,440 rows.
_MINUTES_BLOCK_ROWS = 4_096


@dataclass(frozen=True, slots=True)
class Kind:
    """What the rows of a segment are: partials (or raw rows) of a level, or histogram bins."""

    level: Level
    binned: bool = False

    @property
    def shape(self) -> Shape:
        """The columns."""
        if self.binned:
            return BINS
        return RAW if self.level is Level.RAW else PARTIALS

    @property
    def step_ms(self) -> int | None:
        """How far apart the rows of a series are, or a multiple of it; None if not at all."""
        return None if self.binned or self.level is Level.RAW else self.level.width_ms

    @property
    def stretch_ms(self) -> int:
        """How much time one segment's rows are of at most."""
        return _DAYS[self.level] * DAY_MS

    @property
    def chunk_ms(self) -> int:
        """How much time the rows of one block are of at most."""
        return _CHUNKS_MS[self.level]

    @property
    def block_rows(self) -> int:
        """How many rows a block has at most."""
        is_minutes = self.level is Level.MINUTE and not self.binned
        return _MINUTES_BLOCK_ROWS if is_minutes else _BLOCK_ROWS


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of sorted rows.

    Attributes:
        kind: What its rows are.
        day: The first day of its stretch, since 1970.
        name: Of its file in the folder of segments.
        rows: How many it has.
        size: Bytes of the file.
        oldest: The time of its oldest row, epoch milliseconds.
    """

    kind: Kind
    day: int
    name: str
    rows: int
    size: int
    oldest: int

    @property
    def start(self) -> int:
        """When its stretch begins, epoch milliseconds."""
        return self.day * DAY_MS

    @property
    def end(self) -> int:
        """When its stretch ends, epoch milliseconds."""
        return self.start + self.kind.stretch_ms


Place: TypeAlias = tuple[Kind, int]
"""A kind of segment and the first day of a stretch."""


@dataclass(frozen=True)
class Manifest:
    """The segments there are, in the order in which their rows came."""

    segments: tuple[Segment, ...] = ()

    @cached_property
    def by_place(self) -> dict[Place, list[Segment]]:
        """The segments of each kind and stretch."""
        found: dict[Place, list[Segment]] = defaultdict(list)
        for segment in self.segments:
            found[segment.kind, segment.day].append(segment)
        return dict(found)

    def segments_in(self, kind: Kind, start: int, end: int) -> list[Segment]:
        """The segments of a kind that may have rows of `[start, end)`."""
        return [s for s in self._by_kind.get(kind, ()) if s.start < end and start < s.end]

    def with_changes(self, gone: Iterable[Segment], new: Iterable[Segment]) -> Manifest:
        """Without some segments, and with others where the last of them was, or at the end."""
        names = {segment.name for segment in gone}
        is_gone = [segment.name in names for segment in self.segments]
        at = len(is_gone) - is_gone[::-1].index(True) if any(is_gone) else len(is_gone)
        parts = self.segments[:at], new, self.segments[at:]
        return Manifest(tuple(s for part in parts for s in part if s.name not in names))

    @cached_property
    def _by_kind(self) -> dict[Kind, list[Segment]]:
        found: dict[Kind, list[Segment]] = defaultdict(list)
        for segment in self.segments:
            found[segment.kind].append(segment)
        return dict(found)


def folder_of(path: Path) -> Path:
    """Where the segments of the store at `path` are."""
    return path.with_suffix(".segments")


def log_of(path: Path) -> Path:
    """The write-ahead log that DuckDB keeps beside the file at `path`."""
    return path.with_name(path.name + ".wal")


def new_name(kind: Kind, day: int) -> str:
    """A name that no segment ever had."""
    what = f"{kind.level.value}{'-bins' if kind.binned else ''}"
    return f"{day}-{what}-{uuid.uuid4().hex[:12]}{FILE_ENDING}"


def remove_files(folder: Path, segments: Iterable[Segment]) -> None:
    """Delete files that no manifest names any more; disk space is free at once."""
    for segment in segments:
        (folder / segment.name).unlink(missing_ok=True)
