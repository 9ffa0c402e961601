"""Listens for StatsD on this machine, and hands on what it gathered a few times a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator

from nowline.errors import NowlineError
from nowline.ingest.service import Ingest
from nowline.ingest.statsd import Statsd

# Nobody signs in over UDP, so nobody from outside is listened to.
_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_GATHER_S = 0.05
# Datagrams wait here while the loop is busy; the system may give less.
_WAITING_BYTES = 4 << 20

log = logging.getLogger(__name__)


class StatsdListener(asyncio.DatagramProtocol):
    """Takes datagrams in on one port.

    Args:
        ingest: Where rows go.
    """

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self._statsd = Statsd()
        self._arrived = asyncio.Event()
        self.lost = 0

    @property
    def lines(self) -> int:
        """How many lines came in."""
        return self._statsd.lines

    @property
    def malformed(self) -> int:
        """How many of them could not be read, or are of a type that is not known."""
        return self._statsd.malformed

    @property
    def dropped(self) -> int:
        """How many of them came while too many were gathered."""
        return self._statsd.dropped

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - as asyncio has it
        """Gather what a datagram says."""
        self._statsd.add(data)
        self._arrived.set()

    @contextlib.asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        """Listen; on the way out, hand on what was gathered.

        Raises:
            OSError: The port is not to be had.
        """
        async with contextlib.AsyncExitStack() as stack:
            for family, host in _LOOPBACK:
                if family == socket.AF_INET or _has(family, host):
                    stack.callback((await self._open(family, host, port)).close)
            handing_on = asyncio.create_task(self._run())
            try:
                yield
            finally:
                handing_on.cancel()
                await asyncio.wait([handing_on])
        await self._hand_on()

    async def _open(self, family: int, host: str, port: int) -> asyncio.DatagramTransport:
        listener = socket.socket(family, socket.SOCK_DGRAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WAITING_BYTES)
            listener.setblocking(False)
            listener.bind((host, port))
        except OSError:
            listener.close()
            raise
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=listener)
        return transport

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_GATHER_S)
            self._arrived.clear()
            await asyncio.shield(self._hand_on())

    async def _hand_on(self) -> None:
        columns = self._statsd.take(self._ingest.now_ms())
        if not len(columns.time):
            return
        try:
            await self._ingest.accept(columns)
        except NowlineError as error:
            self.lost += len(columns.time)
            log.warning("What came by StatsD was lost: %s", error)


def _has(family: int, host: str) -> bool:
    """Whether this machine has that address."""
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return True
    return False
