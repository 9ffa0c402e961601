"""Questions that are being worked out: who asks the same meanwhile waits for that answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nowline.query.answers import Answer, Asked

Work = Callable[[Sequence[Asked]], Coroutine[Any, Any, Sequence[Answer | Exception]]]
"""Works out the answers to several questions in one pass."""


@dataclass(eq=False, slots=True)
class _Flight:
    """Questions that are worked out in one pass.

    Attributes:
        asked: The questions.
        task: Works them out.
        waiting: How many calls wait for any of them.
    """

    asked: list[Asked] = field(default_factory=list)
    task: asyncio.Task[Sequence[Answer | Exception]] = field(init=False)
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class _Seat:
    """One question of a flight."""

    asked: Asked
    flight: _Flight
    number: int


class Flights:
    """Works questions out, each once however many ask it at the same time.

    A call that is cancelled leaves the others be; with the last that waits for it, the work ends.

    Args:
        work: Answers questions.
        holds: Whether the answer to the earlier of two equal questions is that to the later one.
    """

    def __init__(self, work: Work, holds: Callable[[Asked, Asked], bool]) -> None:
        self.shared = 0
        self._work = work
        self._holds = holds
        self._seats: dict[Hashable, _Seat] = {}

    async def answers(self, asked: Sequence[Asked]) -> list[Answer | Exception]:
        """The answers to these, new ones or those that others wait for already."""
        seats = self._board(asked)
        flights = {seat.flight for seat in seats}
        for flight in flights:
            flight.waiting += 1
        try:
            if flights:
                # Of a call that is cancelled here, the work goes on for the others.
                await asyncio.wait([flight.task for flight in flights])
        finally:
            for flight in flights:
                self._leave(flight)
        return [seat.flight.task.result()[seat.number] for seat in seats]

    def _board(self, asked: Sequence[Asked]) -> list[_Seat]:
        """A seat for each question; one new flight takes those that are in none."""
        flight = _Flight()
        seats = [self._seat(each, flight) for each in asked]
        if flight.asked:
            flight.task = asyncio.create_task(_run(self._work, flight.asked))
            flight.task.add_done_callback(lambda _: self._clear(flight))
        return seats

    def _seat(self, asked: Asked, flight: _Flight) -> _Seat:
        known = self._seats.get(asked.key)
        if known is not None and self._holds(known.asked, asked):
            self.shared += 1
            return known
        seat = _Seat(asked, flight, len(flight.asked))
        flight.asked.append(asked)
        self._seats[asked.key] = seat
        return seat

    def _leave(self, flight: _Flight) -> None:
        flight.waiting -= 1
        if not flight.waiting and not flight.task.done():
            flight.task.cancel()
            # Until it has ended, nobody may board it.
            self._clear(flight)

    def _clear(self, flight: _Flight) -> None:
        for asked in flight.asked:
            seat = self._seats.get(asked.key)
            if seat is not None and seat.flight is flight:
                del self._seats[asked.key]


async def _run(work: Work, asked: Sequence[Asked]) -> Sequence[Answer | Exception]:
    """The answers; what fails as a whole is the answer to each question."""
    try:
        return await work(asked)
    except Exception as error:  # noqa: BLE001 - it is told to those who asked
        return [error] * len(asked)
