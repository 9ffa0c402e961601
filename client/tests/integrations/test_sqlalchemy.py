from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import QueuePool

from nowline_client import Nowline
from nowline_client.integrations.sqlalchemy import instrument
from receiver import Receiver

pytest_plugins = ["recording"]


def test_statements_are_timed_by_what_they_do(
    receiver: Receiver, nl: Nowline, tmp_path: Path
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/shop.db")
    instrument(nl, engine, database="shop")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER)"))
        for order in range(3):
            connection.execute(text("  insert INTO orders VALUES (:id)"), {"id": order})
        assert connection.scalar(text("SELECT count(*) FROM orders")) == 3
        connection.execute(text("PRAGMA user_version"))
    engine.dispose()
    assert nl.flush()
    rows = receiver.metric("db.query.duration")
    operations = [row["tags"]["operation"] for row in rows]
    assert operations == ["CREATE", "INSERT", "INSERT", "INSERT", "SELECT", "OTHER"]
    assert {row["tags"]["database"] for row in rows} == {"shop"}
    assert all(0 < row["value"] < 20_000 for row in rows)
    assert {row["type"] for row in rows} == {"distribution"}


def test_a_statement_that_fails_is_counted_and_the_next_is_timed(
    receiver: Receiver, nl: Nowline
) -> None:
    engine = create_engine("sqlite://")
    instrument(nl, engine)
    with engine.connect() as connection:
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT * FROM nothing"))
        connection.execute(text("SELECT 1"))
    engine.dispose()
    assert nl.flush()
    (failed,) = receiver.metric("db.query.errors")
    assert (failed["value"], failed["tags"]) == (1, {"database": "default", "operation": "SELECT"})
    assert len(receiver.metric("db.query.duration")) == 1


def test_the_pool_is_read_before_each_flush(
    receiver: Receiver, nl: Nowline, tmp_path: Path
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/shop.db", poolclass=QueuePool, pool_size=3)
    instrument(nl, engine)
    with engine.connect(), engine.connect():
        pass
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        assert nl.flush()
    engine.dispose()
    levels = {row["name"]: row["value"] for row in receiver.rows("metrics")}
    assert levels["db.pool.in_use"] == 1
    assert levels["db.pool.idle"] == 1
    assert levels["db.pool.size"] == 3


async def test_an_async_engine_is_timed_alike(
    receiver: Receiver, nl: Nowline, tmp_path: Path
) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/shop.db")
    instrument(nl, engine)
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        assert await asyncio.to_thread(nl.flush)
    await engine.dispose()
    assert len(receiver.metric("db.query.duration")) == 1
    assert [row["value"] for row in receiver.metric("db.pool.in_use")] == [1]
