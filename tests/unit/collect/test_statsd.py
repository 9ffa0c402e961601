"""The listener for StatsD hands on what it gathered, also at the end, and counts what is lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from free_port import free_port
from nowline.collect.statsd import StatsdListener
from nowline.ingest.service import Ingest
from once_world import World
from polling import eventually_async


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    yield made
    await made.stop()


class Sender:
    """A listener on a port of its own, and a socket to send to it."""

    def __init__(self, world: World) -> None:
        self.ingest: Ingest = world.ingest
        self.listener = StatsdListener(self.ingest)
        self.port = free_port(socket.SOCK_DGRAM)

    async def send(self, datagram: bytes) -> None:
        """Send, and wait until it came in."""
        lines = self.listener.lines + 1
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(datagram, ("127.0.0.1", self.port))

        async def came_in() -> bool:
            return self.listener.lines >= lines

        assert await eventually_async(came_in)


async def test_rows_are_handed_on_while_it_listens(world: World) -> None:
    sender = Sender(world)
    async with sender.listener.listening(sender.port):
        await sender.send(b"a:1|c")

        async def handed_on() -> bool:
            return [name for name, _ in await world.rows()] == ["a"]

        assert await eventually_async(handed_on)


async def test_what_was_gathered_is_handed_on_at_the_end(world: World) -> None:
    sender = Sender(world)
    async with sender.listener.listening(sender.port):
        await sender.send(b"a:1|c")
        await sender.send(b"b:1|c")
    assert {name for name, _ in await world.rows()} == {"a", "b"}


async def test_what_the_log_does_not_take_is_counted(world: World) -> None:
    sender = Sender(world)
    world.bus.refusals = 1
    async with sender.listener.listening(sender.port):
        await sender.send(b"a:1|c\nb:1|g")

        async def lost() -> bool:
            return sender.listener.lost == 2

        assert await eventually_async(lost)
        await sender.send(b"c:1|c")
    assert [name for name, _ in await world.rows()] == ["c"]


async def test_a_port_that_is_taken(world: World) -> None:
    sender = Sender(world)
    async with sender.listener.listening(sender.port):
        with pytest.raises(OSError, match="in use"):
            async with StatsdListener(sender.ingest).listening(sender.port):
                await asyncio.sleep(0)
