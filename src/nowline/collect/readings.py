"""From two readings of the kernel's running totals to what happened in between. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar

_WRAP = 1 << 32
_NEAR_WRAP = 3 << 30
_MOST_PER_SAMPLE = 1 << 30

T = TypeVar("T")


def increase(previous: int, current: int) -> int:
    """How far a running total moved from one reading to the next; never negative.

    A total that fell has either wrapped at 32 bits (it was in the top quarter of that range and
    wrapping explains the fall by less than 1 GiB) or was reset, and then counts from zero.
    """
    if current >= previous:
        return current - previous
    wrapped = current + _WRAP - previous
    if _NEAR_WRAP <= previous < _WRAP and wrapped < _MOST_PER_SAMPLE:
        return wrapped
    return current


class Increments:
    """Remembers the last reading of many running totals, by source and field."""

    def __init__(self) -> None:
        self._previous: dict[str, tuple[int, ...]] = {}

    def advance(self, readings: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """The increase of each total since the last call.

        A source read for the first time has no increase yet and is left out; a source that is
        gone is forgotten. Sources that never counted anything are left out too.
        """
        previous, self._previous = self._previous, dict(readings)
        return {
            source: tuple(map(increase, previous[source], totals))
            for source, totals in readings.items()
            if source in previous and any(totals)
        }


class CpuTimes(Protocol):
    """The seconds a core has spent by kind, as psutil reports them."""

    def _asdict(self) -> dict[str, float]: ...


class CpuReading(NamedTuple):
    """Seconds that one core, or several together, have been busy and have existed."""

    busy: float
    total: float

    @classmethod
    def of(cls, times: CpuTimes) -> CpuReading:
        """The reading in psutil's times; waiting for I/O is idle time."""
        spent = times._asdict()
        # Linux counts guests' time in `user` and `nice` already.
        total = sum(spent.values()) - spent.get("guest", 0.0) - spent.get("guest_nice", 0.0)
        return cls(total - spent["idle"] - spent.get("iowait", 0.0), total)

    def __add__(self, other: object) -> CpuReading:
        if not isinstance(other, CpuReading):
            return NotImplemented
        return CpuReading(self.busy + other.busy, self.total + other.total)

    def percent_since(self, previous: CpuReading) -> float | None:
        """The share of the time between two readings spent busy, 0 to 100; None if none passed."""
        elapsed = self.total - previous.total
        if elapsed <= 0:
            return None
        return min(100.0, max(0.0, (self.busy - previous.busy) / elapsed * 100))


class Occasional(Generic[T]):
    """A reading too costly for every second: taken on every n-th call, repeated in between."""

    def __init__(self, read: Callable[[], T], every: int) -> None:
        self._read = read
        self._every = every
        self._calls = 0
        self._value: T

    def __call__(self) -> T:
        """The value of this call: fresh, or the last one read."""
        if self._calls % self._every == 0:
            self._value = self._read()
        self._calls += 1
        return self._value
