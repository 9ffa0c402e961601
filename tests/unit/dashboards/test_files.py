"""Files of dashboards: what is asked for them, and how many may be in the making."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from nowline.dashboards.files import MOST_WAITING, MOST_WAITING_EACH, Answered, Files, narrowed
from nowline.dashboards.window import Window, window_of
from nowline.errors import Code, NowlineError, invalid
from nowline.model.dashboard import Content
from nowline.model.event import Event
from nowline.model.points import Points
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS, Query, TimeRange
from nowline.model.sheet import Drawn, Look, Sheet
from sheets import NOW, widget

WINDOW = Window(NOW - HOUR_MS, NOW, "Europe/Rome")
PNG = Look(Drawn.PNG)


@dataclass(frozen=True)
class Plan:
    width_ms: int


@dataclass(frozen=True)
class Answer:
    plan: Plan
    points: Points


class World:
    """Whatever surrounds the files: answers one, refuses `odd`, and draws when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Query] = []
        self.drawn: list[Sheet] = []
        self.open = asyncio.Event()
        self.open.set()

    def now_ms(self) -> int:
        return NOW

    async def ask_all(self, queries: Sequence[Query]) -> list[Answered | Exception]:
        self.asked += queries
        return [self._answer(each) for each in queries]

    def _answer(self, query: Query) -> Answered | Exception:
        if query.metric_name == "odd":
            return invalid("metric_name", "is odd")
        if query.metric_name == "lost":
            return OSError("disk")
        one = np.array([0], np.int64)
        return Answer(Plan(10_000), Points([{}], one, one + NOW - 10_000, np.array([1.0])))

    async def newest(self, types: Sequence[str], before: int, most: int) -> list[Event]:
        if "LOST" in types:
            raise OSError("disk")
        return [Event(types[0], before - 1, "e")][:most]

    async def draw(self, sheet: Sheet) -> bytes:
        await self.open.wait()
        self.drawn.append(sheet)
        return b"file"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def files(world: World) -> Files:
    return Files(world, world, world, world)


def content(*widgets: object, **change: object) -> Content:
    return Content(name="Shop", widgets=list(widgets), **change)  # type: ignore[arg-type]


async def test_each_widget_gets_its_own_answers(world: World, files: Files) -> None:
    two = {"queries": [{"label": "a", "query": {"metric_name": "a"}}] * 2}
    made = content(
        widget("chart", two, id="two"),
        widget("chart", {"query": {"metric_name": "odd"}}, id="odd"),
        widget("chart", {"query": {"metric_name": "lost"}}, id="lost"),
        widget("chart", {"queries": [{"query": {"nothing": 1}}]}, id="none"),
        widget("feed", {"event_types": ["ERROR"]}, id="feed"),
        widget("feed", {"event_types": ["LOST"]}, id="lost feed"),
        widget("text", {"text": "Hi"}, id="text"),
        filters={"host": ["a"], "free": []},
    )
    assert await files.draw(made, WINDOW, PNG, "bob") == b"file"
    (sheet,) = world.drawn
    shown = {each.widget.id: each for each in sheet.shown}
    assert len(shown["two"].answers) == 2
    assert shown["odd"].problem == "metric_name: is odd"
    assert shown["lost"].problem == "This widget could not be answered; the server's log says why."
    assert "is no query" in (shown["none"].problem or "")
    assert [each.event_type for each in shown["feed"].events] == ["ERROR"]
    assert shown["lost feed"].problem is not None
    assert shown["text"].problem is None
    assert sheet.filters == {"host": ["a"]}
    assert (sheet.start, sheet.end, sheet.timezone) == (NOW - HOUR_MS, NOW, "Europe/Rome")
    assert all(query.filters == {"host": ["a"]} for query in world.asked)


async def test_only_so_many_are_in_the_making(world: World, files: Files) -> None:
    world.open.clear()
    makers = [f"user-{at // MOST_WAITING_EACH}" for at in range(MOST_WAITING)]
    waiting = [asyncio.create_task(files.draw(content(), WINDOW, PNG, maker)) for maker in makers]
    await asyncio.sleep(0)
    with pytest.raises(NowlineError) as mine:
        await files.draw(content(), WINDOW, PNG, makers[0])
    with pytest.raises(NowlineError) as all_of_them:
        await files.draw(content(), WINDOW, PNG, "another")
    assert (mine.value.code, mine.value.retry_after_s) == (Code.LIMITED, 5)
    assert (all_of_them.value.code, all_of_them.value.retry_after_s) == (Code.UNAVAILABLE, 5)
    world.open.set()
    await asyncio.gather(*waiting)
    assert await files.draw(content(), WINDOW, PNG, makers[0]) == b"file"


def test_filters_go_with_those_of_the_query() -> None:
    query = Query("m", filters={"host": ["a", "b"], "zone": "x"})
    found = narrowed(query, {"host": ["b", "c"], "kind": ["k"], "free": []})
    assert found.filters == {"host": ["b"], "zone": "x", "kind": ["k"]}


@pytest.mark.parametrize(
    ("query", "bars", "interval", "span"),
    [
        (Query("m"), False, "10s", HOUR_MS),
        (Query("m"), True, "1m", HOUR_MS),
        (Query("m", interval="1s"), False, "10s", HOUR_MS),
        (Query("m", interval="5m"), False, "5m", HOUR_MS),
        (Query("m", TimeRange(last="10m")), False, "1s", 10 * MINUTE_MS),
        (Query("m", TimeRange(last="7d")), False, "30m", 7 * DAY_MS),
    ],
)
def test_a_query_is_asked_for_the_window(
    query: Query, bars: bool, interval: str, span: int
) -> None:
    found = WINDOW.of(query, bars=bars)
    assert found.interval == interval
    assert found.time_range == TimeRange(start=NOW - span, end=NOW)
    assert found.timezone == "Europe/Rome"


def test_a_window_ends_with_the_second_that_it_is() -> None:
    assert window_of(None, None, None, "UTC", NOW + 1) == Window(
        NOW + 1000 - HOUR_MS, NOW + 1000, "UTC"
    )
    assert window_of("5m", None, str(NOW), "UTC", 0).span_ms == 5 * MINUTE_MS
    assert window_of(None, "1970-01-01T00:00:01Z", "2000", "UTC", 0) == Window(
        1000, 2000, "UTC", is_fixed=True
    )


def test_charts_show_a_window_that_was_zoomed_to_and_numbers_their_own_span() -> None:
    window = Window(NOW - HOUR_MS, NOW, "UTC", is_fixed=True)
    query = Query("m", TimeRange(last="5m"))
    assert window.of(query, chart=True).time_range == TimeRange(start=NOW - HOUR_MS, end=NOW)
    assert window.of(query).time_range == TimeRange(start=NOW - 5 * MINUTE_MS, end=NOW)
    assert WINDOW.of(query, chart=True).time_range == window.of(query).time_range
