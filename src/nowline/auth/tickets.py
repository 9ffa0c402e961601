"""Tickets: what a browser puts into a stream's URL, where nothing lasting may stand."""

from __future__ import annotations

import secrets
from typing import Generic, TypeVar

Holder = TypeVar("Holder")

LIFETIME_S = 30
_CAPACITY = 100_000


class Tickets(Generic[Holder]):
    """Single-use tickets, kept in memory; past the capacity the oldest are dropped."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Holder, int]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def issue(self, holder: Holder, now_ms: int) -> str:
        """A ticket that lets this holder in, once, within 30 s."""
        self._drop(now_ms)
        ticket = secrets.token_urlsafe(32)
        self._open[ticket] = (holder, now_ms + LIFETIME_S * 1000)
        return ticket

    def holder(self, ticket: str, now_ms: int) -> Holder | None:
        """As `redeem`, but the ticket stays good."""
        holder, expires_at = self._open.get(ticket, (None, 0))
        return holder if expires_at > now_ms else None

    def redeem(self, ticket: str, now_ms: int) -> Holder | None:
        """Who the ticket was given to; None if it is unknown, used or too old."""
        holder = self.holder(ticket, now_ms)
        self._open.pop(ticket, None)
        return holder

    def _drop(self, now_ms: int) -> None:
        """Drop what has expired and what is too many; the oldest are in front."""
        while self._open:
            oldest = next(iter(self._open))
            if self._open[oldest][1] > now_ms and len(self._open) < _CAPACITY:
                return
            del self._open[oldest]
