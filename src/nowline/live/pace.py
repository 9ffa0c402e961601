"""How much one connection may ask for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# A viewer that comes back may ask for all its channels again, and for a little more.
_BURST_S = 5
# So many refusals are told; who goes on after that does not listen …
_MOST_REFUSED = 100
# … unless it rests until so much of the burst is there again.
_RESTED_S = _BURST_S / 2


@dataclass(frozen=True, slots=True)
class ViewerLimits:
    """What one connection may ask for.

    Attributes:
        subscriptions: How many channels it may watch at once.
        messages_per_s: How many messages a second it may send on average; five seconds' worth of
            them at once.
    """

    subscriptions: int = 200
    messages_per_s: int = 50


class Pace:
    """A token bucket for the messages of one connection.

    Attributes:
        refused: How many messages came too early since it last took a rest.
    """

    __slots__ = ("_full_at", "refused")

    def __init__(self) -> None:
        self._full_at = 0.0
        self.refused = 0

    @property
    def is_flood(self) -> bool:
        """Whether refusals do not slow it down."""
        return self.refused > _MOST_REFUSED

    def take(self, messages_per_s: int, now_s: float) -> bool:
        """Count a message; whether it may be answered.

        Args:
            messages_per_s: The rate at which the bucket fills.
            now_s: A steady clock, in seconds.
        """
        if self._full_at - now_s <= _RESTED_S:
            self.refused = 0
        full_at = max(self._full_at, now_s) + 1 / messages_per_s
        if full_at - now_s > _BURST_S:
            self.refused += 1
            return False
        self._full_at = full_at
        return True
