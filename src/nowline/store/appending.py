"""One append to the embedded store, as one transaction in the writer's thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.model import histogram
from nowline.model.histogram import Bins
from nowline.model.partials import Partials, fold
from nowline.model.query import DAY_MS, MINUTE_MS
from nowline.model.series import MetricType
from nowline.store.base import Append, Rows
from nowline.store.catalogue import Metric, NewSeries
from nowline.store.scan import BIN, MERGED, RAW_PARTIAL
from nowline.store.segments import Hot, Manifest

SCHEMA = """
CREATE TABLE IF NOT EXISTS rollup_1h (
    series INTEGER, bucket BIGINT, count BIGINT,
    total DOUBLE, low DOUBLE, high DOUBLE, last DOUBLE, last_at BIGINT
);
CREATE TABLE IF NOT EXISTS rollup_1d AS FROM rollup_1h LIMIT 0;
CREATE TABLE IF NOT EXISTS segments (
    level VARCHAR, binned BOOLEAN, day INTEGER, name VARCHAR, rows BIGINT, size BIGINT
);
CREATE TABLE IF NOT EXISTS metrics (
    name VARCHAR PRIMARY KEY, type VARCHAR, first_seen BIGINT, last_seen BIGINT, metadata VARCHAR
);
CREATE TABLE IF NOT EXISTS series (id INTEGER, name VARCHAR, tags VARCHAR, type VARCHAR);
CREATE TABLE IF NOT EXISTS progress (log_id VARCHAR, log_offset BIGINT, closed_before BIGINT);
CREATE TABLE IF NOT EXISTS format (version INTEGER);
"""
HOT_TABLES = """
CREATE TABLE {points} (series INTEGER, time BIGINT, value DOUBLE);
CREATE TABLE {minutes} AS FROM rollup_1h LIMIT 0;
CREATE TABLE {bins} (series INTEGER, bucket BIGINT, bin INTEGER, count BIGINT);
"""
_CLOSE_MINUTES = """
INSERT INTO {minutes}
SELECT series, bucket, {merged} FROM (
    SELECT series, time // {width} * {width}, {columns}
    FROM {points} WHERE time >= {start} AND time < {end}
) AS rows(series, bucket, count, total, low, high, last, last_at)
GROUP BY series, bucket ORDER BY series, bucket
"""
_CLOSE_BINS = """
INSERT INTO {bins}
SELECT series, time // {width} * {width} AS bucket, {bin} AS bin, count(*) AS count
FROM {points} JOIN (SELECT id AS series FROM series WHERE type = 'distribution') USING (series)
WHERE time >= {start} AND time < {end}
GROUP BY series, bucket, bin ORDER BY series, bucket, bin
"""


@contextlib.contextmanager
def transaction(db: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what is done inside, or undo it where anything fails."""
    db.execute("BEGIN")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # A commit that fails has ended the transaction itself.
        with contextlib.suppress(duckdb.TransactionException):
            db.execute("ROLLBACK")
        raise


@dataclass(slots=True)
class Appending:
    """One append.

    Attributes:
        db: The writer's connection.
        append: What to write.
        manifest: What there is; `run` returns what there is then.
        raw_from: Rows before this are counted in roll-ups and bins only.
        distributions: By series id, whether it has bins at each level.
        sealed: Hot tables that take no more rows.
    """

    db: duckdb.DuckDBPyConnection
    append: Append
    manifest: Manifest
    raw_from: int
    distributions: NDArray[np.bool_]
    sealed: frozenset[Hot]

    def run(self) -> Manifest:
        """Write all of it, or nothing."""
        closed = self.manifest.closed_before
        now_closed = max(closed, self.append.closed_before // MINUTE_MS * MINUTE_MS)
        with transaction(self.db):
            write_catalogue(self.db, self.append)
            self._write_rows(self.append.rows, closed)
            self._close_minutes(closed, now_closed)
            self.db.execute("DELETE FROM progress")
            progress = [self.append.log_id, self.append.offset, now_closed]
            self.db.execute("INSERT INTO progress VALUES (?, ?, ?)", progress)
        return replace(self.manifest, closed_before=now_closed)

    def _write_rows(self, rows: Rows, closed: int) -> None:
        """Rows by series, then time: a query for one series then reads a few row groups only."""
        order = np.lexsort((rows.time, rows.series))
        series, time, value = rows.series[order], rows.time[order], rows.value[order]
        ordered, days = Rows(series, time, value), time // DAY_MS
        for day in np.unique(days).tolist():
            self._write_day(self._hot(day), _where(ordered, days == day), closed)

    def _write_day(self, hot: Hot, rows: Rows, closed: int) -> None:
        is_kept = rows.time >= self.raw_from
        kept = _where(rows, is_kept)
        if len(kept.time):
            insert(self.db, hot.points, _columns_of_rows(kept))
        is_late = (rows.time < closed) | ~is_kept
        if not is_late.any():
            return
        late = _where(rows, is_late)
        partials = fold(late.series, late.time, late.value, MINUTE_MS)
        insert(self.db, hot.minutes, _columns_of_partials(partials))
        self._write_late_bins(hot, late, is_kept[is_late])

    def _write_late_bins(self, hot: Hot, late: Rows, is_kept: NDArray[np.bool_]) -> None:
        binned = _where(late, self.distributions[late.series] | ~is_kept)
        if len(binned.time):
            bins = histogram.fold(binned.series, binned.time, binned.value, MINUTE_MS)
            insert(self.db, hot.bins, _columns_of_bins(bins))

    def _close_minutes(self, closed: int, now_closed: int) -> None:
        if now_closed <= closed:
            return
        for hot in self.manifest.hot_in(closed, now_closed):
            names = {"points": hot.points, "minutes": hot.minutes, "bins": hot.bins}
            span = {"start": closed, "end": now_closed, "width": MINUTE_MS}
            texts = {"columns": RAW_PARTIAL, "merged": MERGED, "bin": BIN}
            self.db.execute(_CLOSE_MINUTES.format(**names, **span, **texts))
            if self.distributions.any():
                self.db.execute(_CLOSE_BINS.format(**names, **span, **texts))

    def _hot(self, day: int) -> Hot:
        """The hot tables that take rows of a day, made if need be."""
        generations = [hot.generation for hot in self.manifest.hot if hot.day == day]
        newest = Hot(day, max(generations, default=0))
        if generations and newest not in self.sealed:
            return newest
        hot = Hot(day, newest.generation + 1)
        names = {"points": hot.points, "minutes": hot.minutes, "bins": hot.bins}
        self.db.execute(HOT_TABLES.format(**names))
        self.manifest = replace(self.manifest, hot=(*self.manifest.hot, hot))
        return hot


def insert(db: duckdb.DuckDBPyConnection, table: str, columns: dict[str, Any]) -> None:
    """Add rows, given as columns in the table's order."""
    db.register("incoming", columns)
    db.execute(f"INSERT INTO {table} SELECT * FROM incoming")  # noqa: S608
    db.unregister("incoming")


def write_catalogue(db: duckdb.DuckDBPyConnection, append: Append) -> None:
    """Enter new series, and metrics that are new or have changed."""
    if append.series:
        insert(db, "series", _columns_of_series(append.series))
    if append.metrics:
        db.register("incoming", _columns_of_metrics(append.metrics))
        db.execute("INSERT OR REPLACE INTO metrics SELECT * FROM incoming")
        db.unregister("incoming")


def distributions(known: NDArray[np.bool_], append: Append) -> NDArray[np.bool_]:
    """By series id, whether it is of a distribution, with those of this append and its rows."""
    ids = [new.id for new in append.series]
    size = max(len(known), max(ids, default=-1) + 1, int(append.rows.series.max(initial=-1)) + 1)
    if size == len(known) and not ids:
        return known
    # Twice as many, so that a few new series an append do not copy it each time.
    grown = np.zeros(size if size <= len(known) else 2 * size, bool)
    grown[: len(known)] = known
    grown[[new.id for new in append.series if new.type is MetricType.DISTRIBUTION]] = True
    return grown


def to_json(value: object) -> str:
    """JSON text."""
    return msgspec.json.encode(value).decode()


def _columns_of_series(series: Sequence[NewSeries]) -> dict[str, Any]:
    return {
        "id": np.array([new.id for new in series], np.int32),
        "name": _texts(new.key.name for new in series),
        "tags": _texts(to_json(dict(new.key.tags)) for new in series),
        "type": _texts(new.type.value for new in series),
    }


def _columns_of_metrics(metrics: Sequence[Metric]) -> dict[str, Any]:
    return {
        "name": _texts(metric.name for metric in metrics),
        "type": _texts(metric.type.value for metric in metrics),
        "first_seen": np.array([metric.first_seen for metric in metrics], np.int64),
        "last_seen": np.array([metric.last_seen for metric in metrics], np.int64),
        "metadata": _texts(to_json(metric.metadata) for metric in metrics),
    }


def _texts(texts: Iterable[str]) -> NDArray[np.object_]:
    return np.array(list(texts), object)


def _where(rows: Rows, chosen: NDArray[np.bool_]) -> Rows:
    if chosen.all():
        return rows
    return Rows(rows.series[chosen], rows.time[chosen], rows.value[chosen])


def _columns_of_rows(rows: Rows) -> dict[str, Any]:
    return {"series": rows.series.astype(np.int32), "time": rows.time, "value": rows.value}


def _columns_of_partials(rows: Partials) -> dict[str, Any]:
    columns = {name: getattr(rows, name) for name in ("count", "total", "low", "high", "last")}
    key = {"series": rows.key.astype(np.int32), "bucket": rows.bucket}
    return {**key, **columns, "last_at": rows.last_at}


def _columns_of_bins(rows: Bins) -> dict[str, Any]:
    columns = {"bin": rows.bin.astype(np.int32), "count": rows.count}
    return {"series": rows.key.astype(np.int32), "bucket": rows.bucket, **columns}
