"""Stores that an older Nowline wrote."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from nowline.errors import NowlineError
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.store.base import Span
from nowline.store.catalogue import Catalogue
from nowline.store.embedded import EmbeddedStore
from reference import Row, assert_equal, cells, selection
from stores import FOREVER

FORMAT_1 = """
CREATE TABLE points (series INTEGER, time BIGINT, value DOUBLE);
CREATE TABLE rollup_1m (
    series INTEGER, bucket BIGINT, count BIGINT,
    total DOUBLE, low DOUBLE, high DOUBLE, last DOUBLE, last_at BIGINT
);
CREATE TABLE metrics (
    name VARCHAR PRIMARY KEY, type VARCHAR, first_seen BIGINT, last_seen BIGINT, metadata VARCHAR
);
CREATE TABLE series (id INTEGER, name VARCHAR, tags VARCHAR);
CREATE TABLE progress (log_id VARCHAR, log_offset BIGINT, closed_before BIGINT);
INSERT INTO metrics VALUES ('a', 'distribution', 1, 9, '{"unit":"ms"}');
INSERT INTO series VALUES (0, 'a', '{}'), (1, 'a', '{"k":"v"}');
"""
CLOSED = 2 * DAY_MS + HOUR_MS
ROWS = [
    Row(series, time, float(series + 1))
    for series in range(2)
    for time in (5, MINUTE_MS, DAY_MS - 1, 2 * DAY_MS, CLOSED - 1, CLOSED, CLOSED + 5)
]


def write_format_1(path: Path) -> None:
    with duckdb.connect(str(path)) as db:
        db.execute(FORMAT_1)
        db.executemany("INSERT INTO points VALUES (?, ?, ?)", [list(row) for row in ROWS])
        db.execute(
            "INSERT INTO rollup_1m SELECT series, time // 60000 * 60000, count(*), sum(value), "
            "min(value), max(value), arg_max(value, time), max(time) FROM points "
            "WHERE time < ? GROUP BY 1, 2",
            [CLOSED],
        )
        db.execute("INSERT INTO progress VALUES ('log', 7, ?)", [CLOSED])


async def test_a_store_of_the_first_format_is_taken_over_whole(tmp_path: Path) -> None:
    write_format_1(tmp_path / "store.duckdb")
    for _ in range(2):
        store = await EmbeddedStore.open(tmp_path / "store.duckdb", FOREVER)
        catalogue = Catalogue()
        await store.load(catalogue)
        assert catalogue.metrics["a"].metadata == {"unit": "ms"}
        assert await store.offset("log") == 7
        for width in (1_000, MINUTE_MS, DAY_MS):
            span = Span(0, 3 * DAY_MS, width)
            found = await store.partials(selection({0: 0, 1: 1}), span)
            assert_equal(found, cells(ROWS, {0: 0, 1: 1}, 0, 3 * DAY_MS, width))
            binned = await store.bins(selection({0: 0, 1: 0}), span, distribution=True)
            assert binned.bins.count.sum() == len(ROWS)
        await store.close()


async def test_a_store_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    store = await EmbeddedStore.open(tmp_path / "store.duckdb", FOREVER)
    await store.close()
    with duckdb.connect(str(tmp_path / "store.duckdb")) as db:
        db.execute("UPDATE format SET version = 99")
    with pytest.raises(NowlineError, match="format 99"):
        await EmbeddedStore.open(tmp_path / "store.duckdb", FOREVER)


async def test_segments_of_a_lost_database_are_not_taken_for_leftovers(tmp_path: Path) -> None:
    store = await EmbeddedStore.open(tmp_path / "store.duckdb", FOREVER)
    await store.close()
    (tmp_path / "store.duckdb").unlink()
    segment = tmp_path / "store.segments" / "1-raw-0a.parquet"
    segment.write_bytes(b"rows")
    with pytest.raises(NowlineError, match=r"restore a backup"):
        await EmbeddedStore.open(tmp_path / "store.duckdb", FOREVER)
    assert segment.exists()
