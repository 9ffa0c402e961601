"""What the embedded store holds and what that costs; of one at rest, without changing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from nowline.errors import Code, NowlineError
from nowline.model.level import Level
from nowline.model.query import DAY_MS
from nowline.store import compaction, formats, segments
from nowline.store.base import LevelState, StoreState
from nowline.store.scan import COARSE_TABLES
from nowline.store.segments import Manifest

_TABLES = """
SELECT table_name, estimated_size, column_count FROM duckdb_tables()
WHERE database_name = current_database()
"""
# Blocks that are free wait to be used again and are no level's.
_BLOCKS = """
SELECT used_blocks * block_size FROM pragma_database_size()
WHERE database_name = current_database()
"""


@dataclass(frozen=True, slots=True)
class Table:
    """About how many rows a table has, and what they take of the file.

    `oldest` is the time of the first bucket, epoch milliseconds, of a table of all days.
    """

    rows: int
    bytes: int
    oldest: int | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """A store at rest: what it holds, and what is wrong with its files."""

    state: StoreState
    faults: list[str]


def tables(db: duckdb.DuckDBPyConnection, path: Path) -> dict[str, Table]:
    """The tables by name; what the file at `path` uses is shared out by the tables' cells."""
    found = db.execute(_TABLES).fetchall()
    (blocks,) = db.execute(_BLOCKS).fetchall()[0]
    used = blocks + (_size(segments.log_of(path)) or 0)
    cells = sum(rows * columns for _, rows, columns in found) or 1
    oldest = {name: _oldest(db, name) for name in COARSE_TABLES.values()}
    return {
        name: Table(rows, used * rows * columns // cells, oldest.get(name))
        for name, rows, columns in found
    }


def levels(
    manifest: Manifest, tables: Mapping[str, Table], keep_ms: Mapping[Level, int]
) -> dict[Level, LevelState]:
    """What is kept of each level, in files and in tables."""
    return {level: _level(level, manifest, tables, keep_ms[level]) for level in Level}


def faults(folder: Path, manifest: Manifest) -> list[str]:
    """One line for each file that the manifest names and that is not there, or not whole."""
    found = [(s, _size(folder / s.name)) for s in manifest.segments if s.is_file]
    return [
        f"{folder / segment.name} is missing"
        if size is None
        else f"{folder / segment.name} has {size} bytes and should have {segment.size}"
        for segment, size in found
        if size != segment.size
    ]


def inspect(path: Path, keep_ms: Mapping[Level, int]) -> Inspection:
    """Look at the store at `path`, which no server uses.

    Raises:
        NowlineError: It cannot be opened, or another version wrote it.
    """
    try:
        with duckdb.connect(str(path), read_only=True) as db:
            formats.refuse_newer(formats.version(db))
            manifest, found = compaction.read_manifest(db), tables(db, path)
    except duckdb.Error as error:
        reason = " ".join(str(error).split())
        raise NowlineError(Code.UNAVAILABLE, f"{path} cannot be read: {reason}") from error
    state = StoreState(0, 0.0, size_of(path, manifest), levels(manifest, found, keep_ms))
    return Inspection(state, faults(segments.folder_of(path), manifest))


def size_of(path: Path, manifest: Manifest) -> int:
    """The bytes of the DuckDB file, its write-ahead log and its segments."""
    main = sum(_size(each) or 0 for each in (path, segments.log_of(path)))
    return main + sum(segment.size for segment in manifest.segments)


def _level(level: Level, manifest: Manifest, tables: Mapping[str, Table], keep: int) -> LevelState:
    own = [segment for segment in manifest.segments if segment.level is level]
    named = [tables[name] for name in _tables_of(level, manifest) if name in tables]
    beside = [name for name in _beside(level, manifest) if name in tables]
    days = [segment.day * DAY_MS for segment in own if not segment.binned]
    days += [table.oldest // DAY_MS * DAY_MS for table in named if table.oldest is not None]
    if level in (Level.RAW, Level.MINUTE):
        days += [hot.day * DAY_MS for hot in manifest.hot]
    return LevelState(
        rows=sum(s.rows for s in own if not s.binned) + sum(table.rows for table in named),
        bytes=sum(s.size for s in own)
        + sum(table.bytes for table in named)
        + sum(tables[name].bytes for name in beside),
        oldest=min(days, default=None),
        keep_ms=keep,
    )


def _tables_of(level: Level, manifest: Manifest) -> list[str]:
    """The tables whose rows no segment counts."""
    if level is Level.RAW:
        return [hot.points for hot in manifest.hot]
    if level is Level.MINUTE:
        return [hot.minutes for hot in manifest.hot]
    return [COARSE_TABLES[level]] if level in COARSE_TABLES else []


def _beside(level: Level, manifest: Manifest) -> list[str]:
    """The tables that take space for a level beside those: its small segments and hot bins."""
    small = [s.name for s in manifest.segments if s.level is level and not s.is_file]
    return small + ([hot.bins for hot in manifest.hot] if level is Level.MINUTE else [])


def _oldest(db: duckdb.DuckDBPyConnection, table: str) -> int | None:
    oldest: int | None = db.execute(f"SELECT min(bucket) FROM {table}").fetchall()[0][0]  # noqa: S608
    return oldest


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
