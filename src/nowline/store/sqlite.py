"""All that is peculiar to SQLite as the documents database, so that nothing else has to be."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

_PRAGMAS = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


def create_engine(url: URL) -> AsyncEngine:
    """An engine on a file that only its owner may read, made if it is not there.

    A connection with the execution option `writes` takes the write lock when its transaction
    begins: one that reads first and locks later is refused when another wrote in between.
    """
    make_private(file_of(url))
    # Without its own idea of transactions the driver leaves them, schema changes
    # included, to the BEGIN below.
    engine = create_async_engine(url, connect_args={"isolation_level": None})
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def file_of(url: URL) -> Path:
    """The file that a `sqlite` URL names."""
    return Path(url.database or "")


def back_up(file: Path, copy: Path) -> None:
    """Copy a database that may be in use, to a file that only its owner may read."""
    make_private(copy)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def make_private(file: Path) -> None:
    """Make the file if need be, for its owner only; SQLite gives its side files the same mode."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _set_up(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
