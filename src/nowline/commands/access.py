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
from nowline.errors import Code, NowlineError, invalid
from nowline.lock import address_of
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


@asynccontextmanager
async def elsewhere(url: str, key: str | None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of any server, with a key that somebody gave; it waits for answers.

    Raises:
        NowlineError: The address or the key is none.
    """
    if key is None:
        raise invalid(
            "--key", "is needed with --url: make one with `nowline key create` over there"
        )
    try:
        http = httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(None, connect=_CONNECT_S))
        http.headers["authorization"] = f"Bearer {key}"
    except (ValueError, httpx.InvalidURL) as error:
        raise invalid("--url", "is no address, or --key no key") from error
    async with http:
        yield http


def running_on(settings: Settings) -> str:
    """Where the server of a data folder listens.

    Raises:
        NowlineError: None runs.
    """
    address = address_of(settings.data_dir)
    if address is None:
        detail = f"No server runs on {settings.data_dir}: start one with `nowline up` or give --url"
        raise NowlineError(Code.UNAVAILABLE, detail)
    return address


async def ask(http: httpx.AsyncClient, request: httpx.Request) -> bytes:
    """What a server answers.

    Raises:
        NowlineError: It does not answer, or refuses.
    """
    address = str(http.base_url)
    try:
        answer = await http.send(request)
    except httpx.HTTPError as error:
        reason = f"{address} does not answer: {error or type(error).__name__}."
        raise NowlineError(Code.UNAVAILABLE, reason) from error
    if not answer.is_success:
        raise refusal(address, answer.content)
    return answer.content


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
