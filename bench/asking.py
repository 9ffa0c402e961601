"""Asks a contender the questions, times the answers and holds them against the right ones."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from bench.connection import Connection
from bench.dataset import REGIONS, Dataset
from bench.questions import DIFFERENT, Dialect, Of, Question, Request, Shape, truth
from bench.usage import Usage

Row = dict[str, str | int | float]

_PATIENCE_S = 30.0
_FEWEST = 3
_TOGETHER = 5
_WARM = 40
_SAME = 1e-6
_NEAR = 0.01
AT_HAND = b'"cached":true'


class WrongAnswerError(AssertionError):
    """An answer is not what the data say."""


class Contender(Protocol):
    """A running server that has the data."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def dialect(self) -> Dialect: ...  # noqa: D102
    @property
    def usage(self) -> Usage: ...  # noqa: D102
    async def connect(self) -> Connection: ...  # noqa: D102


class Asking:
    """Asks one contender.

    Args:
        contender: Whom.
        data: What it has, in order of time.
        name: How the data are called in the results.
    """

    def __init__(self, contender: Contender, data: Sequence[Dataset], name: str) -> None:
        self.contender = contender
        self.data = data
        self.name = name
        self._moves: Counter[Shape] = Counter()

    async def cold(self, shape: Shape) -> Row:
        """Ask again and again, each time about something else, so that nothing is at hand."""
        connection = await self.contender.connect()
        taken: list[float] = []
        off = 0.0
        started = time.perf_counter()
        while len(taken) < shape.most and _goes_on(started, len(taken)):
            (asked,) = self.questions({shape: 1})
            body, spent = await timed(connection, self.contender.dialect.request(asked))
            self._check(asked, body)
            off = off if taken else self._off_by(asked, body)
            taken.append(spent)
        connection.close()
        return self.row(shape.what, taken) | {"values": size_of(asked), "off_by": round(off, 9)}

    async def warm(self, shape: Shape) -> Row:
        """Ask the same again and again."""
        (asked,) = self.questions({shape: 1})
        request = self.contender.dialect.request(asked)
        connection = await self.contender.connect()
        await timed(connection, request)
        taken = [(await timed(connection, request))[1] for _ in range(_WARM)]
        connection.close()
        return self.row(f"{shape.what}, again", taken)

    async def together(self) -> Row:
        """Twenty questions at once, each on a connection of its own."""
        connections = [await self.contender.connect() for _ in range(sum(DIFFERENT.values()))]
        taken: list[float] = []
        started = time.perf_counter()
        while len(taken) < _TOGETHER and _goes_on(started, len(taken)):
            taken.append(await self._once_together(connections))
        for connection in connections:
            connection.close()
        return self.row("20 different ones at once", taken)

    def questions(self, counts: Mapping[Shape, int]) -> list[Question]:
        """So many of each shape, about something that was not asked before."""
        end, series = self.data[-1].end_ms, self.data[-1].series
        self._moves.update(counts.keys())
        return [
            shape.question(end, self._moves[shape] - 1, series, place)
            for shape, count in counts.items()
            for place in range(count)
        ]

    def row(self, what: str, taken: Sequence[float]) -> Row:
        """How long it took, in milliseconds."""
        ordered = sorted(taken)
        last = len(ordered) - 1
        return {
            "data": self.name,
            "what": what,
            "by": self.contender.name,
            "asked": len(taken),
            "p50_ms": round(ordered[len(ordered) // 2], 2),
            "p95_ms": round(ordered[min(last, int(len(ordered) * 0.95))], 2),
            "max_ms": round(ordered[-1], 2),
        }

    async def _once_together(self, connections: Sequence[Connection]) -> float:
        asked = self.questions(DIFFERENT)
        requests = [self.contender.dialect.request(each) for each in asked]
        started = time.perf_counter()
        pairs = zip(connections, requests, strict=True)
        answers = await asyncio.gather(*(timed(each, request) for each, request in pairs))
        spent = (time.perf_counter() - started) * 1000
        for question, (body, _) in zip(asked, answers, strict=True):
            self._check(question, body)
        return spent

    def _check(self, asked: Question, body: bytes) -> None:
        """An answer has a value for each bucket, and was not at hand."""
        size = len(self.contender.dialect.values(asked, body))
        if size != size_of(asked):
            raise WrongAnswerError(f"{self.contender.name} has {size} values: {asked}")
        if AT_HAND in body:
            raise WrongAnswerError(f"{self.contender.name} had it at hand: {asked}")

    def _off_by(self, asked: Question, body: bytes) -> float:
        """The largest relative difference from the right answer."""
        found, right = self.contender.dialect.values(asked, body), truth(asked, self.data)
        if found.keys() != right.keys():
            raise WrongAnswerError(f"{self.contender.name} has other buckets: {asked}")
        off = max(abs(found[key] - value) / abs(value) for key, value in right.items())
        is_percentile = asked.value == "p95"
        excused = is_percentile and self.contender.dialect.approximates
        if off > (_NEAR if is_percentile else _SAME) and not excused:
            raise WrongAnswerError(f"{self.contender.name} is off by {off:.3%}: {asked}")
        return off


def size_of(asked: Question) -> int:
    """How many values an answer has."""
    groups = REGIONS if asked.of is Of.REGION else 1
    return (asked.end - asked.start) // asked.width_ms * groups


async def timed(connection: Connection, request: Request) -> tuple[bytes, float]:
    """The answer, and the milliseconds until all of it was there."""
    started = time.perf_counter()
    if request.body is None:
        body = await connection.get(request.path)
    else:
        body = await connection.post(request.path, "application/json", request.body)
    return body, (time.perf_counter() - started) * 1000


def _goes_on(started: float, asked: int) -> bool:
    return asked < _FEWEST or time.perf_counter() - started < _PATIENCE_S
