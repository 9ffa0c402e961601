"""Who may send how much, and how much of it is held in memory at once.

All doors share it. A request that is refused here costs next to nothing: where a key is over its
rate, nothing of the body is read; where memory is short, no more of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from math import ceil
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from nowline.errors import Code, NowlineError

BURST_S: Final = 10
"""For how many seconds' worth of its rate a key may send at once."""
GRACE_S: Final = 20
"""How long a body may take, whatever its size."""
LEAST_BYTES_PER_S: Final = 32 << 10
"""What a body has to bring in each further second."""

_SWEEP_S: Final = 1
_MOST_IDLE_KEYS: Final = 10_000
_RETRY_S: Final = 1
_REASONS: Final = {Code.DISK_FULL: "disk_full", Code.UNAVAILABLE: "log_full"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Settings of admission; a rate of None is no limit.

    Attributes:
        requests_per_s: Requests a second that one key may send.
        bytes_per_s: Bytes of bodies, unpacked, a second that one key may send.
        held_bytes: Bytes of bodies, unpacked, to hold at once: those being read, and those whose
            rows are not durable yet. One key may hold half of it.
        sent_bytes: Bytes that one body may have as it is sent.
        unpacked_bytes: Bytes that it may have unpacked.
    """

    requests_per_s: int | None = None
    bytes_per_s: int | None = None
    held_bytes: int = 256 << 20
    sent_bytes: int = 16 << 20
    unpacked_bytes: int = 128 << 20


class TokenBuckets:
    """A token bucket for each key: `rate` tokens a second, up to `burst`. Pure.

    More may be taken than is there, for what something costs is known only afterwards; then
    nothing is there until that is paid back. Of each bucket only the time is kept at which it
    will be full.

    Args:
        rate: Tokens that a bucket gets in a second.
        burst: Tokens of a full bucket, at least one.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._token_s = 1 / rate
        self._spare_s = (burst - 1) / rate
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def wait_s(self, key: str, now_s: float) -> float:
        """Seconds until there is a token; 0 if there is one now."""
        return max(0.0, self._full_at.get(key, now_s) - now_s - self._spare_s)

    def take(self, key: str, tokens: float, now_s: float) -> None:
        """Take tokens, those that are not there yet too."""
        full_at = max(self._full_at.get(key, now_s), now_s)
        self._full_at[key] = full_at + tokens * self._token_s

    def forget_full(self, now_s: float) -> None:
        """Forget the buckets that are full: they are as new ones."""
        self._full_at = {key: at for key, at in self._full_at.items() if at > now_s}


class Admission:
    """Admits requests within the limits. `run` has to run while it is used.

    Args:
        limits: The limits.
        now_s: A steady clock, in seconds.
    """

    def __init__(
        self, limits: AdmissionLimits | None = None, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits = limits or AdmissionLimits()
        self.refused = dict.fromkeys(("requests", "bytes", "memory", "slow", *_REASONS.values()), 0)
        self.held_bytes = 0
        self.reading: set[Hold] = set()
        self._now_s = now_s
        self._requests = _buckets(self.limits.requests_per_s)
        self._bytes = _buckets(self.limits.bytes_per_s)
        self._share = self.limits.held_bytes // 2
        self._by_key: defaultdict[str, int] = defaultdict(int)

    @property
    def open_bodies(self) -> int:
        """How many bodies are being read."""
        return len(self.reading)

    def admit(self, key: str) -> Hold:
        """Let a request in, as a context that lasts until it is answered.

        Args:
            key: Whose rate it counts for.

        Raises:
            NowlineError: LIMITED: the key is over its rate; `retry_after_s` is how long.
        """
        now_s = self._now_s()
        if self._requests is not None:
            self._check_rate("requests", self._requests, key, now_s)
            self._requests.take(key, 1, now_s)
        if self._bytes is not None:
            self._check_rate("bytes", self._bytes, key, now_s)
        return Hold(self, key, now_s)

    async def run(self) -> None:
        """Give up bodies that come in too slowly, until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.sweep()

    def sweep(self) -> None:
        """Give up the bodies that are too slow by now."""
        now_s = self._now_s()
        for hold in [hold for hold in self.reading if hold.is_late(now_s)]:
            hold.give_up()
        for buckets in (self._requests, self._bytes):
            if buckets is not None and len(buckets) > _MOST_IDLE_KEYS:
                buckets.forget_full(now_s)
        if len(self._by_key) > _MOST_IDLE_KEYS:
            held = {key: size for key, size in self._by_key.items() if size}
            self._by_key = defaultdict(int, held)

    def check_room(self, hold: Hold, more: int) -> None:
        """Refuse what there is no room for; a body alone has room, whatever its size.

        Raises:
            NowlineError: UNAVAILABLE.
        """
        if self.held_bytes + more <= self._share:
            return
        mine = self._by_key[hold.key]
        is_full = self.held_bytes + more > self.limits.held_bytes and self.held_bytes > hold.held
        if is_full or (mine + more > self._share and mine > hold.held):
            self.refused["memory"] += 1
            hold.is_refused = True
            detail = "More is being sent than there is room for. Send it again in a moment."
            raise NowlineError(Code.UNAVAILABLE, detail, retry_after_s=_RETRY_S)

    def add(self, hold: Hold, more: int) -> None:
        """Count bytes that are held from now on, or, if negative, are not any more."""
        self.held_bytes += more
        self._by_key[hold.key] += more

    def leave(self, hold: Hold, error: BaseException | None) -> None:
        """Let go of what a request held, and count what it sent against its key's rate."""
        if self._bytes is not None and hold.held:
            self._bytes.take(hold.key, hold.held, self._now_s())
        if hold.held:
            self.add(hold, -hold.held)
        if isinstance(error, NowlineError) and error.code in _REASONS and not hold.is_refused:
            self.refused[_REASONS[error.code]] += 1

    def _check_rate(self, reason: str, buckets: TokenBuckets, key: str, now_s: float) -> None:
        wait_s = ceil(buckets.wait_s(key, now_s))
        if wait_s:
            self.refused[reason] += 1
            detail = f"This key sends more {reason} than it may. Try again in {wait_s} s."
            raise NowlineError(Code.LIMITED, detail, retry_after_s=wait_s)


class Hold:
    """A request that was let in, and what of its body is in memory."""

    __slots__ = (
        "_admission",
        "_received",
        "_started_s",
        "_task",
        "_was_cancelled",
        "held",
        "is_refused",
        "key",
    )

    def __init__(self, admission: Admission, key: str, now_s: float) -> None:
        self.key = key
        self.held = 0
        self.is_refused = False
        self._admission = admission
        self._received = 0
        self._started_s = now_s
        self._task: asyncio.Task[Any] | None = None
        self._was_cancelled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._admission.leave(self, error)

    @property
    def limits(self) -> AdmissionLimits:
        """What its body may be."""
        return self._admission.limits

    def announce(self, size: int) -> None:
        """Refuse a body of that size at once, if there is no room for it now.

        Nothing is set aside: who announces much and sends nothing takes nobody's room.

        Raises:
            NowlineError: UNAVAILABLE.
        """
        self._admission.check_room(self, size)

    def grow(self, received: int, unpacked: int) -> None:
        """Hold more of the body, of which so many bytes came in and became so many.

        Raises:
            NowlineError: UNAVAILABLE: there is no room.
        """
        self._received += received
        self._admission.check_room(self, unpacked)
        self.held += unpacked
        self._admission.add(self, unpacked)

    async def read(self, body: Coroutine[Any, Any, T]) -> T:
        """The body, read within its time: `GRACE_S`, and more for what came in by then.

        Raises:
            NowlineError: TOO_SLOW.
        """
        self._task = asyncio.current_task()
        self._admission.reading.add(self)
        try:
            return await body
        except asyncio.CancelledError as error:
            if self._was_given_up():
                self._admission.refused["slow"] += 1
                detail = "The body came in too slowly. Send smaller batches."
                raise NowlineError(Code.TOO_SLOW, detail) from error
            raise
        finally:
            self._admission.reading.discard(self)

    def is_late(self, now_s: float) -> bool:
        """Whether more should have come in by now."""
        return now_s - self._started_s > GRACE_S + self._received / LEAST_BYTES_PER_S

    def give_up(self) -> None:
        """End the reading of the body."""
        if self._task is not None:
            self._was_cancelled = self._task.cancel()

    def _was_given_up(self) -> bool:
        """Whether that is why it was cancelled, and nobody else did; if so, it goes on."""
        return self._was_cancelled and self._task is not None and self._task.uncancel() == 0


def _buckets(rate: int | None) -> TokenBuckets | None:
    return None if rate is None else TokenBuckets(rate, rate * BURST_S)
