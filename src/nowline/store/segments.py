"""What the embedded store is made of: hot tables for new rows, segments for those of closed days.

New rows go into hot tables, one set a day. When they are full or the day is over their rows are
sorted by series and time and written, level by level, to segments that never change: Parquet
files, and for the level that dashboards read most a table, which DuckDB opens three times
faster. The manifest says which of them there are; only one thread changes it, and readers take
it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nowline.model.level import Level
from nowline.model.query import DAY_MS

FILE_ENDING = ".parquet"
TABLE_BEGINNING = "sorted_"
# A table of minutes has narrow columns: it takes two thirds of the space.
NARROWED = (
    "series, (bucket // 60000)::INTEGER AS minute, count::INTEGER AS count, total, low, high, "
    "last, (last_at - bucket)::INTEGER AS last_after"
)
_WIDENED = (
    "(SELECT series, minute::BIGINT * 60000 AS bucket, count::BIGINT AS count, total, low, high, "
    "last, minute::BIGINT * 60000 + last_after AS last_at FROM {table})"
)


@dataclass(frozen=True, slots=True, order=True)
class Hot:
    """A day's hot tables: rows, 1-minute partials, 1-minute bins.

    A generation that is being compacted takes no more rows: the next one does.
    """

    day: int
    generation: int

    @property
    def points(self) -> str:
        """The table of raw rows."""
        return f"points_{self.day}_{self.generation}"

    @property
    def minutes(self) -> str:
        """The table of 1-minute partials."""
        return f"minutes_{self.day}_{self.generation}"

    @property
    def bins(self) -> str:
        """The table of 1-minute bins: of distributions, and of rows too old to be kept raw."""
        return f"bins_{self.day}_{self.generation}"

    def overlaps(self, start: int, end: int) -> bool:
        """Whether rows of `[start, end)` may be in it."""
        return _overlaps(self.day, start, end)

    @classmethod
    def of(cls, table: str) -> Hot | None:
        """The set that a table of raw rows belongs to; None for any other table."""
        name, _, rest = table.partition("_")
        if name != "points":
            return None
        day, _, generation = rest.partition("_")
        return cls(int(day), int(generation))


@dataclass(frozen=True, slots=True)
class Segment:
    """Sorted rows of one day and level: partials (or raw rows), or histogram bins.

    Attributes:
        level: What its rows are.
        binned: Whether they are bins.
        day: Days since 1970.
        name: Of its file in the folder of segments, or of its table.
        rows: How many it has.
        size: Bytes of the file; 0 for a table.
    """

    level: Level
    binned: bool
    day: int
    name: str
    rows: int
    size: int

    @property
    def is_file(self) -> bool:
        """Whether it is a file, and not a table."""
        return self.name.endswith(FILE_ENDING)

    def overlaps(self, start: int, end: int) -> bool:
        """Whether rows of `[start, end)` may be in it."""
        return _overlaps(self.day, start, end)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What there is, as of one commit.

    Attributes:
        hot: The sets of hot tables.
        segments: What is sorted.
        closed_before: Minutes before this have their partials.
    """

    hot: tuple[Hot, ...]
    segments: tuple[Segment, ...]
    closed_before: int

    def hot_in(self, start: int, end: int) -> list[Hot]:
        """The hot tables that may have rows of `[start, end)`."""
        return [hot for hot in self.hot if hot.overlaps(start, end)]

    def segments_in(self, level: Level, start: int, end: int, *, binned: bool) -> list[Segment]:
        """The segments of that level that may have rows of `[start, end)`."""
        return [
            segment
            for segment in self.segments
            if segment.level is level and segment.binned == binned and segment.overlaps(start, end)
        ]

    def of_day(self, day: int) -> list[Segment]:
        """All segments of a day."""
        return [segment for segment in self.segments if segment.day == day]


def folder_of(path: Path) -> Path:
    """Where the segments of the store at `path` are."""
    return path.with_suffix(".segments")


def log_of(path: Path) -> Path:
    """The write-ahead log that DuckDB keeps beside the file at `path`."""
    return path.with_name(path.name + ".wal")


def relations(folder: Path, segments: Iterable[Segment]) -> list[str]:
    """What to read for all rows of these segments: one relation for all files, one a table."""
    segments = list(segments)
    files = ", ".join(f"'{_quoted(folder / s.name)}'" for s in segments if s.is_file)
    tables = [_WIDENED.format(table=segment.name) for segment in segments if not segment.is_file]
    return [*([f"read_parquet([{files}])"] if files else []), *tables]


def remove_files(folder: Path, segments: Iterable[Segment]) -> None:
    """Delete files that no manifest names any more; disk space is free at once."""
    for segment in segments:
        if segment.is_file:
            (folder / segment.name).unlink(missing_ok=True)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _overlaps(day: int, start: int, end: int) -> bool:
    return day * DAY_MS < end and start < (day + 1) * DAY_MS
