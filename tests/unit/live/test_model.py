"""Whatever happens, what clients hold is what there is, and each frame came exactly once."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.live import delivery, slices
from nowline.live.hub import Hub
from nowline.live.session import Sessions
from unit.live.viewers import (
    Client,
    PollClient,
    SetClock,
    SocketClient,
    StreamClient,
    Table,
    Tables,
)

NAMES = ("a", "b")
STEPS = (
    *("put",) * 6,
    *("tick",) * 6,
    *("take",) * 4,
    *("breathe",) * 3,
    *("connect",) * 3,
    "leave",
    "poll",
    "lose_poll",
    "wait",
    "wait_long",
    "forget",
    "restart",
    "house",
    "turn",
)


class World:
    """A hub over two tables, with viewers of all kinds."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = SetClock()
        self.tables = Tables()
        self.sessions = Sessions(Hub(self.clock, 100), self.tables)
        self.pollers = [PollClient(NAMES)]
        self.clients: list[Client] = [
            SocketClient(NAMES),
            SocketClient(NAMES[:1]),
            StreamClient(NAMES),
            StreamClient(NAMES[1:]),
        ]

    @property
    def hub(self) -> Hub:
        return self.sessions.hub

    async def step(self, name: str) -> None:
        client = self.random.choice(self.clients)
        steps: dict[str, Callable[[], object]] = {
            "put": self.put,
            "tick": self.tick,
            "take": lambda: client.take(self.random.randrange(4)),
            "breathe": breathe,
            "connect": lambda: self.connect(client),
            "leave": lambda: client.leave(self.hub),
            "poll": lambda: self.pollers[0].poll(self.sessions),
            "lose_poll": lambda: self.pollers[0].poll(self.sessions, lost=True),
            "wait": lambda: self.wait(self.random.randrange(2000)),
            "wait_long": lambda: self.wait(self.random.choice((30_000, 59_000, 70_000, 130_000))),
            "forget": self.forget,
            "restart": self.restart,
            "house": self.hub._keep_house,
            "turn": self.turn,
        }
        doing = steps[name]()
        if inspect.isawaitable(doing):
            await doing

    def connect(self, client: Client) -> None:
        if client.reader is None:
            client.connect(self.sessions)

    def wait(self, milliseconds: int) -> None:
        self.clock.ms += milliseconds

    def forget(self) -> None:
        for table in self.tables.named.values():
            table.forgotten = table.position

    def turn(self) -> None:
        """A source is degraded from now on, or is not any more."""
        table = self.tables.named.setdefault(self.random.choice(NAMES), Table())
        table.is_degraded = not table.is_degraded

    def put(self) -> None:
        table = self.tables.named.setdefault(self.random.choice(NAMES), Table())
        filler = "x" * self.random.choice((0, 0, 40_000))
        table.put(self.random.choice("pqrs") + filler, self.random.randrange(100))

    async def tick(self) -> None:
        self.clock.ms += 1000
        watched = [channel for channel, readers in self.hub.audiences.of.items() if readers]
        ticks = [asyncio.create_task(self.hub.tick(channel)) for channel in watched]
        await breathe(self.random.randrange(4))
        await asyncio.gather(*ticks)

    def restart(self) -> None:
        for client in self.clients:
            client.leave(self.hub)
        self.clock.ms += 1
        self.sessions = Sessions(Hub(self.clock, 100), self.tables)

    async def settle(self) -> None:
        """Everybody is there, reads all, and has all the time there is."""
        for client in self.clients:
            if client.reader is not None and client.reader.closing.done():
                client.leave(self.hub)
            if client.reader is None:
                client.connect(self.sessions)
        for _ in range(3):
            opening = [c.opening for c in self.clients if c.opening]
            while not all(task.done() for task in opening):
                self.take_all()
                await asyncio.wait(opening, timeout=0.001)
            for task in opening:
                task.result()
            await self.tick()
            for reader in self.hub.readers:
                self.hub.delivery.tell_late(reader)
            await breathe(20)
            self.take_all()
        await self.pollers[0].poll(self.sessions)

    def take_all(self) -> None:
        for client in self.clients:
            client.take(1000)


async def breathe(times: int = 2) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def drive(steps: list[str], seed: int) -> None:
    world = World(seed)
    with pytest.MonkeyPatch.context() as patch:
        # With slices of one reader, everything may happen amid the writing.
        patch.setattr(delivery, "_AT_ONCE", world.random.choice((1, 2, 32)))
        patch.setattr(slices, "LONGEST_S", world.random.choice((0, 60)))
        for step in steps:
            await world.step(step)
        world.clock.ms += 2000
        await world.settle()
    for client in (*world.clients, *world.pollers):
        for name, held in client.held.items():
            assert held.knows
            assert held.cells == world.tables.named[name].truth()
    for client in world.clients:
        client.leave(world.hub)
    assert not world.hub.readers
    assert not any(world.hub.audiences.of.values())
    await breathe(20)
    assert not world.hub._tasks
    assert not world.hub._ticks


@settings(deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=60), st.integers(0, 1 << 32))
def test_clients_hold_what_there_is(steps: list[str], seed: int) -> None:
    asyncio.run(drive(steps, seed))


@pytest.mark.parametrize("seed", range(20))
def test_long_runs(seed: int) -> None:
    steps = random.Random(seed).choices(STEPS, k=400)
    asyncio.run(drive(steps, seed))
