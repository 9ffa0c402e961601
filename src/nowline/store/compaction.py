"""Closed days of the embedded store: hot rows become sorted segments, and old ones go.

Compaction reads what no append changes any more, beside the appends; only the last step, the
change of the manifest, is a transaction in the writer's thread.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np

from nowline.errors import Code, NowlineError
from nowline.model.level import BINNED, ROLLED_UP, Level
from nowline.model.query import DAY_MS
from nowline.store.appending import insert, transaction
from nowline.store.ledger import Work
from nowline.store.scan import BIN, COARSE_TABLES, MERGED, Columns
from nowline.store.segments import (
    FILE_ENDING,
    NARROWED,
    TABLE_BEGINNING,
    Hot,
    Manifest,
    Segment,
    relations,
)

# A sum's last bits depend on the order of its addition; without them it takes half the space.
_ROUNDED = (
    "CASE WHEN abs(total) BETWEEN 1e-9 AND 1e15 "
    "THEN round(total, 13 - floor(log10(abs(total)))::INTEGER) ELSE total END AS total"
)
_COPY = "COPY ({sql}) TO '{file}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)"


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What takes the place of a day's hot tables and, where they merge, of its files.

    `coarse` are the partials that go into the tables of the levels that are not in files.
    """

    sealed: tuple[Hot, ...]
    replaced: tuple[Segment, ...]
    written: tuple[Segment, ...]
    coarse: Mapping[Level, Columns]


@dataclass(frozen=True, slots=True)
class Compaction:
    """One day's.

    Attributes:
        db: A connection of its own.
        folder: Where the files go.
        manifest: What there is.
        keep: By level, from which time on rows are kept.
        work: Which hot tables, and whether with the day's files.
    """

    db: duckdb.DuckDBPyConnection
    folder: Path
    manifest: Manifest
    keep: Mapping[Level, int]
    work: Work

    def rewrite(self) -> Rewritten:
        """Write files of the hot tables' rows, and of those in the day's files if they merge."""
        made = [self._rows()]
        made += [self._minutes(), self._five_minutes()]
        made += [self._bins(level) for level in ROLLED_UP]
        written = tuple(segment for segment in made if segment)
        replaced = tuple(self.manifest.of_day(self.work.day)) if self.work.whole else ()
        hot = self.work.hot
        coarse = {level: self._coarse(level) for level in COARSE_TABLES} if hot else {}
        return Rewritten(hot, replaced, written, coarse)

    def _coarse(self, level: Level) -> Columns:
        minutes = [_widened(hot.minutes, level) for hot in self.work.hot]
        columns = self.db.execute(f"{_merged(minutes)} ORDER BY series, bucket").fetchnumpy()
        return {name: np.ma.getdata(column) for name, column in columns.items()}

    def _rows(self) -> Segment | None:
        sources = [hot.points for hot in self.work.hot] + self._segments(Level.RAW, binned=False)
        sql = f"SELECT series, time, value FROM ({_union(sources)}) ORDER BY series, time"  # noqa: S608
        return self._write(Level.RAW, sql, binned=False) if sources else None

    def _minutes(self) -> Segment | None:
        if not self._is_kept(Level.MINUTE) or not (sql := self._partials(Level.MINUTE)):
            return None
        name = f"{TABLE_BEGINNING}{self.work.day}_{uuid.uuid4().hex[:8]}"
        narrow = f"CREATE TABLE {name} AS SELECT {NARROWED} FROM ({sql})"  # noqa: S608
        rows = int(self.db.execute(narrow).fetchall()[0][0])
        return Segment(Level.MINUTE, False, self.work.day, name, rows, 0)

    def _five_minutes(self) -> Segment | None:
        sql = self._partials(Level.FIVE_MINUTES)
        return self._write(Level.FIVE_MINUTES, sql, binned=False) if sql else None

    def _partials(self, level: Level) -> str:
        sources = [_widened(hot.minutes, level) for hot in self.work.hot]
        sources += self._segments(level, binned=False)
        if not sources:
            return ""
        return f"SELECT * REPLACE ({_ROUNDED}) FROM ({_merged(sources)}) ORDER BY series, bucket"  # noqa: S608

    def _bins(self, level: Level) -> Segment | None:
        sources = [*self._hot_bins(level), *self._segments(level, binned=True)]
        sql = (
            "SELECT series, bucket, bin, sum(count)::BIGINT AS count "  # noqa: S608
            f"FROM ({_union(sources)}) GROUP BY ALL ORDER BY series, bucket, bin"
        )
        return self._write(level, sql, binned=True) if sources else None

    def _hot_bins(self, level: Level) -> list[str]:
        """Bins of distributions, and from an hour up those of all series.

        A distribution's rows have bins already; rows of others that are kept raw have none.
        """
        bins = [_widened(hot.bins, level) for hot in self.work.hot]
        if level in BINNED:
            return bins + [_binned(hot.points, level) for hot in self.work.hot]
        return [f"({each} SEMI JOIN {_DISTRIBUTIONS} USING (series))" for each in bins]

    def _segments(self, level: Level, *, binned: bool) -> list[str]:
        """The day's segments of that kind, where they are to be merged."""
        if not self.work.whole:
            return []
        start = self.work.day * DAY_MS
        found = self.manifest.segments_in(level, start, start + DAY_MS, binned=binned)
        return relations(self.folder, found)

    def _is_kept(self, level: Level) -> bool:
        return (self.work.day + 1) * DAY_MS > self.keep[level]

    def _write(self, level: Level, sql: str, *, binned: bool) -> Segment | None:
        """The file of these rows, safe on disk; None where there are none or none are kept."""
        if not self._is_kept(level):
            return None
        day = self.work.day
        kind = f"{level.value}{'-bins' if binned else ''}"
        name = f"{day}-{kind}-{uuid.uuid4().hex[:8]}{FILE_ENDING}"
        path = self.folder / name
        quoted = str(path).replace("'", "''")
        rows = int(self.db.execute(_COPY.format(sql=sql, file=quoted)).fetchall()[0][0])
        if not rows:
            path.unlink()
            return None
        _sync(path)
        return Segment(level, binned, day, name, rows, path.stat().st_size)


_DISTRIBUTIONS = "(SELECT id AS series FROM series WHERE type = 'distribution')"


def _widened(table: str, level: Level) -> str:
    width = level.width_ms
    return f"(SELECT * REPLACE (bucket // {width} * {width} AS bucket) FROM {table})"  # noqa: S608


def _binned(points: str, level: Level) -> str:
    width = level.width_ms
    return (
        f"(SELECT series, time // {width} * {width} AS bucket, {BIN} AS bin, 1::BIGINT AS count "  # noqa: S608
        f"FROM {points} ANTI JOIN {_DISTRIBUTIONS} USING (series))"
    )


def _merged(sources: Sequence[str]) -> str:
    return (
        f"SELECT series, bucket, {MERGED} FROM ({_union(sources)}) "  # noqa: S608
        "GROUP BY series, bucket"
    )


def _union(sources: Sequence[str]) -> str:
    selects = [f"SELECT * FROM {source}" for source in sources]  # noqa: S608
    return " UNION ALL BY NAME ".join(selects)


def _sync(path: Path) -> None:
    """The file, and the folder's entry of it, are on disk before anything names them."""
    for each, flags in ((path, os.O_RDONLY), (path.parent, os.O_RDONLY | os.O_DIRECTORY)):
        descriptor = os.open(each, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def swap(db: duckdb.DuckDBPyConnection, done: Rewritten, manifest: Manifest) -> Manifest:
    """Put what was rewritten in its place, in one transaction in the writer's thread."""
    with transaction(db):
        for level, columns in done.coarse.items():
            insert(db, COARSE_TABLES[level], columns)
        for hot in done.sealed:
            for table in (hot.points, hot.minutes, hot.bins):
                db.execute(f"DROP TABLE {table}")
        _enter(db, done.replaced, done.written)
        _drop_tables(db, done.replaced)
    segments = tuple(s for s in manifest.segments if s not in done.replaced) + done.written
    hot_left = tuple(hot for hot in manifest.hot if hot not in done.sealed)
    return replace(manifest, hot=hot_left, segments=segments)


def expire(
    db: duckdb.DuckDBPyConnection, keep: Mapping[Level, int], manifest: Manifest
) -> tuple[Manifest, tuple[Segment, ...]]:
    """Let go of what is kept no longer; the files are then to be removed."""
    old = tuple(s for s in manifest.segments if (s.day + 1) * DAY_MS <= keep[s.level])
    with transaction(db):
        _enter(db, old, ())
        _drop_tables(db, old)
        for level, table in COARSE_TABLES.items():
            db.execute(f"DELETE FROM {table} WHERE bucket + {level.width_ms} <= {keep[level]}")  # noqa: S608
    return replace(manifest, segments=tuple(s for s in manifest.segments if s not in old)), old


def _drop_tables(db: duckdb.DuckDBPyConnection, segments: tuple[Segment, ...]) -> None:
    for segment in segments:
        if not segment.is_file:
            db.execute(f"DROP TABLE {segment.name}")


def _enter(
    db: duckdb.DuckDBPyConnection, gone: tuple[Segment, ...], written: tuple[Segment, ...]
) -> None:
    for segment in gone:
        db.execute("DELETE FROM segments WHERE name = ?", [segment.name])
    for s in written:
        row = [s.level.value, s.binned, s.day, s.name, s.rows, s.size]
        db.execute("INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?)", row)


def load(db: duckdb.DuckDBPyConnection, folder: Path) -> Manifest:
    """What there is, from the database; what a crash left half done is removed.

    Raises:
        NowlineError: The files are those of another database, or of one that was lost.
    """
    manifest = read_manifest(db)
    known = {segment.name for segment in manifest.segments}
    files = [path for path in folder.glob(f"*{FILE_ENDING}") if path.name not in known]
    if files and _is_new(db):
        raise NowlineError(
            Code.CONFLICT,
            f"The database beside {folder} is new, but {len(files)} files of an older one are in "
            "that folder: restore a backup, or move the folder away to start anew.",
        )
    for table in _tables(db):
        if table.startswith(TABLE_BEGINNING) and table not in known:
            db.execute(f"DROP TABLE {table}")
    for path in files:
        path.unlink()
    return manifest


def read_manifest(db: duckdb.DuckDBPyConnection) -> Manifest:
    """What there is, from the database."""
    named = db.execute("SELECT level, binned, day, name, rows, size FROM segments").fetchall()
    segments = tuple(Segment(Level(row[0]), *row[1:]) for row in named)
    hot = sorted(found for table in _tables(db) if (found := Hot.of(table)))
    progress = db.execute("SELECT closed_before FROM progress").fetchall()
    return Manifest(tuple(hot), segments, progress[0][0] if progress else 0)


def _is_new(db: duckdb.DuckDBPyConnection) -> bool:
    """Whether nothing was ever appended."""
    return not db.execute("SELECT 1 FROM progress").fetchall()


def _tables(db: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
