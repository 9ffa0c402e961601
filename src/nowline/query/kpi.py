"""KPIs: their definitions, kept with an audit trail, and their values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from nowline.clock import Clock, rfc3339
from nowline.errors import Code, NowlineError
from nowline.model import kpi as model
from nowline.model.kpi import Direction, Kpi, KpiReading, Period
from nowline.model.query import SECOND_MS
from nowline.model.user import AuditEntry, Caller
from nowline.query.configurations import Configurations
from nowline.query.expression import Term, evaluate, parse, terms
from nowline.query.figure import Figure
from nowline.store import audit
from nowline.store import kpis as store

# The kind of configuration, and what stands for all of them: no code.
_KIND = "kpis"
_ALL = ""
_Span = tuple[int, int]


class Figures(Protocol):
    """Answers questions for single numbers."""

    async def figures(self, asked: Sequence[Figure]) -> list[float | None]:
        """The numbers that are asked for, all in one pass; None where there are no data."""
        ...


class Kpis:
    """Creates, changes, deletes and reads KPIs.

    Args:
        configurations: Where the definitions are stored.
        figures: Answers the terms of their expressions.
        clock: Where the time comes from.
    """

    def __init__(self, configurations: Configurations, figures: Figures, clock: Clock) -> None:
        self._configurations = configurations
        self._figures = figures
        self._clock = clock

    async def definitions(self) -> list[Kpi]:
        """All definitions, by code."""
        return [*await self._configurations.read(_KIND, _ALL, store.list_kpis)]

    async def definition(self, code: str) -> Kpi:
        """One definition.

        Raises:
            NowlineError: There is none with this code.
        """
        _refuse_impossible(code)
        return await self._configurations.read(_KIND, code, partial(store.get_kpi, code=code))

    async def create(self, kpi: Kpi, by: Caller) -> None:
        """Add a definition.

        Raises:
            NowlineError: INVALID with the field at fault; CONFLICT if the code is taken.
        """
        _check(kpi)
        async with self._configurations.changing(_KIND) as connection:
            await store.add_kpi(connection, kpi)
            await self._record(connection, by, "kpi.create", kpi.code)

    async def replace(self, kpi: Kpi, by: Caller) -> None:
        """Replace the definition that has the same code.

        Raises:
            NowlineError: There is none; INVALID with the field at fault.
        """
        _refuse_impossible(kpi.code)
        _check(kpi)
        async with self._configurations.changing(_KIND) as connection:
            await store.replace_kpi(connection, kpi)
            await self._record(connection, by, "kpi.update", kpi.code)

    async def delete(self, code: str, by: Caller) -> None:
        """Delete a definition.

        Raises:
            NowlineError: There is none with this code.
        """
        _refuse_impossible(code)
        async with self._configurations.changing(_KIND) as connection:
            await store.delete_kpi(connection, code)
            await self._record(connection, by, "kpi.delete", code)

    async def read(self, code: str, period: Period) -> KpiReading:
        """The value of a KPI as of now.

        Raises:
            NowlineError: There is none with this code.
        """
        return await self.value(await self.definition(code), period, self._clock.now_ms())

    async def value(self, kpi: Kpi, period: Period, now_ms: int) -> KpiReading:
        """The value of the period so far, up to the end of this second, and of the one before."""
        tree = parse(kpi.expression)
        current, before = spans(period, now_ms)
        asked = [(term, span) for span in (current, before) for term in dict.fromkeys(terms(tree))]
        numbers = await self._figures.figures([_figure(term, span) for term, span in asked])
        found = dict(zip(asked, numbers, strict=True))
        value, previous = (
            evaluate(tree, {term: found[term, span] for term in terms(tree)})
            for span in (current, before)
        )
        return reading(kpi, period, now_ms, value, previous)

    async def _record(
        self, connection: AsyncConnection, by: Caller, action: str, code: str
    ) -> None:
        now_ms = self._clock.now_ms()
        entry = AuditEntry(now_ms, by.name, action, code, "success", by.ip)
        await audit.append(connection, entry)


def _figure(term: Term, span: _Span) -> Figure:
    return Figure(term.metric, term.aggregation, dict(term.filters), *span)


def spans(period: Period, now_ms: int) -> tuple[_Span, _Span]:
    """The period so far and the whole one before, as `[start, end)`.

    The one so far ends with the second that it is now: rows of this second count.
    """
    start = now_ms // period.width_ms * period.width_ms
    end = now_ms // SECOND_MS * SECOND_MS + SECOND_MS
    return (start, end), (start - period.width_ms, start)


def reading(
    kpi: Kpi, period: Period, now_ms: int, value: float | None, previous: float | None
) -> KpiReading:
    """What to tell of two values."""
    delta = None if value is None or previous is None else _finite(value - previous)
    return KpiReading(
        code=kpi.code,
        name=kpi.name,
        value=value,
        previous=previous,
        delta=delta,
        delta_percent=_percent(delta, previous),
        direction=_direction(delta),
        unit=kpi.unit,
        target=kpi.target,
        valid=None if value is None else kpi.allows(value),
        period=period,
        timestamp=rfc3339(now_ms),
    )


def _percent(delta: float | None, previous: float | None) -> float | None:
    if delta is None or not previous:
        return None
    return _finite(delta / abs(previous) * 100)


def _direction(delta: float | None) -> Direction | None:
    if delta is None:
        return None
    if delta == 0:
        return Direction.FLAT
    return Direction.UP if delta > 0 else Direction.DOWN


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _check(kpi: Kpi) -> None:
    model.check(kpi)
    parse(kpi.expression)


def _refuse_impossible(code: str) -> None:
    """Say at once that there is no KPI with what is no code: not every database takes any text."""
    if not model.is_code(code):
        raise NowlineError(Code.NOT_FOUND, "There is no such KPI.")
