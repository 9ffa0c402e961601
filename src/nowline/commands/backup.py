"""`nowline backup` and `nowline restore`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import httpx

from nowline.backup import staging
from nowline.backup.archive import sync
from nowline.backup.restore import Restore, Restored
from nowline.backup.staging import Sources
from nowline.clock import SystemClock
from nowline.commands import access
from nowline.config import Settings
from nowline.errors import Code, NowlineError
from nowline.lock import DirectoryLock, LockedError, address_of

STDOUT = Path("-")
"""What names standard output."""
_UNSUPPORTED = (
    "The data is in PostgreSQL: back it up with pg_dump, restore it with pg_restore, and keep"
    " {folder} with the other files."
)


def back_up(settings: Settings, file: Path) -> int:
    """Write a backup of the data folder to a file, or to standard output for `-`.

    Returns:
        Its size in bytes.

    Raises:
        LockedError: Something other than a server uses the folder.
        NowlineError: It could not be made; no file is left then.
        OSError: The file cannot be written.
    """
    _refuse_postgresql(settings)
    if not settings.data_dir.is_dir():
        raise NowlineError(Code.NOT_FOUND, f"There is no folder {settings.data_dir}.")
    if file == STDOUT and sys.stdout.isatty():
        raise NowlineError(Code.INVALID, "A backup is nothing to look at: redirect it to a file.")
    # A job that is told to end cleans up as it does on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    with _target(file) as target:
        return asyncio.run(_write(settings, target))


def restore(
    data_dir: Path, file: Path, store_of: Callable[[Path | None], Path], *, replace: bool
) -> Restored:
    """Put a backup in the place of the data folder.

    Args:
        data_dir: The data folder.
        file: The backup.
        store_of: Where the DuckDB file is to be, given the settings file of the backup.
        replace: Whether what is there may be moved aside.

    Raises:
        LockedError: A server runs on the folder.
        NowlineError: There is data already, or the backup is not whole or too new.
        OSError: A file cannot be read or written.
    """
    os.umask(0o077)
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    return Restore(file, data_dir.resolve(), store_of, stamp, replace=replace).run()


def store_path(settings: Settings) -> Path:
    """Where the DuckDB file is.

    Raises:
        NowlineError: The data is in PostgreSQL.
    """
    _refuse_postgresql(settings)
    return settings.store_path.resolve()


def _refuse_postgresql(settings: Settings) -> None:
    if not settings.store_url.startswith("duckdb:"):
        raise NowlineError(Code.UNSUPPORTED, _UNSUPPORTED.format(folder=settings.data_dir))


async def _write(settings: Settings, target: IO[bytes]) -> int:
    size = 0
    async with _pieces(settings) as pieces:
        async for piece in pieces:
            size += await asyncio.to_thread(target.write, piece)
    return size


@asynccontextmanager
async def _pieces(settings: Settings) -> AsyncIterator[AsyncIterator[bytes]]:
    """The archive: from the server that runs on the folder, or else made here."""
    try:
        lock = DirectoryLock.acquire(settings.data_dir)
    except LockedError:
        address = address_of(settings.data_dir)
        if address is None:
            raise
        async with _from_server(settings, address) as pieces:
            yield pieces
        return
    with lock:
        lock.announce("making a backup")
        async with _at_rest(settings) as pieces:
            yield pieces


@asynccontextmanager
async def _from_server(settings: Settings, address: str) -> AsyncIterator[AsyncIterator[bytes]]:
    async with access.as_admin(settings, address, "nowline backup") as http:
        try:
            async with http.stream("POST", "/api/v1/backup") as answer:
                if answer.status_code != httpx.codes.OK:
                    raise access.refusal(address, await answer.aread())
                yield answer.aiter_bytes()
        except httpx.HTTPError as error:
            reason = f"The backup from {address} broke off: {error or type(error).__name__}."
            raise NowlineError(Code.UNAVAILABLE, reason) from error


@asynccontextmanager
async def _at_rest(settings: Settings) -> AsyncIterator[AsyncIterator[bytes]]:
    os.umask(0o077)
    sources = Sources.of(settings.data_dir, settings.store_path)
    staging.remove_left_over(sources)
    take = staging.take_at_rest(sources.store)
    staged = await staging.stage(sources, take, SystemClock().now_ms())
    try:
        yield _in_turn(staged.pack())
    finally:
        await asyncio.to_thread(staged.remove)


async def _in_turn(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@contextmanager
def _target(file: Path) -> Iterator[IO[bytes]]:
    """Where to write to; a file gets its name when it is whole and on disk."""
    if file == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if file.exists() and not file.is_file():
        raise NowlineError(Code.INVALID, f"{file} is there already and is no file.")
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync(file.parent)
