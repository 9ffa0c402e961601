"""The way to the Redis of a log: one writer at a time, back soon after a loss."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import TimeoutError as SlowError

from nowline.bus import redis_scripts
from nowline.bus.redis_promise import Promise, promise_of
from nowline.errors import Code, NowlineError

Argument = bytes | str | int
Missing = Callable[[int], tuple[int, Sequence[bytes]]]

LEASE_S = 10.0
_ANSWER_S = 10.0
_CONNECT_S = 5.0
_OPEN_S = 5.0
_FIRST_RETRY_S = 0.05
_LAST_RETRY_S = 2.0
_SETTINGS = ("appendonly", "appendfsync", "maxmemory-policy")
# It answers, but not as one that takes writes, or not yet.
_NOT_NOW = (ReadOnlyError, ClusterDownError, TryAgainError)
_NOT_NOW_CODES = ("MASTERDOWN", "BUSY ", "FENCED")

log = logging.getLogger(__name__)


class UnreachableError(Exception):
    """Redis cannot be asked now; whether it did what it was last asked is not known."""


class TakenOverError(Exception):
    """Another server writes to the log; the text is its name."""


class Link:
    """Two connections, one to write and one to read, as the only writer of a log.

    Args:
        url: `redis://…` or `rediss://…`.
        holder: Whose log it is: who comes back under the same one need not wait for a lease.
        lease_s: For how long after its last sign of life nobody else may write.
    """

    def __init__(self, url: str, holder: str, lease_s: float) -> None:
        self._url = url
        self._holder = holder
        self._lease_s = lease_s
        self._writer, self._reader = connect(url), connect(url)
        where = self._writer.connection_pool.connection_kwargs
        self.name = f"{where.get('host')}:{where.get('port', 6379)}"
        self.promise = Promise("", is_safe=False)
        self._session = ""
        self._turn = asyncio.Lock()
        self._up, self._lost = asyncio.Event(), asyncio.Event()
        self.down_since = asyncio.get_running_loop().time()
        self.taken_over: str | None = None

    @property
    def is_up(self) -> bool:
        """Whether it can be asked."""
        return self._up.is_set() and self.taken_over is None

    async def open(self, log_id: str) -> list[Any]:
        """Connect, and become the one writer as soon as no other is.

        Args:
            log_id: Which log a new one is.

        Returns:
            What `TAKE` answers.

        Raises:
            NowlineError: Redis cannot be used, or another server goes on using the log.
        """
        try:
            answer = await self._open(log_id)
        except BaseException:
            await self._disconnect()
            raise
        self._up.set()
        return answer

    async def keep(self, log_id: str, head: Callable[[], int], missing: Missing) -> None:
        """Stay the one writer, and come back after a loss, until cancelled or taken over.

        Args:
            log_id: Which log it is.
            head: Tells the newest offset that anybody was told.
            missing: Given the head that Redis has, tells from which offset on it lacks which
                blobs.
        """
        while self.taken_over is None:
            try:
                # Not `wait_for`, which passes over a cancellation that comes together with a loss.
                async with asyncio.timeout(self._lease_s / 3):
                    await self._lost.wait()
            except TimeoutError:
                await self._renew()
            else:
                await self._return(log_id, head, missing)

    async def ask(self, script: str, *arguments: Argument) -> Any:  # noqa: ANN401 - Redis' answer
        """Run a script of the session.

        Raises:
            UnreachableError: There is no answer; it may have been done.
            NowlineError: Redis refuses: nothing was done.
        """
        async with self._turn:
            if not self._up.is_set():
                raise UnreachableError("it does not answer")
            return await self._run(self._writer, script, [self._session, *arguments])

    async def look(self, script: str, *arguments: Argument) -> Any:  # noqa: ANN401 - Redis' answer
        """Run a script that changes nothing; raises as `ask`."""
        return await self._run(self._reader, script, arguments)

    def give_up(self) -> None:
        """End the session: another begins, which undoes what was done of this one untold."""
        if self._up.is_set():
            self.down_since = asyncio.get_running_loop().time()
            self._up.clear()
        self._lost.set()

    async def wait_up(self) -> None:
        """Return once it can be asked.

        Raises:
            NowlineError: It never will: another server has taken the log over.
        """
        await self._up.wait()
        if self.taken_over is not None:
            detail = f"The log at {self.name} was taken over by {self.taken_over}."
            raise NowlineError(Code.UNAVAILABLE, detail)

    async def close(self) -> None:
        """Let the next one in at once, and end the connections."""
        if self.is_up:
            try:
                await self.ask(redis_scripts.RENEW, 0)
            except (UnreachableError, NowlineError) as error:
                log.warning("The lease of the log at %s has to run out: %s", self.name, error)
        await self._disconnect()

    async def _open(self, log_id: str) -> list[Any]:
        loop = asyncio.get_running_loop()
        until, holder = loop.time() + _OPEN_S, ""
        while True:
            try:
                return await self._begin(log_id, lambda: -1)
            except UnreachableError as error:
                if loop.time() > until:
                    detail = f"The log at {self.name} cannot be opened: {error}."
                    raise NowlineError(Code.UNAVAILABLE, detail) from error
            except TakenOverError as error:
                if not holder:
                    log.warning("The log at %s is used by %s; waiting.", self.name, error)
                    # Whoever is alive renews the lease meanwhile.
                    until = loop.time() + 1.5 * self._lease_s
                holder = str(error)
                if loop.time() > until:
                    detail = f"The log at {self.name} is used by another server, {holder}."
                    raise NowlineError(Code.CONFLICT, detail) from error
            await asyncio.sleep(min(0.2, self._lease_s / 20))

    async def _renew(self) -> None:
        try:
            await self.ask(redis_scripts.RENEW, int(self._lease_s * 1000))
        except (UnreachableError, NowlineError) as error:
            log.warning("The lease of the log at %s was not renewed: %s", self.name, error)

    async def _return(self, log_id: str, head: Callable[[], int], missing: Missing) -> None:
        delay_s = _FIRST_RETRY_S
        while not self._up.is_set():
            try:
                answer = await self._begin(log_id, head)
                await self._restore(*missing(int(answer[2])))
            except TakenOverError as error:
                log.critical("The log at %s was taken over by %s.", self.name, error)
                self.taken_over = str(error)
            except (UnreachableError, NowlineError):
                # Servers that lost one Redis together come back one by one.
                await asyncio.sleep(delay_s * random.uniform(0.5, 1))  # noqa: S311 - no secret
                delay_s = min(2 * delay_s, _LAST_RETRY_S)
                continue
            else:
                log.info("The log at %s is used again.", self.name)
            self._lost.clear()
            self._up.set()

    async def _begin(self, log_id: str, head: Callable[[], int]) -> list[Any]:
        """Begin a session on new connections, with what it found out about this Redis."""
        async with self._turn:
            await self._disconnect()
            self._writer, self._reader = connect(self._url), connect(self._url)
            self.promise = await self._ask_promise()
            self._session = secrets.token_hex(8)
            name = f"{socket.gethostname()} (pid {os.getpid()})"
            lease = int(self._lease_s * 1000)
            arguments = (self._session, self._holder, name, lease, log_id, head())
            answer: list[Any] = await self._run(self._writer, redis_scripts.TAKE, arguments)
        if answer[0] == b"held":
            raise TakenOverError((answer[1] or b"another server").decode())
        return answer

    async def _restore(self, first: int, blobs: Sequence[bytes]) -> None:
        """Append again what this Redis has lost."""
        if blobs:
            lost = sum(not blob for blob in blobs)
            text = "The log at %s lost %d records; %d of them are not in memory any more."
            log.error(text, self.name, len(blobs), lost)
            async with self._turn:
                again: list[Argument] = [self._session, first, 0, *blobs]
                await self._run(self._writer, redis_scripts.APPEND, again)

    async def _ask_promise(self) -> Promise:
        try:
            return await ask_promise(self._writer)
        except (RedisError, OSError) as error:
            raise self._gone(error) from error

    async def _run(self, client: Redis, script: str, arguments: Sequence[Argument]) -> Any:  # noqa: ANN401
        running = asyncio.ensure_future(_evaluate(client, script, arguments))
        running.add_done_callback(_look_away)
        try:
            # To its end: an answer that nobody takes would be taken for that of the next question.
            return await asyncio.shield(running)
        except (LostError, SlowError, OSError) as error:
            raise self._gone(error) from error
        except RedisError as error:
            if _is_not_now(error):
                raise self._gone(error) from error
            raise self._refusal(error) from error

    def _gone(self, error: Exception) -> UnreachableError | NowlineError:
        """Note that there is no answer; a wrong password is nothing to wait for."""
        if self._up.is_set():
            log.warning("The log at %s does not answer (%s).", self.name, type(error).__name__)
        self.give_up()
        if isinstance(error, AuthenticationError):
            return self._refusal(error)
        return UnreachableError(" ".join(str(error).split()).rstrip(".") or type(error).__name__)

    def _refusal(self, error: Exception) -> NowlineError:
        text = " ".join(str(error).split()).rstrip(".")
        if isinstance(error, OutOfMemoryError) or "OOM command" in text:
            detail = "Redis has no memory left (maxmemory): nothing of this was taken in."
            return NowlineError(Code.DISK_FULL, detail)
        if text.startswith("MISCONF") and "space" in text:
            return NowlineError(Code.DISK_FULL, "The disk of Redis is full: nothing was taken in.")
        detail = f"The log at {self.name} could not be written: {text}."
        return NowlineError(Code.UNAVAILABLE, detail, retry_after_s=5)

    async def _disconnect(self) -> None:
        for client in (self._writer, self._reader):
            await client.aclose()


async def ask_promise(client: Redis) -> Promise:
    """What a Redis promises.

    Raises:
        NowlineError: It cannot hold a log.
        RedisError: It does not answer.
        OSError: It cannot be reached.
    """
    info: dict[str, Any] = {}
    for section in ("server", "persistence", "memory"):
        info |= await client.info(section)
    config: dict[str, str] = {}
    with suppress(ResponseError):
        for setting in _SETTINGS:
            told = await client.config_get(setting)
            config |= {str(name): str(value) for name, value in told.items()}
    return promise_of(info, config if len(config) == len(_SETTINGS) else None)


async def _evaluate(client: Redis, script: str, arguments: Sequence[Argument]) -> Any:  # noqa: ANN401
    digest = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
    keys = redis_scripts.KEYS
    try:
        return await client.evalsha(digest, len(keys), *keys, *arguments)
    except NoScriptError:
        return await client.eval(script, len(keys), *keys, *arguments)


def connect(url: str) -> Redis:
    """A client with a connection of its own, of which nothing is tried twice."""
    client: Redis = Redis.from_url(
        url,
        single_connection_client=True,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=_ANSWER_S,
        socket_connect_timeout=_CONNECT_S,
    )
    return client


def _is_not_now(error: Exception) -> bool:
    return isinstance(error, _NOT_NOW) or str(error).startswith(_NOT_NOW_CODES)


def _look_away(task: asyncio.Future[Any]) -> None:
    """Whoever asked may have gone: the error is theirs alone."""
    if not task.cancelled():
        task.exception()
