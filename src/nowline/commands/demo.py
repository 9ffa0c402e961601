"""`nowline demo`: finds the server to feed, and a key for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypedDict

from nowline import demo
from nowline.commands import access
from nowline.config import Settings
from nowline.errors import invalid
from nowline.model.user import Scope


class Options(TypedDict):
    """What the shop is like; as `nowline.demo.run` has it."""

    rate: float
    backfill: timedelta | None
    seed: int
    duration: timedelta | None


async def run(settings: Settings, url: str | None, key: str | None, options: Options) -> int:
    """Feed a server until told to stop.

    Args:
        settings: Whose data folder tells the server, and makes a key, where none are given.
        url: The server.
        key: An ingest key.
        options: What the shop is like.

    Returns:
        The exit code.

    Raises:
        NowlineError: There is no server, or no key for it.
    """
    given = key or settings.ingest_key
    address = url or access.running_on(settings)
    if url and given is None:
        raise invalid("--key", "is needed with --url, since only the server's folder can make one")
    async with _ingest_key(settings, given) as secret:
        return await demo.run(address, secret, **options)


@asynccontextmanager
async def _ingest_key(settings: Settings, given: str | None) -> AsyncIterator[str]:
    """The given key, or one of the data folder that is deleted at the end."""
    if given is not None:
        yield given
        return
    async with access.temporary_key(settings, "nowline demo", Scope.INGEST) as key:
        yield key
