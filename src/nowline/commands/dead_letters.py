"""`nowline dead-letters`: through the server that runs on the folder, or on its files."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
import msgspec

from nowline.api.dead_letters import LetterList, LetterView
from nowline.bus.opening import open_log
from nowline.clock import SystemClock
from nowline.commands import access
from nowline.config import Settings
from nowline.errors import Code, NowlineError, invalid
from nowline.lock import DirectoryLock, LockedError, address_of
from nowline.rollup.dead_letters import DeadLetters
from nowline.store.documents import Documents

T = TypeVar("T")

_PATH = "/api/v1/dead-letters"
_AT_ONCE = 1000


def list_all(settings: Settings) -> list[LetterView]:
    """All dead letters.

    Raises:
        LockedError: Something other than a server uses the folder.
        NowlineError: They cannot be asked for.
    """
    return _run(settings, lambda letters: letters.all())


def replay(settings: Settings, ids: Sequence[str] | None) -> int:
    """Have batches taken in once more; all of them if no ids are given.

    Returns:
        How many.

    Raises:
        LockedError: Something other than a server uses the folder.
        NowlineError: One of them is not there or is not taken; those before it are done.
    """
    return _run(settings, lambda letters: _each(letters, letters.replay, ids))


def drop(settings: Settings, ids: Sequence[str] | None) -> int:
    """Delete batches for good; the rest is as in `replay`."""
    return _run(settings, lambda letters: _each(letters, letters.drop, ids))


def choose(ids: list[str], *, everything: bool) -> list[str] | None:
    """The dead letters that a command line names; None for all of them.

    Raises:
        NowlineError: It names none, or some and all.
    """
    if everything == bool(ids):
        raise invalid("ID", "name some, or give --all")
    return None if everything else ids


def json(letters: Sequence[LetterView]) -> str:
    """All of them, for programs."""
    return msgspec.json.format(msgspec.json.encode({"dead_letters": letters})).decode()


def table(letters: Sequence[LetterView]) -> Iterator[str]:
    """A line for each, for people."""
    head = ("ID", "AT", "GROUP", "ROWS", "BYTES", "REASON")
    rows = [head, *(_row(letter) for letter in letters)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head) - 1)]
    for *cells, reason in rows:
        padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        yield "  ".join((*padded, reason))


class _Letters(ABC):
    """What the commands do, wherever the letters are."""

    @abstractmethod
    async def all(self) -> list[LetterView]: ...

    @abstractmethod
    async def replay(self, letter: str) -> None: ...

    @abstractmethod
    async def drop(self, letter: str) -> None: ...


class _OfServer(_Letters):
    """Those of a running server."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def all(self) -> list[LetterView]:
        found: list[LetterView] = []
        cursor: str | None = "0"
        while cursor is not None:
            body = await self._ask("GET", f"{_PATH}?limit={_AT_ONCE}&cursor={cursor}")
            page = msgspec.json.decode(body, type=LetterList)
            found += page.dead_letters
            cursor = page.next_cursor
        return found

    async def replay(self, letter: str) -> None:
        await self._ask("POST", f"{_PATH}/{letter}/replay")

    async def drop(self, letter: str) -> None:
        await self._ask("DELETE", f"{_PATH}/{letter}")

    async def _ask(self, method: str, path: str) -> bytes:
        return await access.ask(self._http, self._http.build_request(method, path))


class _OfFiles(_Letters):
    """Those of a folder that no server uses."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters

    async def all(self) -> list[LetterView]:
        page = self._letters.page(0, 1 << 62)
        return [LetterView.of(letter) for letter in page.letters]

    async def replay(self, letter: str) -> None:
        await self._letters.replay(_number(letter), access.BY)

    async def drop(self, letter: str) -> None:
        await self._letters.drop(_number(letter), access.BY)


def _run(settings: Settings, work: Callable[[_Letters], Awaitable[T]]) -> T:
    async def run() -> T:
        async with _opened(settings) as letters:
            return await work(letters)

    if not settings.data_dir.is_dir():
        raise NowlineError(Code.NOT_FOUND, f"There is no folder {settings.data_dir}.")
    return asyncio.run(run())


async def _each(
    letters: _Letters, do: Callable[[str], Awaitable[None]], ids: Sequence[str] | None
) -> int:
    if ids is None:
        ids = [letter.id for letter in await letters.all()]
    for letter in ids:
        await do(letter)
    return len(ids)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[_Letters]:
    try:
        lock = DirectoryLock.acquire(settings.data_dir)
    except LockedError:
        address = address_of(settings.data_dir)
        if address is None:
            raise
        async with access.as_admin(settings, address, "nowline dead-letters") as http:
            yield _OfServer(http)
        return
    with lock:
        lock.announce("looking after dead letters")
        async with _of_files(settings) as letters:
            yield letters


@asynccontextmanager
async def _of_files(settings: Settings) -> AsyncIterator[_Letters]:
    bus = await open_log(settings.bus_url, settings.data_dir)
    try:
        documents = await Documents.open(settings.documents_url)
        try:
            yield _OfFiles(DeadLetters(bus, documents, SystemClock()))
        finally:
            await documents.close()
    finally:
        await bus.close()


def _number(letter: str) -> int:
    if not (letter.isascii() and letter.isdigit()):
        raise NowlineError(Code.NOT_FOUND, f"There is no dead letter {letter}.")
    return int(letter)


def _row(letter: LetterView) -> tuple[str, ...]:
    rows = "?" if letter.rows is None else str(letter.rows)
    return letter.id, letter.at, letter.group, rows, str(letter.bytes), letter.reason
