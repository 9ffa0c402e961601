"""Stores that an older Nowline wrote."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from nowline.errors import Code, NowlineError
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.store.base import Append, Rows, Span
from nowline.store.catalogue import Catalogue, NewSeries
from nowline.store.embedded import EmbeddedStore
from nowline.store.registry import FORMAT
from reference import Row, assert_equal, cells, columns, selection
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


async def test_a_takeover_that_was_cut_short_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.duckdb"
    write_format_1(path)
    synced = 0

    def fail_later(descriptor: int, sync: Callable[[int], None] = os.fsync) -> None:
        nonlocal synced
        synced += 1
        if synced == 12:
            raise OSError(errno.ENOSPC, "no room")
        sync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail_later)
        with pytest.raises(OSError, match="no room"):
            await EmbeddedStore.open(path, FOREVER)
    assert list((tmp_path / "store.segments").iterdir()) == []
    (tmp_path / "store.segments" / "0-raw-left.nlb").write_bytes(b"by a crash")
    store = await EmbeddedStore.open(path, FOREVER)
    assert len((await store.rows_since(0)).time) == len(ROWS)
    assert store.faults() == []
    assert not (tmp_path / "store.segments" / "0-raw-left.nlb").exists()
    await store.close()


async def a_store(path: Path) -> None:
    """A store of today's format with a row in files."""
    store = await EmbeddedStore.open(path, FOREVER)
    rows = Rows(*columns([Row(0, 5, 1.0)]))
    series = [NewSeries(0, SeriesKey.of("a", {}), MetricType.GAUGE)]
    await store.append(Append(rows, [], series, "log", 1, 0))
    await store.close()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("version", "advice"), [(2, "restore a backup"), (4, "start the newer version"), (99, "newer")]
)
async def test_a_store_of_another_format_is_refused_and_left_as_it_is(
    tmp_path: Path, version: int, advice: str
) -> None:
    path = tmp_path / "store.duckdb"
    await a_store(path)
    (tmp_path / "store.segments" / "0-raw-left.nlb").write_bytes(b"unknown to this version")
    with duckdb.connect(str(path)) as db:
        db.execute("UPDATE format SET version = ?", [version])
    before = contents(tmp_path)
    for _ in range(2):
        with pytest.raises(NowlineError, match=rf"format {version}\b.*{advice}") as refused:
            await EmbeddedStore.open(path, FOREVER)
        assert refused.value.code is Code.CONFLICT
    assert contents(tmp_path) == before


async def test_files_of_a_lost_database_are_not_taken_for_leftovers(tmp_path: Path) -> None:
    await a_store(tmp_path / "store.duckdb")
    (tmp_path / "store.duckdb").unlink()
    files = contents(tmp_path / "store.segments")
    assert files
    for _ in range(2):
        with pytest.raises(NowlineError, match=r"restore a backup") as refused:
            await EmbeddedStore.open(tmp_path / "store.duckdb", FOREVER)
        assert refused.value.code is Code.CONFLICT
    assert contents(tmp_path / "store.segments") == files


async def test_files_that_no_flush_entered_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    await a_store(path)
    left = tmp_path / "store.segments" / "0-raw-left.nlb"
    left.write_bytes(b"by a crash")
    store = await EmbeddedStore.open(path, FOREVER)
    assert not left.exists()
    assert (await store.rows_since(0)).value.tolist() == [1.0]
    await store.close()


async def test_a_database_without_its_format_yet_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    await a_store(path)
    with duckdb.connect(str(path)) as db:
        db.execute("DELETE FROM format")
    store = await EmbeddedStore.open(path, FOREVER)
    assert (await store.rows_since(0)).value.tolist() == [1.0]
    await store.close()
    with duckdb.connect(str(path)) as db:
        assert db.execute("SELECT version FROM format").fetchall() == [(FORMAT,)]
