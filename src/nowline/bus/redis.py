"""The log in Redis: a stream whose entries are numbered as those of the embedded log.

One server at a time writes it, under a lease. A server that dies leaves what it had not committed
to the next one: that reads on from what the store has. Since there is one writer, it numbers the
records itself, and knows which of them it was told to have: an append whose answer was lost is
undone and made again, or refused.

Redis says that it has a record once its own rules for the append-only file are met. With
`appendfsync always` it is on disk by then. WAITAOF would wait for the same with `everysec`, a
second for each append; who wants that is better off with `always`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import msgspec

from nowline.bus.base import DeadLetter, LogState, Record
from nowline.bus.grouped import Found, GroupedLog
from nowline.bus.redis_link import LEASE_S, Link, UnreachableError
from nowline.bus.redis_scripts import APPEND, BLOB, BURY, DROP, READ, SAVE
from nowline.errors import Code, NowlineError

# Whoever appends is made to wait so long for a Redis that is gone, and then told.
_PATIENCE_S = 5.0
_HOLDER_BYTES = 16

log = logging.getLogger(__name__)


class RedisLog(GroupedLog):
    """See `Log`. Make it with `await RedisLog.open(url, holder)`."""

    def __init__(self, link: Link, found: Found) -> None:
        super().__init__(found)
        self._link = link
        keeping = link.keep(found.id, lambda: self._head, self._missing)
        self._keeper = asyncio.create_task(keeping)
        self._keeper.add_done_callback(lambda _: self._grown.set())

    @classmethod
    async def open(cls, url: str, holder: Path, lease_s: float = LEASE_S) -> Self:
        """Open the log in this database, making it if there is none.

        Args:
            url: `redis://…` or `rediss://…`.
            holder: A file that tells this server from others; it is made if it is not there.
            lease_s: For how long after its last sign of life nobody else may write.

        Raises:
            NowlineError: Redis cannot be used for a log, or another server uses this one.
        """
        link = Link(url, _holder(holder), lease_s)
        _, log_id, head, commits, letters = await link.open(secrets.token_hex(_HOLDER_BYTES))
        level = logging.INFO if link.promise.is_safe else logging.WARNING
        log.log(level, "The log is in Redis at %s. %s.", link.name, link.promise.text)
        return cls(link, Found(log_id.decode(), int(head), _commits(commits), _letters(letters)))

    async def wait(self, after: int) -> None:
        """Return once the head is above `after` and Redis can be asked.

        Raises:
            NowlineError: Another server has taken the log over.
        """
        while self._head <= after and self._link.taken_over is None:
            self._grown.clear()
            await self._grown.wait()
        await self._link.wait_up()

    def state(self) -> LogState:
        """Depth and head as of now, and what this Redis does not promise."""
        link = self._link
        fault = None if link.is_up else f"Redis at {link.name} does not answer"
        warnings = () if link.promise.is_safe else (f"The log: {link.promise.text}.",)
        return replace(super().state(), fault=fault, warnings=warnings)

    async def _persist(self, first: int, blobs: Sequence[bytes], letters: Sequence[int]) -> None:
        while True:
            try:
                await self._link.ask(APPEND, first, len(letters), *letters, *blobs)
            except UnreachableError:
                await self._be_patient()
            else:
                return

    async def _be_patient(self) -> None:
        """Wait until Redis is back.

        Raises:
            NowlineError: That takes too long. What is on its way there is of an old session when
                it is back, and what it did of it is undone.
        """
        left = self._link.down_since + _PATIENCE_S - self._loop.time()
        try:
            async with asyncio.timeout(left):
                await self._link.wait_up()
        except TimeoutError:
            detail = f"The log's Redis at {self._link.name} does not answer."
            raise NowlineError(Code.UNAVAILABLE, detail, retry_after_s=2) from None

    async def _look(self) -> tuple[int, list[DeadLetter]]:
        """What nobody was told of is undone by the next session, which begins now."""
        self._link.give_up()
        await self._be_patient()
        return self._head, self.dead_letters()

    async def _fetch(self, after: int, limit_bytes: int) -> list[Record]:
        if not self._link.is_up:
            return []
        try:
            found = await self._link.look(READ, after, limit_bytes)
        except UnreachableError:
            return []
        return [Record(int(found[i]), found[i + 1]) for i in range(0, len(found), 2)]

    async def _save(self, commits: dict[str, int]) -> bool:
        done = min(commits.values(), default=0)
        try:
            await self._link.ask(SAVE, done, *(each for pair in commits.items() for each in pair))
        except (UnreachableError, NowlineError) as error:
            log.warning("The log could not be trimmed: %s", error)
            return False
        return True

    async def _keep(self, letter: DeadLetter, blob: bytes) -> None:
        await self._insist(BURY, letter.id, msgspec.json.encode(letter), blob)

    async def _blob_of(self, letter: int) -> bytes:
        try:
            blob = await self._link.look(BLOB, letter)
        except UnreachableError as error:
            raise NowlineError(Code.UNAVAILABLE, str(error), retry_after_s=2) from error
        return bytes(blob or b"")

    async def _remove(self, letter: int) -> None:
        await self._insist(DROP, letter)

    async def _release(self) -> None:
        self._keeper.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeper
        await self._link.close()

    async def _insist(self, script: str, *arguments: bytes | str | int) -> Any:  # noqa: ANN401
        """Run a script that may be run twice, until there is an answer."""
        while True:
            try:
                return await self._link.ask(script, *arguments)
            except UnreachableError:
                await self._be_patient()

    def _missing(self, head: int) -> tuple[int, list[bytes]]:
        """What is to be appended again to a Redis that has got only as far as `head`.

        Records that are not in memory any more become empty ones: nobody takes them for read.
        """
        first = max(head, min(self._commits.values(), default=0)) + 1
        known = {record.offset: record.blob for record in self._tail}
        return first, [known.get(at, b"") for at in range(first, self._head + 1)]


def _holder(path: Path) -> str:
    """What tells this server from others: the content of a file, made if it is not there."""
    try:
        return path.read_text()
    except FileNotFoundError:
        holder = secrets.token_hex(_HOLDER_BYTES)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(holder)
        return holder


def _commits(told: list[bytes]) -> dict[str, int]:
    return {group.decode(): int(at) for group, at in zip(told[::2], told[1::2], strict=True)}


def _letters(told: list[bytes]) -> list[DeadLetter]:
    return [msgspec.json.decode(letter, type=DeadLetter) for letter in told[1::2]]
