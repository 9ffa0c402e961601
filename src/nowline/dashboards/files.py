"""Dashboards as files to look at: what their widgets show is asked, then drawn elsewhere."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import msgspec

from nowline.clock import Clock
from nowline.dashboards.window import Window, window_of
from nowline.errors import Code, NowlineError
from nowline.model.dashboard import Content, TagValues, Widget, WidgetType
from nowline.model.event import Event
from nowline.model.points import Points
from nowline.model.query import Aggregation, Query
from nowline.model.sheet import Labelled, Look, Rows, Sheet, Shown, queries_of

MOST_WAITING = 8
"""How many files may be in the making, those that wait included."""
MOST_WAITING_EACH = 2
"""How many of them may be one person's."""
_MOST_EVENTS = 100
_RETRY_S = 5
_log = logging.getLogger(__name__)


class Planned(Protocol):
    """How a query was understood; times are epoch milliseconds."""

    @property
    def width_ms(self) -> int:
        """How wide its buckets are."""
        ...


class Answered(Protocol):
    """The answer to a query."""

    @property
    def plan(self) -> Planned:
        """How it was understood."""
        ...

    @property
    def points(self) -> Points:
        """Its points."""
        ...


class Asks(Protocol):
    """Answers queries."""

    async def ask_all(self, queries: Sequence[Query]) -> Sequence[Answered | Exception]:
        """Answer several queries; one that fails leaves the others be."""
        ...


class Tells(Protocol):
    """Knows what people did."""

    async def newest(self, types: Sequence[str], before: int, most: int) -> list[Event]:
        """The newest events of these types, or of all, before a time, the newest first."""
        ...


class Draws(Protocol):
    """Draws sheets."""

    async def draw(self, sheet: Sheet) -> bytes:
        """The file that a sheet asks for."""
        ...


class Files:
    """Makes files of dashboards.

    Args:
        asks: Answers the queries.
        tells: Has the events.
        draws: Draws them.
        clock: Tells the time.
    """

    def __init__(self, asks: Asks, tells: Tells, draws: Draws, clock: Clock) -> None:
        self._asks = asks
        self._tells = tells
        self._draws = draws
        self._clock = clock
        self._making: Counter[str] = Counter()

    def window(self, span: str | None, start: str | None, end: str | None, timezone: str) -> Window:
        """The window that a request names (see `window_of`).

        Raises:
            NowlineError: INVALID with the parameter at fault.
        """
        return window_of(span, start, end, timezone, self._clock.now_ms())

    async def draw(self, content: Content, window: Window, look: Look, by: str) -> bytes:
        """A dashboard and what it shows in a window, as a file.

        Args:
            content: The dashboard.
            window: The span of time.
            look: What the file is to look like.
            by: Whose id counts for how many files one may have in the making.

        Raises:
            NowlineError: INVALID with the parameter at fault; LIMITED or UNAVAILABLE: too many are
                in the making, or it took too long; UNPROCESSABLE: it would be too large.
        """
        look.check()
        with self._turn(by):
            return await self._draws.draw(await self._sheet(content, window, look))

    async def rows(self, content: Content, window: Window | None) -> list[tuple[str, Points]]:
        """What the widgets of a dashboard show, by name: in a window, or each as it says itself.

        Raises:
            NowlineError: As for any query.
        """
        asked = [
            (_name(widget, each, queries), narrowed(each.query, content.filters))
            for widget in content.widgets
            for queries in (queries_of(widget),)
            for each in queries
        ]
        queries = [query if window is None else window.of(query) for _, query in asked]
        answers = await self._asks.ask_all(queries)
        return [
            (name, _good(answer).points) for (name, _), answer in zip(asked, answers, strict=True)
        ]

    @contextmanager
    def _turn(self, by: str) -> Iterator[None]:
        if self._making[by] >= MOST_WAITING_EACH:
            detail = f"You have {MOST_WAITING_EACH} files in the making: wait for one of them."
            raise NowlineError(Code.LIMITED, detail, retry_after_s=_RETRY_S)
        if self._making.total() >= MOST_WAITING:
            detail = f"{MOST_WAITING} files are in the making: try again in a moment."
            raise NowlineError(Code.UNAVAILABLE, detail, retry_after_s=_RETRY_S)
        self._making[by] += 1
        try:
            yield
        finally:
            self._making[by] -= 1
            self._making += Counter()

    async def _sheet(self, content: Content, window: Window, look: Look) -> Sheet:
        return Sheet(
            name=content.name,
            description=content.description,
            filters={tag: values for tag, values in content.filters.items() if values},
            shown=await self._shown(content, window),
            start=window.start,
            end=window.end,
            made_at=self._clock.now_ms(),
            timezone=window.timezone,
            look=look,
        )

    async def _shown(self, content: Content, window: Window) -> list[Shown]:
        """Each widget with what it shows; all queries are answered in one pass."""
        asked = [_asked(widget, content.filters, window) for widget in content.widgets]
        queries = [query for each in asked if not isinstance(each, str) for query in each]
        answers = iter(await self._asks.ask_all(queries))
        found = []
        for widget, own in zip(content.widgets, asked, strict=True):
            if isinstance(own, str):
                found.append(Shown(widget, problem=own))
            elif widget.type is WidgetType.FEED:
                found.append(await self._feed(widget, window))
            else:
                found.append(_answered(widget, window, [(each, next(answers)) for each in own]))
        return found

    async def _feed(self, widget: Widget, window: Window) -> Shown:
        listed = widget.config.get("event_types")
        types = (
            [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
        )
        try:
            events = await self._tells.newest(types, window.end, _MOST_EVENTS)
        except Exception as error:  # noqa: BLE001 - told in its place, as for a query
            return Shown(widget, problem=_said(error))
        return Shown(widget, events=events)


def narrowed(query: Query, filters: Mapping[str, TagValues]) -> Query:
    """A query narrowed to a dashboard's filters too; a tag without values is free."""
    own = dict(query.filters)
    for tag, values in filters.items():
        if values:
            own[tag] = _both(own.get(tag), values)
    return msgspec.structs.replace(query, filters=own)


def _both(own: str | list[str] | None, values: Sequence[str]) -> list[str]:
    """The values that both allow."""
    if own is None:
        return list(values)
    allowed = [own] if isinstance(own, str) else own
    return [each for each in allowed if each in values]


def _asked(widget: Widget, filters: Mapping[str, TagValues], window: Window) -> list[Query] | str:
    """What a widget asks, or why that cannot be asked."""
    if widget.type in {WidgetType.FEED, WidgetType.TEXT}:
        return []
    try:
        queries = queries_of(widget)
    except msgspec.ValidationError as error:
        return f"This widget asks something that is no query: {error}"
    kind = widget.config.get("chart", "line")
    bars = kind == "bar" and widget.config.get("by") != "group"
    chart = bars or kind in {"line", "area", "heatmap"}
    is_chart = widget.type is WidgetType.CHART and chart
    return [
        window.of(
            narrowed(each.query, filters),
            chart=is_chart,
            bars=bars or each.query.aggregation is Aggregation.HISTOGRAM,
        )
        for each in queries
    ]


def _answered(
    widget: Widget, window: Window, answers: Sequence[tuple[Query, Answered | Exception]]
) -> Shown:
    rows = []
    for query, answer in answers:
        if isinstance(answer, Exception):
            return Shown(widget, problem=_said(answer))
        start = query.time_range.start
        begins = int(start) if isinstance(start, int) else window.start
        rows.append(Rows.of(answer.points, answer.plan.width_ms, begins, window.end))
    return Shown(widget, answers=rows)


def _said(error: Exception) -> str:
    """Why a widget has nothing to show; what is not the asker's fault is logged."""
    if isinstance(error, NowlineError):
        return error.detail
    _log.error("a widget could not be answered", exc_info=error)
    return "This widget could not be answered; the server's log says why."


def _name(widget: Widget, query: Labelled, queries: Sequence[Labelled]) -> str:
    title = widget.title or widget.id
    return title if len(queries) == 1 or query.label == title else f"{title}: {query.label}"


def _good(answer: Answered | Exception) -> Answered:
    if isinstance(answer, Exception):
        raise answer
    return answer
