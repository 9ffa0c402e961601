"""Answers to questions about metrics: planned, read in one pass, and finished."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from nowline.clock import Clock
from nowline.errors import Code, NowlineError
from nowline.model.histogram import Bins
from nowline.model.partials import Ints, Partials
from nowline.model.points import Points
from nowline.model.query import Fill, Query
from nowline.model.series import MetricType
from nowline.query.answers import Answer, Answers, Asked
from nowline.query.beside import beside
from nowline.query.blocks import Block, Want
from nowline.query.cache import Cache, Tally
from nowline.query.downsample import thin
from nowline.query.figure import Figure
from nowline.query.fill import fill
from nowline.query.flights import Flights
from nowline.query.handover import Handover, Missing, Shared
from nowline.query.job import Read
from nowline.query.plan import Plan, Subject, keep, plan
from nowline.query.question import Question, question
from nowline.query.ranges import second_after
from nowline.query.read import BinReads, PartialReads
from nowline.query.recent import Recent
from nowline.query.retention import FOR_EVER, Kept
from nowline.store.base import Store
from nowline.store.catalogue import Catalogue

G = TypeVar("G")

LIMIT_S = 30.0
"""How long the questions of one call may take before they are given up."""
# To finish the points of so many takes less than a millisecond.
_FEW_BUCKETS = 10_000
# 64 MB together.
_MOST_ANSWER_BYTES = 16 << 20
_MOST_BLOCK_BYTES = 24 << 20


@dataclass(slots=True)
class Answered:
    """How many queries were answered and how long that took, for `/metrics`."""

    queries: int = 0
    seconds: float = 0.0


class _Found(NamedTuple):
    """The points of one question, before they are filled and thinned."""

    points: Points
    cached: bool


class Engine:
    """Answers queries.

    Args:
        catalogue: Which series there are.
        store: Rows at rest.
        recent: The newest rows.
        clock: Tells what "now" is.
        kept: How long the store keeps each level.
        limit_s: How long the questions of one call may take.
        shared: A cache that outlives the engine, if there is one.
    """

    def __init__(  # noqa: PLR0913 - what an engine is made of
        self,
        catalogue: Catalogue,
        store: Store,
        recent: Recent,
        clock: Clock,
        kept: Kept = FOR_EVER,
        *,
        limit_s: float = LIMIT_S,
        shared: Shared | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.answered = Answered()
        self._clock = clock
        self._kept = kept
        self._limit_s = limit_s
        self._answers = Answers(recent, clock, _MOST_ANSWER_BYTES)
        self._partial_blocks: Cache[Block[Partials]] = Cache(clock, _MOST_BLOCK_BYTES)
        self._bin_blocks: Cache[Block[Bins]] = Cache(clock, _MOST_BLOCK_BYTES)
        self._partials = PartialReads(store, recent, self._partial_blocks)
        self._bins = BinReads(store, recent, self._bin_blocks)
        self._shared = shared
        self._handover = Handover(shared)
        self._flights = Flights(self._answer_all, self._answers.same)

    @property
    def caches(self) -> dict[str, Tally]:
        """How each cache does, by what it keeps."""
        return {
            "answers": self._answers.tally,
            "partials": self._partial_blocks.tally,
            "bins": self._bin_blocks.tally,
        }

    @property
    def shared_queries(self) -> int:
        """How many queries waited for what was being worked out for another."""
        return self._flights.shared

    def revise(self, series: Ints) -> None:
        """Forget what was worked out of metrics whose past has changed.

        Args:
            series: The series that late rows came to.
        """
        metrics = {self.catalogue.keys[each].name for each in series.tolist()}
        if self._shared is not None:
            self._shared.revise(metrics)
        for metric in metrics:
            self._answers.revise(metric)
            self._partial_blocks.revise(metric)
            self._bin_blocks.revise(metric)

    def plan(self, query: Query) -> Plan:
        """Plan a query as of now.

        Raises:
            NowlineError: INVALID or UNPROCESSABLE (see `plan.plan`).
        """
        metric = self.catalogue.metrics.get(query.metric_name)
        subject = Subject(metric.type, len(metric.series)) if metric else Subject()
        return plan(query, self._clock.now_ms(), self._kept, subject)

    def ask_at_hand(self, query: Query) -> Answer | None:
        """The answer as of now, where it takes no waiting and little time.

        Returns:
            None where it may not be so: ask in the other way then.

        Raises:
            NowlineError: As `ask`.
        """
        started = time.perf_counter()
        asked = self._ask(self.plan(query))
        answer = self._answers.get(asked, counts_miss=False)
        if answer is None:
            answer = self._at_hand(asked)
            self._answers.tally.misses += answer is not None
        if answer is not None:
            self.answered.queries += 1
            self.answered.seconds += time.perf_counter() - started
        return answer

    async def ask(self, query: Query) -> Answer:
        """Plan a query as of now and answer it.

        Raises:
            NowlineError: INVALID or UNPROCESSABLE (see `plan`); UNAVAILABLE when it takes too long.
        """
        (answer,) = await self.ask_all([query])
        return _good(answer)

    async def ask_all(self, queries: Sequence[Query]) -> list[Answer | Exception]:
        """Answer several queries as of now in one pass; one that fails leaves the others be."""
        started = time.perf_counter()
        planned = [self._try_plan(query) for query in queries]
        plans = [each for each in planned if isinstance(each, Plan)]
        answers = iter(await self._recall_all(plans))
        self.answered.queries += len(plans)
        self.answered.seconds += time.perf_counter() - started
        return [next(answers) if isinstance(each, Plan) else each for each in planned]

    def question(self, planned: Plan) -> Question:
        """What a plan asks of the series that there are now."""
        return question(planned, self.catalogue, planned.part())

    async def run_anew(self, plans: Sequence[Plan]) -> list[Answer]:
        """The answers to several plans, from nothing that was read before.

        Raises:
            NowlineError: The first that any of them fails with (see `run`).
        """
        asked = [self._questions(each, keeps=False) for each in plans]
        return [_good(answer) for answer in await self._run_all(asked)]

    async def run(self, planned: Plan) -> Answer:
        """The answer to a plan.

        Raises:
            NowlineError: UNPROCESSABLE when it costs too much; UNAVAILABLE when it takes too long.
        """
        fetch = await self._handover.fetch(self._missing([], [planned]))
        (answer,) = await self._run_all([self._questions(planned)])
        self._handover.hand_on(fetch)
        return _good(answer)

    async def _run_all(self, questions: Sequence[Sequence[Question]]) -> list[Answer | Exception]:
        """The answers to several plans, each told by the questions of its ranges."""
        read = iter(await self._read([each for parts in questions for each in parts]))
        return [await _answer(parts[0].plan, [next(read) for _ in parts]) for parts in questions]

    async def figures(self, asked: Sequence[Figure]) -> list[float | None]:
        """The numbers that are asked for, all in one pass; None where there are no data.

        Raises:
            NowlineError: UNAVAILABLE when it takes too long.
        """
        now = second_after(self._clock.now_ms())
        plans = [keep(each.plan(now), self._kept, self._type(each.metric)) for each in asked]
        return [_number(_good(answer)) for answer in await self._recall_all(plans)]

    async def _recall_all(self, plans: Sequence[Plan]) -> list[Answer | Exception]:
        """The answers to several plans: those given before, where they still hold."""
        asked = [self._ask(each) for each in plans]
        known = [self._answers.get(each) for each in asked]
        unknown = [each for each, answer in zip(asked, known, strict=True) if answer is None]
        if len(unknown) == 1 and (found := self._at_hand(unknown[0])) is not None:
            return [found if answer is None else answer for answer in known]
        rest = iter(await self._flights.answers(unknown) if unknown else ())
        return [next(rest) if answer is None else answer for answer in known]

    def _at_hand(self, asked: Asked) -> Answer | None:
        """A new answer, which is kept, where it takes no waiting and little time."""
        if self._shared is not None or asked.plan.buckets() > _FEW_BUCKETS:
            return None
        parts: list[Points] = []
        cached = False
        for each in asked.questions:
            found = self._points_at_hand(each)
            if found is None:
                return None
            parts.append(_finished(asked.plan, found.points))
            cached |= found.cached
        answer = Answer(asked.plan, parts[0], parts[1] if asked.plan.compare_ms else None, cached)
        self._answers.put(asked, answer)
        return answer

    def _points_at_hand(self, asked: Question) -> _Found | None:
        wants = asked.partial_wants()
        if not wants or _refusal(asked) is not None:
            return None
        rows = self._partials.at_hand(wants)
        found = None if rows is None else _points_of(asked, rows, [])
        return found if isinstance(found, _Found) else None

    async def _answer_all(self, asked: Sequence[Asked]) -> list[Answer | Exception]:
        """The answers to questions that are not in memory: those given elsewhere, or new ones."""
        if self._shared is None:
            return await self._work_out(asked)
        moving = [each.plan for each in asked if not each.is_past]
        fetch = await self._handover.fetch(self._missing(asked, moving))
        known = [self._answers.peek(each) for each in asked]
        # Meanwhile there may be more series.
        pairs = zip(asked, known, strict=True)
        unknown = [self._ask(each.plan) for each, answer in pairs if answer is None]
        rest = iter(await self._work_out(unknown))
        self._handover.hand_on(fetch)
        return [next(rest) if answer is None else answer for answer in known]

    async def _work_out(self, asked: Sequence[Asked]) -> list[Answer | Exception]:
        """New answers, which are kept."""
        answers = await self._run_all([each.questions for each in asked])
        for each, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Answer):
                self._answers.put(each, answer)
        return answers

    def _missing(self, asked: Sequence[Asked], plans: Sequence[Plan]) -> list[Missing]:
        """What is not in memory of answers about the past, and of the blocks of other plans."""
        if self._shared is None:
            return []
        now = self._clock.now_ms()
        questions = [each for planned in plans for each in self._questions(planned)]
        good = [each for each in questions if _refusal(each) is None]
        partials = [want for each in good for want in each.partial_wants()]
        bins = [want for each in good for want in each.bin_wants()]
        missing: list[Missing] = [*self._answers.missing(asked)]
        missing += self._partials.missing(partials, now)
        missing += self._bins.missing(bins, now)
        return missing

    def _ask(self, planned: Plan) -> Asked:
        return self._answers.ask(self._questions(planned))

    def _questions(self, planned: Plan, *, keeps: bool = True) -> tuple[Question, ...]:
        """What a plan asks of each of its ranges."""
        parts = (planned.part(), planned.compared()) if planned.compare_ms else (planned.part(),)
        return tuple(question(planned, self.catalogue, part, keeps=keeps) for part in parts)

    def _type(self, name: str) -> MetricType | None:
        metric = self.catalogue.metrics.get(name)
        return metric.type if metric else None

    def _try_plan(self, query: Query) -> Plan | NowlineError:
        try:
            return self.plan(query)
        except NowlineError as error:
            return error

    async def _read(self, questions: Sequence[Question]) -> list[_Found | Exception]:
        """The points of each question, before they are filled and thinned."""
        refused = [_refusal(each) for each in questions]
        ready = [each for each, no in zip(questions, refused, strict=True) if no is None]
        try:
            async with asyncio.timeout(self._limit_s):
                found = iter(await self._points(ready))
        except TimeoutError:
            found = iter([_too_slow(self._limit_s)] * len(ready))
        return [next(found) if no is None else no for no in refused]

    async def _points(self, questions: Sequence[Question]) -> list[_Found | Exception]:
        partial_wants = [each.partial_wants() for each in questions]
        bin_wants = [each.bin_wants() for each in questions]
        partials, bins = await self._rows(
            [want for wants in partial_wants for want in wants],
            [want for wants in bin_wants for want in wants],
        )
        partial, binned = iter(partials), iter(bins)
        found: list[_Found | Exception] = []
        for each, *wants in zip(questions, partial_wants, bin_wants, strict=True):
            rows = [next(partial) for _ in wants[0]]
            own = [next(binned) for _ in wants[1]]
            size = sum(len(part.rows) for part in (*rows, *own) if isinstance(part, Read))
            found.append(await beside(size, _points_of, each, rows, own))
        return found

    async def _rows(
        self, partials: Sequence[Want], bins: Sequence[Want]
    ) -> tuple[list[Read[Partials] | Exception], list[Read[Bins] | Exception]]:
        """What was read for each; one kind alone is read in this task."""
        if not bins:
            return await self._partials.read(partials), []
        if not partials:
            return [], await self._bins.read(bins)
        return await asyncio.gather(self._partials.read(partials), self._bins.read(bins))


def _refusal(asked: Question) -> NowlineError | None:
    try:
        asked.check()
    except NowlineError as error:
        return error
    return None


def _points_of(
    asked: Question,
    partials: Sequence[Read[Partials] | Exception],
    bins: Sequence[Read[Bins] | Exception],
) -> _Found | Exception:
    try:
        rows, binned = [_good(each) for each in partials], [_good(each) for each in bins]
        points = asked.points([each.rows for each in rows], [each.rows for each in binned])
    except Exception as error:  # noqa: BLE001 - it is told as the answer to this query only
        return error
    cached = [each.cached for each in rows] + [each.cached for each in binned]
    return _Found(points, any(cached))


def _good(found: G | Exception) -> G:
    if isinstance(found, Exception):
        raise found
    return found


async def _answer(planned: Plan, parts: list[_Found | Exception]) -> Answer | Exception:
    done: list[Points] = []
    cached = False
    for part in parts:
        if isinstance(part, Exception):
            return part
        done.append(await beside(len(part.points), _finished, planned, part.points))
        cached |= part.cached
    return Answer(planned, done[0], done[1] if planned.compare_ms else None, cached)


def _finished(planned: Plan, points: Points) -> Points:
    if planned.fill is not Fill.NONE:
        starts = planned.grid().starts(planned.start, min(planned.end, planned.now))
        points = fill(points, starts, planned.fill, grouped=bool(planned.keys))
    return thin(points, planned.max_points) if planned.is_thinned else points


def _number(answer: Answer) -> float | None:
    value = answer.points.value
    return float(value[0]) if len(value) and math.isfinite(value[0]) else None


def _too_slow(limit_s: float) -> NowlineError:
    detail = (
        f"The query took longer than {limit_s:g} s and was given up. "
        "Ask for a shorter time_range or a wider interval."
    )
    return NowlineError(Code.UNAVAILABLE, detail)
