"""A cache in Redis, behind those in memory: it outlives the server.

Values are bytes, by metric and name. Each is sealed under two tokens that Redis keeps: one of the
namespace and one of the metric. To forget what is kept of a metric is to delete its token, which
even a full Redis does; whoever asks next makes a new one, under which no older value is good. A
token is read before what a value is worked out from, so a value that is late is never good.

What Redis did not confirm is not relied on. While a deletion is on its way, the metric has no
values; after Redis was lost, even for a moment, the token of the namespace is deleted first. A
server that stops in order leaves a note of how far its store was; one that starts and does not
find exactly this note, as after a crash or when a backup was restored, forgets everything.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
import secrets
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from nowline.store.redis_link import Command, Link
from nowline.store.shared import MOST_BYTES, Fetched, Name, Position, SharedTally

_READ_S = 0.05
# What a value of the greatest size takes.
_READ_EACH_S = 0.002
_WRITE_S = 0.5
_TOKEN_BYTES = 16
_TOKEN_S = 86_400
# No value outlives the note of its server.
_NOTE_MS = 300_000
_MOST_WAITING_BYTES = 16 << 20
_WRITE_BYTES = 1 << 20
_FIRST_RETRY_S = 0.25
_LAST_RETRY_S = 15.0


@dataclass(frozen=True, slots=True)
class _Put:
    key: bytes
    value: bytes
    stamp: bytes
    ttl_ms: int


class RedisCache:
    """See the module. `run` has to run while it is used.

    Args:
        url: `redis://…` or `rediss://…`.
        namespace: Which store's values these are; others' on the same Redis are apart.
        secret: What values are sealed with: nobody else can make one.
    """

    def __init__(self, url: str, namespace: str, secret: bytes) -> None:
        self.tally = SharedTally()
        self._link = Link(url)
        self._namespace = namespace.encode()
        self._secret = hmac.digest(secret, self._namespace, "sha256")
        self._resumed: Position | None = None
        self._revised: set[str] = set()
        self._puts: deque[_Put] = deque()
        self._waiting_bytes = 0
        self._work = asyncio.Event()

    @property
    def is_up(self) -> bool:
        """Whether it is used: Redis answers, and what it holds may be trusted."""
        return self._link.is_up

    @property
    def errors(self) -> int:
        """How many calls and commands failed."""
        return self._link.errors

    async def get(self, wanted: Collection[Name]) -> Fetched:
        """What is there of these, in one round trip; nothing where that takes too long."""
        asked = [name for name in wanted if name[0] not in self._revised]
        fetched = await self._fetch(asked) if asked else _NOTHING
        self.tally.hits += len(fetched.values)
        self.tally.misses += len(wanted) - len(fetched.values)
        return fetched

    def put(self, name: Name, value: bytes, stamp: bytes, ttl_ms: int) -> None:
        """Keep a value for so long, soon; if there is much to keep, perhaps not.

        Args:
            name: What to keep it as.
            value: The value.
            stamp: Of its metric, fetched before anything was read for it.
            ttl_ms: How long it may be used.
        """
        size = self._waiting_bytes + len(value)
        if not self._link.is_up or len(value) > MOST_BYTES or size > _MOST_WAITING_BYTES:
            return
        self._puts.append(_Put(self._key(b"value", *name), value, stamp, ttl_ms))
        self._waiting_bytes = size
        self._work.set()

    def revise(self, metrics: Collection[str]) -> None:
        """Forget what is kept of metrics whose past has changed; at once, for who asks here."""
        self._revised.update(metrics)
        self._work.set()

    def resume(self, position: Position) -> None:
        """Go on with what the server before kept, if it came exactly as far.

        Without this, nothing of before is used. Call it before `run`.
        """
        self._resumed = position

    async def run(self) -> None:
        """Write what is to be written, and come back to a lost Redis, until cancelled."""
        while True:
            await self._connect()
            await self._write()
            if self._link.is_up:
                await self._work.wait()
                self._work.clear()

    async def close(self, position: Position) -> None:
        """Write what is left, note how far the server is, and end the connections."""
        await self._write()
        if self._link.is_up and not self._revised:
            note = self._key(b"note")
            sealed = self._seal(note, b"", b"%d %d" % position)
            await self._link.ask([("SET", note, sealed, "PX", _NOTE_MS)], _WRITE_S)
        await self._link.close()

    async def _connect(self) -> None:
        delay_s = _FIRST_RETRY_S
        while not self._link.is_up and not await self._begin():
            # Servers that lost one Redis together come back one by one.
            await asyncio.sleep(delay_s * random.uniform(0.5, 1))  # noqa: S311 - no secret
            delay_s = min(2 * delay_s, _LAST_RETRY_S)

    async def _begin(self) -> bool:
        """Decide what of the values there may be used; False if Redis does not answer."""
        note = self._key(b"note")
        replies = await self._link.try_out([("GETDEL", note)], _WRITE_S)
        if replies is None:
            return False
        left = self._unseal(note, b"", replies[0])
        if not (self._resumed and left and _follows(self._resumed, left)):
            return await self._forget_all()
        self._resumed = None
        self._link.restore()
        return True

    async def _forget_all(self) -> bool:
        """Delete the namespace's token, and what was to be done before."""
        revised, self._revised = self._revised, set()
        self._resumed = None
        self._drop_puts()
        replies = await self._link.try_out([("DEL", self._key(b"token"))], _WRITE_S)
        if replies is None or isinstance(replies[0], Exception):
            self._revised |= revised
            return False
        self._link.restore()
        return True

    async def _write(self) -> None:
        while self._link.is_up and (self._revised or self._puts):
            if self._revised:
                await self._delete()
            else:
                await self._put()

    async def _delete(self) -> None:
        """Delete the tokens of metrics whose past has changed."""
        revised, self._revised = self._revised, set()
        keys = [self._key(b"token", metric) for metric in revised]
        try:
            replies = await self._link.ask([("DEL", *keys)], _WRITE_S)
        except asyncio.CancelledError:
            self._revised |= revised
            raise
        if replies is None or isinstance(replies[0], Exception):
            self._link.lose("did not confirm what it was told to forget")

    async def _put(self) -> None:
        """Write some of the values that wait."""
        commands: list[Command] = []
        size = 0
        while self._puts and size < _WRITE_BYTES:
            put = self._puts.popleft()
            sealed = self._seal(put.key, put.stamp, put.value)
            commands.append(("SET", put.key, sealed, "PX", put.ttl_ms))
            size += len(put.value)
        self._waiting_bytes -= size
        if await self._link.ask(commands, _WRITE_S):
            self.tally.written_bytes += size

    def _drop_puts(self) -> None:
        self._puts.clear()
        self._waiting_bytes = 0

    async def _fetch(self, names: Sequence[Name]) -> Fetched:
        metrics = sorted({metric for metric, _ in names})
        tokens = [self._key(b"token"), *(self._key(b"token", metric) for metric in metrics)]
        keys = [self._key(b"value", *name) for name in names]
        fresh = secrets.token_bytes(_TOKEN_BYTES)
        makes: list[Command] = [("SET", key, fresh, "NX", "EX", _TOKEN_S) for key in tokens]
        reads = [_read(key, _TOKEN_BYTES + 1) for key in tokens]
        reads += [_read(key, MOST_BYTES + _SEAL_BYTES) for key in keys]
        replies = await self._link.ask([*makes, *reads], _READ_S + len(names) * _READ_EACH_S)
        if replies is None:
            self._work.set()
            return _NOTHING
        told = replies[len(makes) :]
        stamps = self._stamps(metrics, told[: len(tokens)])
        found = zip(names, keys, told[len(tokens) :], strict=True)
        return Fetched(self._good(found, stamps), stamps)

    def _stamps(self, metrics: Sequence[str], tokens: Sequence[object]) -> dict[str, bytes]:
        """The tokens that values have to be sealed under, by metric."""
        every, *own = (each if _is_token(each) else b"" for each in tokens)
        pairs = zip(metrics, own, strict=True)
        return {metric: every + token for metric, token in pairs if every and token}

    def _good(
        self, found: Iterable[tuple[Name, bytes, object]], stamps: Mapping[str, bytes]
    ) -> dict[Name, bytes]:
        """The values that are whole, our own, and of now."""
        values = {}
        for name, key, sealed in found:
            stamp = stamps.get(name[0])
            value = self._unseal(key, stamp, sealed) if stamp else None
            if value is not None:
                values[name] = value
                self.tally.read_bytes += len(value)
        return values

    def _key(self, kind: bytes, metric: str = "", name: bytes = b"") -> bytes:
        head = b"nowline:%b:%b" % (self._namespace, kind)
        if not metric:
            return head
        told = hashlib.blake2b(name, digest_size=16, key=hashlib.sha256(metric.encode()).digest())
        return b"%b:%b" % (head, told.hexdigest().encode())

    def _seal(self, key: bytes, stamp: bytes, value: bytes) -> bytes:
        return _FORMAT + self._code(key, stamp, value) + value

    def _unseal(self, key: bytes, stamp: bytes, sealed: object) -> bytes | None:
        """The value, None if it was not sealed under this key and stamp."""
        if not isinstance(sealed, bytes) or not sealed.startswith(_FORMAT):
            return None
        code, value = sealed[len(_FORMAT) : _SEAL_BYTES], sealed[_SEAL_BYTES:]
        return value if hmac.compare_digest(code, self._code(key, stamp, value)) else None

    def _code(self, key: bytes, stamp: bytes, value: bytes) -> bytes:
        code = hashlib.blake2b(digest_size=_CODE_BYTES, key=self._secret)
        code.update(b"%d %d " % (len(key), len(stamp)))
        for part in (key, stamp, value):
            code.update(part)
        return code.digest()


_FORMAT = b"\x01"
_CODE_BYTES = 16
_SEAL_BYTES = len(_FORMAT) + _CODE_BYTES
_NOTHING = Fetched({}, {})


def _read(key: bytes, most_bytes: int) -> Command:
    # What stands there may be anything, of any size.
    return ("GETRANGE", key, 0, most_bytes - 1)


def _is_token(reply: object) -> TypeGuard[bytes]:
    return isinstance(reply, bytes) and len(reply) == _TOKEN_BYTES


def _follows(resumed: Position, left: bytes) -> bool:
    """Whether a server that starts here comes right after the one that left this note."""
    offset, start = (int(number) for number in left.split())
    return offset == resumed.offset and start <= resumed.start
