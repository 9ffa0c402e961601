"""Viewers that come and go while rows come in and the server dies: what each holds is what is.

Each round does random things, from a seed; then everybody is there again, and what every viewer
holds must be what `POST /api/v1/metrics/query` answers. On the way no frame may be missing, be
there twice or come out of turn, and nobody may be told to begin anew whom the server has known.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench.connection import Connection
from bench.live_viewers import (
    Cell,
    Message,
    PollViewer,
    SocketViewer,
    StreamViewer,
    Viewer,
    WrongFrameError,
    wanted,
)
from bench.product import INGEST_KEY, Product

_MINUTE_MS = 60_000
_STEPS = 120
_KINDS = "abcdef"
_TYPES = {"level": "gauge", "work": "counter", "total": "cumulative", "took": "distribution"}
# How far back rows are: now, a little, within the windows, and from before them.
_AGES_MS = ((0, 1), (0, 3_000), (0, 120_000), (330_000, 900_000))
_AGE_WEIGHTS = (6, 4, 4, 2)
_WIDE_SERIES = 1_000
_WIDE_ROUNDS = 8
_SETTLED_S = 20.0
_LOOK_S = 0.02
_BREATH_S = 0.3
# What is compared of ranges that move: their older part leaves while it is looked at.
_SURE_MS = 4 * _MINUTE_MS

Truth = dict[str, dict[Cell, float]]


class World:
    """A server and its viewers.

    Attributes:
        url: Where the server listens.
        key: For reading.
        run: Counts the server's starts.
        steps: What was done in this round.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._seed = seed
        self._chance = random.Random(seed)
        self._base = int(time.time() * 1000) // _MINUTE_MS * _MINUTE_MS - 20 * _MINUTE_MS
        self.run = 0
        self.steps: list[str] = []
        self.counts: dict[str, int] = {}
        self._start()
        self.key = self._server.reader_key()
        self._wanted = wanted(self._base)
        self._poller = PollViewer("poll", self._wanted)
        self.witness = SocketViewer("witness", self._wanted, deflates=False)
        self._viewers = [
            SocketViewer("plain", self._wanted, deflates=False),
            SocketViewer("deflated", self._wanted, deflates=True),
            StreamViewer("stream", self._wanted),
            StreamViewer("streamed", self._some("wide", "level.last")),
        ]
        self._actions: dict[str, tuple[int, Callable[[], Awaitable[None]]]] = {
            "put": (40, self._put),
            "breathe": (20, self._breathe),
            "connect": (25, self._connect),
            "drop": (10, self._drop),
            "break": (10, self._break),
            "poll": (10, self._poll),
            "lose_poll": (3, self._lose_poll),
            "save": (5, self._save),
            "rewind": (5, self._rewind),
            "pause": (6, self._pause),
            "go_on": (4, self._go_on),
            "flood": (2, self._flood),
            "restart": (1, self._restart),
            "kill": (1, self._kill),
            "kill_amid": (1, self._kill_amid),
        }

    @property
    def url(self) -> str:
        """Where the server listens."""
        return self._server.url

    @property
    def everybody(self) -> list[Viewer]:
        """All viewers."""
        return [self.witness, *self._viewers, self._poller]

    async def all(self, rounds: int) -> bool:
        """So many rounds; whether all was well."""
        for number in range(rounds):
            self.steps = []
            try:
                await self._round(number)
            except (AssertionError, TimeoutError, OSError, RuntimeError) as error:
                self._tell_fault(number, error)
                return False
        self._tell_counts(rounds)
        return True

    def _tell_counts(self, rounds: int) -> None:
        told = ", ".join(f"{name} {count:,}" for name, count in sorted(self.counts.items()))
        heard, skipped, resets = (
            sum(getattr(viewer, of) for viewer in self.everybody)
            for of in ("heard", "skipped", "resets")
        )
        print(
            f"live, seed {self._seed}: rounds {rounds}, messages {heard:,}, skipped {skipped:,},"
            f" resets {resets:,}; {told}",
            flush=True,
        )

    def end(self) -> None:
        """Leave nothing behind."""
        self._server.kill()

    async def _round(self, number: int) -> None:
        """Random things, and then silence."""
        self._chance = random.Random(f"{self._seed}.{number}")
        names = list(self._actions)
        weights = [weight for weight, _ in self._actions.values()]
        await self._all_there()
        for name in self._chance.choices(names, weights, k=_STEPS):
            self.counts[name] = self.counts.get(name, 0) + 1
            self.steps.append(name)
            await self._actions[name][1]()
            self._check()
        await self._settle()

    def _tell_fault(self, number: int, error: Exception) -> None:
        steps = " ".join(self.steps)
        print(f"live, seed {self._seed}, round {number}: {type(error).__name__}: {error}")
        print(f"steps: {steps}", flush=True)

    # What happens to the server

    def _start(self) -> None:
        self._server = Product(self._folder)
        self.run += 1

    async def _start_again(self) -> None:
        await asyncio.to_thread(self._start)
        self.witness.drop()
        await self.witness.connect(self)

    async def _restart(self) -> None:
        await asyncio.to_thread(self._server.stop)
        await self._start_again()

    async def _kill(self) -> None:
        self._server.kill()
        await self._start_again()

    async def _kill_amid(self) -> None:
        """Kill it while it takes rows in: of those nobody heard of, some may be there."""
        posting = [asyncio.create_task(self._post(self._rows())) for _ in range(8)]
        await asyncio.wait(posting, return_when=asyncio.FIRST_COMPLETED)
        self._server.kill()
        await asyncio.gather(*posting, return_exceptions=True)
        await self._start_again()

    async def _put(self) -> None:
        await self._post(self._rows())

    async def _flood(self) -> None:
        """More than what fits on the way to who does not read, one frame after the other."""
        slow = self._any()
        if not slow.is_there:
            await slow.connect(self)
        slow.pause()
        for _ in range(_WIDE_ROUNDS):
            value = self._chance.randrange(1_000_000)
            now = int(time.time() * 1000)
            await self._post([_row("wide", now, value, str(n)) for n in range(_WIDE_SERIES)])
            cell = _tags(str(_WIDE_SERIES - 1)), _text(now // 1000 * 1000)
            await self._until(partial(self._holds, self.witness, cell, value))
        slow.go_on()
        await self._until(lambda: not slow.is_there or self._holds(slow, cell, value))

    def _holds(self, viewer: Viewer, cell: Cell, value: float) -> bool:
        self._check()
        return viewer.held["wide"].cells.get(cell) == value

    def _rows(self) -> list[Message]:
        return [self._any_row() for _ in range(self._chance.choice((1, 1, 2, 5, 30)))]

    def _any_row(self) -> Message:
        chance = self._chance
        (youngest, oldest), *_ = chance.choices(_AGES_MS, _AGE_WEIGHTS)
        at = int(time.time() * 1000) - chance.randrange(youngest, oldest)
        name = chance.choice(list(_TYPES))
        return _row(name, at, chance.randrange(1000), chance.choice(_KINDS), type=_TYPES[name])

    # What happens to the viewers

    async def _connect(self) -> None:
        viewer = self._any()
        if not viewer.is_there:
            self.steps[-1] += f":{viewer.name}"
            await viewer.connect(self)

    async def _drop(self) -> None:
        self._any().drop()

    async def _break(self) -> None:
        self._any().break_after(self._chance.choice((1, 50, 1_000, 20_000)))

    async def _pause(self) -> None:
        self._any().pause()

    async def _go_on(self) -> None:
        self._any().go_on()

    async def _save(self) -> None:
        self._any().save()

    async def _rewind(self) -> None:
        self._any().rewind()

    async def _poll(self) -> None:
        self._poller.take(await self._get(self._poller.path()), self)

    async def _lose_poll(self) -> None:
        await self._get(self._poller.path())

    async def _breathe(self) -> None:
        """Until the witness hears something, or there is nothing to hear."""
        heard = self.witness.heard
        await self._until(lambda: self.witness.heard > heard, within_s=_BREATH_S)

    def _any(self) -> Viewer:
        viewer = self._chance.choice(self._viewers)
        self.steps[-1] += f":{viewer.name}"
        return viewer

    # What must be

    async def _settle(self) -> None:
        """Everybody is there and reads; then all hold what the server answers."""
        await self._all_there()
        until = time.monotonic() + _SETTLED_S
        while (wrong := await self._difference()) is not None:
            if time.monotonic() > until:
                raise WrongFrameError(wrong)
            await asyncio.sleep(_LOOK_S)
            await self._all_there()
            await self._poll()

    async def _all_there(self) -> None:
        for viewer in (self.witness, *self._viewers):
            viewer.go_on()
            if not viewer.is_there:
                await viewer.connect(self)

    async def _difference(self) -> str | None:
        """What a viewer holds that the server does not answer, or the other way round."""
        self._check()
        first = _text((int(time.time() * 1000) - _SURE_MS) // _MINUTE_MS * _MINUTE_MS)
        truth = await self._truth()
        for viewer in self.everybody:
            for name, held in viewer.held.items():
                since = "" if name in self._of_everything else first
                is_so, should = _since(held.cells, since), _since(truth[name], since)
                if not held.knows or is_so != should:
                    return f"{viewer.name}/{name} at {held.id}: {_shown(is_so, should)}"
        return None

    def _check(self) -> None:
        for viewer in self.everybody:
            if viewer.fault is not None:
                raise viewer.fault

    async def _truth(self) -> Truth:
        """What the server answers to each query over its whole range."""
        end = int(time.time() * 1000) // _MINUTE_MS * _MINUTE_MS + 10 * _MINUTE_MS
        span = {"start": self._base, "end": end}
        asked = [{**each["query"], "time_range": span} for each in self._wanted.values()]
        body = json.dumps({"queries": asked}).encode()
        async with self._connection(self.key) as connection:
            answer = await connection.post("/api/v1/metrics/query/batch", "application/json", body)
        told = json.loads(answer)["results"]
        refused = [each for each in told if "data" not in each]
        assert not refused, refused
        return {
            name: {(_tags_of(point), point["timestamp"]): point["value"] for point in each["data"]}
            for name, each in zip(self._wanted, told, strict=True)
        }

    @property
    def _of_everything(self) -> set[str]:
        """The channels whose range begins where the data do."""
        return {n for n, each in self._wanted.items() if "start" in each["query"]["time_range"]}

    def _some(self, *names: str) -> dict[str, Message]:
        return {name: self._wanted[name] for name in names}

    # Asking

    async def _post(self, rows: list[Message]) -> None:
        async with self._connection(INGEST_KEY) as connection:
            body = json.dumps(rows).encode()
            answer = await connection.post("/api/v1/ingest/metrics", "application/json", body)
        assert json.loads(answer)["accepted"] == len(rows), answer

    async def _get(self, path: str) -> bytes:
        async with self._connection(self.key) as connection:
            return await connection.get(path)

    @asynccontextmanager
    async def _connection(self, key: str) -> AsyncIterator[Connection]:
        connection = await Connection.open(self.url, {"Authorization": f"Bearer {key}"})
        try:
            yield connection
        finally:
            connection.close()

    @staticmethod
    async def _until(done: Callable[[], bool], *, within_s: float = _SETTLED_S) -> None:
        until = time.monotonic() + within_s
        while not done() and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)


def live(rounds: int, seed: int, folder: Path) -> bool:
    """So many rounds from a seed; whether every viewer held what there is after each of them."""
    return asyncio.run(_live(rounds, seed, folder))


async def _live(rounds: int, seed: int, folder: Path) -> bool:
    world = World(folder, seed)
    try:
        return await world.all(rounds)
    finally:
        world.end()


def _row(name: str, at_ms: int, value: float, kind: str, **more: str) -> Message:
    return {"name": name, "value": value, "time": at_ms, "tags": {"k": kind}, **more}


def _tags(kind: str) -> str:
    return json.dumps({"k": kind})


def _tags_of(point: Message) -> str:
    return json.dumps(point["tags"], sort_keys=True)


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _since(cells: Mapping[Cell, float], first: str) -> dict[Cell, float]:
    return {cell: value for cell, value in cells.items() if cell[1] >= first}


def _shown(is_so: Mapping[Cell, float], should: Mapping[Cell, float]) -> str:
    """The first few cells that differ: what is held, and what should be."""
    cells = sorted(is_so.keys() | should.keys(), key=lambda cell: (cell[1], cell[0]))
    differing = [(c, is_so.get(c), should.get(c)) for c in cells if is_so.get(c) != should.get(c)]
    return f"{len(differing)} of {len(cells)} differ: {differing[:5]}"
