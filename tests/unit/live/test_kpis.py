"""KPIs are told at once and at each period's end, evaluated once for all, never for nobody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from nowline.errors import Code, NowlineError
from nowline.live.kpis import KpiUpdates, last_end
from nowline.live.reader import Reader
from nowline.model.kpi import Kpi, KpiReading, Period
from nowline.query.kpi import reading
from polling import eventually_async
from unit.live.viewers import START_MS, Pipe, SetClock, lone_reader, messages

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
# By then a period that ended has been told.
TOLD_MS = 500


class Shop:
    """KPIs whose value is when they were asked for."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.failure: Exception | None = None
        self.asked: list[tuple[str, Period, int]] = []

    async def definition(self, code: str) -> Kpi:
        if code in self.gone:
            raise NowlineError(Code.NOT_FOUND, f"There is no KPI `{code}`.")
        return Kpi(code=code, name=code, expression="1")

    async def value(self, kpi: Kpi, period: Period, now_ms: int) -> KpiReading:
        self.asked.append((kpi.code, period, now_ms))
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return reading(kpi, period, now_ms, float(now_ms), None)


class World:
    def __init__(self) -> None:
        self.clock = SetClock()
        self.shop = Shop()
        self.updates = KpiUpdates(self.shop, self.clock, error_message)

    async def watch(self, code: str, period: Period) -> tuple[Reader, Pipe]:
        reader, pipe = lone_reader()
        await self.updates.watch(reader, code, period)
        return reader, pipe

    async def go_to(self, moment_ms: int) -> None:
        self.clock.ms = moment_ms
        await self.updates.tick()


def error_message(error: NowlineError) -> dict[str, object]:
    return {"type": "error", "code": error.code.value}


def told(pipe: Pipe) -> list[dict[str, Any]]:
    return messages(pipe.take())


@pytest.fixture
def world() -> World:
    return World()


async def test_the_value_at_once_and_at_each_end(world: World) -> None:
    world.clock.ms = START_MS + 1_234
    _, pipe = await world.watch("orders", Period.MINUTE)
    (first,) = told(pipe)
    assert (first["type"], first["value"]) == ("kpi_update", START_MS + 1_234)
    assert (first["code"], first["period"]) == ("orders", "minute")
    end = START_MS + MINUTE
    await world.go_to(end + TOLD_MS - 1)
    assert told(pipe) == []
    await world.go_to(end + TOLD_MS)
    # The whole period, so as of its last moment.
    assert [message["value"] for message in told(pipe)] == [end - 1]
    await world.go_to(end + MINUTE - 1)
    assert told(pipe) == []
    await world.go_to(end + MINUTE + 3_000)
    assert [message["value"] for message in told(pipe)] == [end + MINUTE - 1]


async def test_one_evaluation_for_all_who_watch_and_none_for_nobody(world: World) -> None:
    people = await asyncio.gather(*(world.watch("orders", Period.MINUTE) for _ in range(50)))
    assert len(world.shop.asked) == 1
    await world.go_to(START_MS + MINUTE + TOLD_MS)
    assert len(world.shop.asked) == 2
    frames = [pipe.waiting[-1] for _, pipe in people]
    assert all(frame is frames[0] for frame in frames)
    for reader, _ in people:
        world.updates.leave(reader)
    await world.go_to(START_MS + 5 * MINUTE)
    assert len(world.shop.asked) == 2


async def test_who_comes_just_after_an_end_is_told_the_next_one_only(world: World) -> None:
    _, early = await world.watch("orders", Period.MINUTE)
    world.clock.ms = START_MS + MINUTE + 100
    _, late = await world.watch("orders", Period.MINUTE)
    assert [message["value"] for message in told(late)] == [START_MS + MINUTE + 100]
    told(early)
    await world.go_to(START_MS + MINUTE + TOLD_MS)
    assert len(told(early)) == 1
    assert told(late) == []
    await world.go_to(START_MS + 2 * MINUTE + TOLD_MS)
    assert told(early) == told(late) != []


async def test_an_end_that_comes_while_the_first_value_is_worked_out(world: World) -> None:
    world.clock.ms = START_MS + MINUTE - 10
    coming = asyncio.create_task(world.watch("orders", Period.MINUTE))
    await asyncio.sleep(0)
    world.clock.ms = START_MS + MINUTE + TOLD_MS
    _, pipe = await coming
    await world.updates.tick()
    values = [message["value"] for message in told(pipe)]
    assert values == [START_MS + MINUTE - 10, START_MS + MINUTE - 1]


async def test_ends_that_went_by_at_once_are_told_as_one(world: World) -> None:
    _, pipe = await world.watch("orders", Period.MINUTE)
    told(pipe)
    await world.go_to(START_MS + 10 * MINUTE + TOLD_MS)
    assert [message["value"] for message in told(pipe)] == [START_MS + 10 * MINUTE - 1]


async def test_a_clock_that_is_set_back_starts_anew(world: World) -> None:
    _, pipe = await world.watch("orders", Period.MINUTE)
    told(pipe)
    await world.go_to(START_MS - DAY + 1)
    await world.go_to(START_MS - DAY + MINUTE + TOLD_MS)
    assert [message["value"] for message in told(pipe)] == [START_MS - DAY + MINUTE - 1]


async def test_one_that_is_deleted_ends_its_viewers(world: World) -> None:
    (reader, pipe), (other, quiet) = [await world.watch(c, Period.DAY) for c in ("a", "b")]
    told(pipe)
    told(quiet)
    world.shop.gone.add("a")
    await world.updates.tick()
    assert told(pipe) == [{"type": "error", "code": "not_found"}]
    assert reader.closing.result()[0] == 4404
    assert not other.closing.done()
    assert told(quiet) == []
    await world.updates.tick()
    assert told(pipe) == []


async def test_what_is_gone_is_refused(world: World) -> None:
    world.shop.gone.add("a")
    with pytest.raises(NowlineError):
        await world.updates.check("a")


@pytest.mark.parametrize("failure", [OSError("gone"), NowlineError(Code.UNAVAILABLE, "no")])
async def test_a_store_that_fails_is_asked_again(world: World, failure: Exception) -> None:
    _, pipe = await world.watch("orders", Period.MINUTE)
    told(pipe)
    end = START_MS + MINUTE
    world.shop.failure = failure
    await world.go_to(end + TOLD_MS)
    assert told(pipe) == [{"type": "error", "code": "unavailable"}]
    asked = len(world.shop.asked)
    await world.go_to(end + TOLD_MS + 1_000)
    assert len(world.shop.asked) == asked
    await world.go_to(end + TOLD_MS + 5_000)
    assert len(world.shop.asked) == asked + 1
    assert told(pipe) == []
    world.shop.failure = None
    await world.go_to(end + TOLD_MS + 10_000)
    assert [message["value"] for message in told(pipe)] == [end - 1]


async def test_what_costs_too_much_is_told_and_not_asked_again(world: World) -> None:
    world.shop.failure = NowlineError(Code.UNPROCESSABLE, "too much")
    _, pipe = await world.watch("orders", Period.MINUTE)
    assert told(pipe) == [{"type": "error", "code": "unprocessable"}]
    await world.go_to(START_MS + MINUTE + TOLD_MS)
    assert told(pipe) == [{"type": "error", "code": "unprocessable"}]
    asked = len(world.shop.asked)
    await world.go_to(START_MS + MINUTE + 30_000)
    assert len(world.shop.asked) == asked
    world.shop.failure = None
    await world.go_to(START_MS + 2 * MINUTE + TOLD_MS)
    assert len(told(pipe)) == 1


async def test_it_runs_by_itself(world: World) -> None:
    running = asyncio.create_task(world.updates.run())
    await asyncio.sleep(0)
    _, pipe = await world.watch("orders", Period.MINUTE)
    told(pipe)
    world.clock.ms = START_MS + MINUTE + TOLD_MS
    # Whoever comes wakes it.
    await world.watch("other", Period.DAY)

    async def is_told() -> bool:
        return bool(pipe.waiting)

    assert await eventually_async(is_told)
    assert [message["value"] for message in told(pipe)] == [START_MS + MINUTE - 1]
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)]
)
def test_periods_are_those_of_utc_whatever_clocks_change_elsewhere(day: datetime) -> None:
    start = int(day.timestamp() * 1000)
    ends = {last_end(Period.DAY, moment) for moment in range(start, start + DAY, HOUR // 2)}
    assert ends == {start}
    assert last_end(Period.DAY, start + DAY) == start + DAY
    hours = {last_end(Period.HOUR, moment) for moment in range(start, start + DAY, MINUTE)}
    assert hours == {start + hour * HOUR for hour in range(24)}
    assert last_end(Period.MINUTE, start + MINUTE - 1) == start
