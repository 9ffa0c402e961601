"""What was worked out before, in memory: least recently used goes first, within a budget of bytes.

What may be kept under a metric is dropped the moment that a late row of it comes in. Everybody
who may query sees the same metrics, so a caller is no part of any key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from nowline.clock import Clock

V = TypeVar("V")


@dataclass(slots=True)
class Tally:
    """How a cache did, for `/metrics`."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    entries: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    metric: str
    value: V
    size: int
    expires_ms: int


class Cache(Generic[V]):
    """Values by metric and key.

    Args:
        clock: Tells when a value has expired.
        most_bytes: The budget.
    """

    def __init__(self, clock: Clock, most_bytes: int) -> None:
        self.tally = Tally()
        self._clock = clock
        self._most_bytes = most_bytes
        self._entries: OrderedDict[Hashable, _Entry[V]] = OrderedDict()
        self._keys: dict[str, set[Hashable]] = {}
        self._revisions: dict[str, int] = {}

    def revision(self, metric: str) -> int:
        """Counts how often the metric's past has changed."""
        return self._revisions.get(metric, 0)

    def get(
        self, key: Hashable, fits: Callable[[V], bool], *, counts_miss: bool = True
    ) -> V | None:
        """The value, if there is one that has not expired and fits; one that does not is dropped.

        Args:
            key: What it was kept as.
            fits: Whether the value may still be used.
            counts_miss: Whether nobody will ask for the same again.
        """
        entry = self._entries.get(key)
        if entry and (entry.expires_ms <= self._clock.now_ms() or not fits(entry.value)):
            self._drop(key)
            entry = None
        if entry is None:
            self.tally.misses += counts_miss
            return None
        self._entries.move_to_end(key)
        self.tally.hits += 1
        return entry.value

    def peek(self, key: Hashable) -> V | None:
        """The value if it has not expired, without a trace of having asked."""
        entry = self._entries.get(key)
        return entry.value if entry and entry.expires_ms > self._clock.now_ms() else None

    def put(self, metric: str, key: Hashable, value: V, size: int, ttl_ms: int) -> None:
        """Keep a value for so long, if it is not larger than the budget."""
        if key in self._entries:
            self._drop(key)
        if size > self._most_bytes:
            return
        self._entries[key] = _Entry(metric, value, size, self._clock.now_ms() + ttl_ms)
        self._keys.setdefault(metric, set()).add(key)
        self.tally.entries += 1
        self.tally.bytes += size
        while self.tally.bytes > self._most_bytes:
            self._drop(next(iter(self._entries)))
            self.tally.evictions += 1

    def revise(self, metric: str) -> None:
        """Drop what is kept under a metric whose past has changed."""
        self._revisions[metric] = self.revision(metric) + 1
        for key in list(self._keys.get(metric, ())):
            self._drop(key)

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key)
        keys = self._keys[entry.metric]
        keys.discard(key)
        if not keys:
            del self._keys[entry.metric]
        self.tally.entries -= 1
        self.tally.bytes -= entry.size
