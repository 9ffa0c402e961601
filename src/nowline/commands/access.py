"""A running server and a data folder as the commands reach them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec

from nowline.auth.accounts import Accounts
from nowline.auth.directory import Directory
from nowline.auth.passwords import Passwords
from nowline.clock import SystemClock
from nowline.config import Settings
from nowline.errors import Code, NowlineError
from nowline.model.user import TEMPORARY_KEY, Caller, Scope
from nowline.store.documents import Documents

BY = Caller("command line")
"""Who the audit trail says that a command is."""
_CONNECT_S = 10


class _Problem(msgspec.Struct):
    """What is of use of a problem document (RFC 9457)."""

    detail: str


@asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncIterator[Accounts]:
    """The users and keys of a data folder, whether or not a server runs on it."""
    documents = await Documents.open(settings.documents_url)
    try:
        clock = SystemClock()
        directory = Directory(documents, start_key=None, now_ms=clock.now_ms())
        yield Accounts(documents, clock, Passwords(), directory)
    finally:
        await documents.close()


@asynccontextmanager
async def temporary_key(settings: Settings, name: str, scope: Scope) -> AsyncIterator[str]:
    """An API key that is deleted at the end, and in no backup.

    Args:
        settings: Whose data folder it is for.
        name: The command that needs it.
        scope: What it may do.
    """
    async with open_accounts(settings) as accounts:
        key, secret = await accounts.create_key(TEMPORARY_KEY + name, frozenset({scope}), BY)
        try:
            yield secret
        finally:
            await accounts.delete_key(key.id, BY)


@asynccontextmanager
async def as_admin(settings: Settings, url: str, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the folder's own server that may do everything; it waits for answers."""
    async with temporary_key(settings, name, Scope.ADMIN) as key, client(url) as http:
        http.headers["authorization"] = f"Bearer {key}"
        yield http


def refusal(url: str, body: bytes) -> NowlineError:
    """Why a server did not do something, in its own words."""
    try:
        detail = msgspec.json.decode(body, type=_Problem).detail
    except msgspec.DecodeError:
        detail = "it gave no reason."
    return NowlineError(Code.UNAVAILABLE, f"{url} refused: {detail}")


def client(url: str) -> httpx.AsyncClient:
    """A client without credentials of a server on this machine."""
    timeout = httpx.Timeout(None, connect=_CONNECT_S)
    # A proxy between two programs on one machine helps nobody.
    return httpx.AsyncClient(base_url=url, timeout=timeout, trust_env=False)
