"""A Redis that may be slow, lost or full: what it does not answer at once is not waited for."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

Command = tuple[bytes | str | int, ...]

_MOST_CONNECTIONS = 8
_READ_SIZE = 256 << 10
# So many failures in a row, and nobody is made to wait any more.
_MOST_FAILURES = 3

log = logging.getLogger(__name__)


class Link:
    """Connections to one Redis, used while it answers.

    It is down until `restore` is called, and again after a few failures in a row or when the
    server turns out to be another one than before: a restarted Redis may have forgotten some of
    what it was told, and remember the rest.

    Attributes:
        is_up: Whether it is used.
        errors: How many calls and commands failed.
    """

    def __init__(self, url: str) -> None:
        self.is_up = False
        self.errors = 0
        self._failures = 0
        self._is_known_lost = False
        self._server: bytes | None = None
        pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            url,
            max_connections=_MOST_CONNECTIONS,
            timeout=None,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=None,
            socket_read_size=_READ_SIZE,
            redis_connect_func=self._on_connect,
        )
        self._client = Redis.from_pool(pool)
        where = pool.connection_kwargs
        self._name = f"{where.get('host')}:{where.get('port', 6379)}"

    async def ask(self, commands: Sequence[Command], limit_s: float) -> list[object] | None:
        """The replies to commands sent in one go, None if the Redis is down or too slow.

        A command that it refuses has the error as its reply.
        """
        replies = await self.try_out(commands, limit_s) if self.is_up else None
        # While it was asked, others may have found out that it is down.
        return replies if self.is_up else None

    async def try_out(self, commands: Sequence[Command], limit_s: float) -> list[object] | None:
        """As `ask`, even while it is down."""
        try:
            async with asyncio.timeout(limit_s):
                replies = await self._send(commands)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong with it, we go on without
            self._fail(error)
            return None
        self._failures = 0
        self.errors += sum(isinstance(reply, Exception) for reply in replies)
        return replies

    def restore(self) -> None:
        """Use it from now on."""
        self.is_up = True
        self._failures = 0
        if self._is_known_lost:
            log.info("The cache at %s is used again.", self._name)
        self._is_known_lost = False

    def lose(self, why: str) -> None:
        """Use it no more until it is restored.

        Args:
            why: What it did, as in "The cache …"; logged once.
        """
        self.is_up = False
        if not self._is_known_lost:
            log.warning("The cache at %s %s; going on without it.", self._name, why)
        self._is_known_lost = True

    async def close(self) -> None:
        """End the connections."""
        self.is_up = False
        await self._client.aclose()

    async def _send(self, commands: Sequence[Command]) -> list[object]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[object] = await pipeline.execute(raise_on_error=False)
        return replies

    def _fail(self, error: Exception) -> None:
        self.errors += 1
        self._failures += 1
        if self._failures >= _MOST_FAILURES or not self.is_up:
            self.lose(f"does not answer ({type(error).__name__})")

    async def _on_connect(self, connection: AbstractConnection) -> None:
        await connection.on_connect()
        server = await _server_of(connection)
        if self.is_up and server != self._server:
            self.lose("was restarted")
        self._server = server


async def _server_of(connection: AbstractConnection) -> bytes:
    """Which run of which server it is; empty where it does not tell."""
    try:
        await connection.send_command("INFO", "server")
        told = re.search(rb"run_id:(\w+)", await connection.read_response())
    except ResponseError:
        return b""
    return told[1] if told else b""
