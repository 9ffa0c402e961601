"""Pings to all WebSockets, with one timer: a timer for each would be a third of what each costs."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol

EVERY_S: Final = 20
# Of pings; who answers none of them is dropped when the next is due.
MOST_UNANSWERED: Final = 3
# Peers that are checked in one round of the event loop: some hundred microseconds of work.
_AT_ONCE: Final = 16


class Peer(Protocol):
    """A connection that is asked for signs of life."""

    def check(self) -> None:
        """Send a ping, or drop a peer that has not answered the last ones."""
        ...


class Keepalive:
    """Checks each peer every 20 seconds, a twentieth of them each second, a few at a time."""

    def __init__(self) -> None:
        self._turns: list[set[Peer]] = [set() for _ in range(EVERY_S)]
        self._turn = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, peer: Peer) -> None:
        """Check a peer from now on, for the first time after a whole round."""
        self._turns[self._turn].add(peer)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(1, self._go_on)

    def discard(self, peer: Peer) -> None:
        """Check a peer no more."""
        for peers in self._turns:
            peers.discard(peer)

    def check_next(self) -> None:
        """Check those whose turn it is: some at once, others in the next rounds of the loop."""
        self._turn = (self._turn + 1) % EVERY_S
        peers = self._turns[self._turn]
        self._check_some(deque(peers), peers)

    def _check_some(self, waiting: deque[Peer], staying: set[Peer]) -> None:
        for _ in range(min(_AT_ONCE, len(waiting))):
            if (peer := waiting.popleft()) in staying:
                peer.check()
        if waiting:
            asyncio.get_running_loop().call_soon(self._check_some, waiting, staying)

    def _go_on(self) -> None:
        self.check_next()
        some = any(self._turns)
        self._timer = asyncio.get_running_loop().call_later(1, self._go_on) if some else None
