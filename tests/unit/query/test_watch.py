from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from nowline.clock import rfc3339
from nowline.errors import NowlineError
from nowline.model.batch import Batch
from nowline.model.partials import Ints
from nowline.model.query import Aggregation, Fill, Query, TimeRange
from nowline.model.series import MetricType, SeriesKey
from nowline.query.engine import Engine
from nowline.query.watch import MetricWatch, News
from nowline.query.watches import Watches
from nowline.rollup.window import Windows
from nowline.store.base import Append, Rows
from nowline.store.catalogue import Catalogue
from nowline.store.embedded import EmbeddedStore
from worlds import FOR_EVER

NOW = 1_800_000_000_000
HOUR = 3_600_000
QUERY = Query(
    "m", TimeRange(last="1h"), aggregation=Aggregation.SUM, interval="1s", max_points=10_000
)


class SetClock:
    """A clock that stands still until it is told to go on."""

    ms = NOW

    def now_ms(self) -> int:
        return self.ms


class World:
    """Windows of the last five minutes over a real store; `store` says when it has read on."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.clock, self.store, self.offset = SetClock(), store, 0
        self.catalogue, self.windows = Catalogue(), Windows(NOW - 300_000)
        engine = Engine(self.catalogue, store, self.windows, self.clock)
        self.watches = Watches(engine, self.windows, self, self.clock)
        self.kind = MetricType.GAUGE
        self._head = 0
        self._pending: list[tuple[Ints, int, float]] = []

    def put(self, time: int, value: float, **tags: str) -> None:
        self._head += 1
        key = SeriesKey.of("m", tags).encode()
        columns = np.zeros(1, np.uint32), np.array([time]), np.array([value])
        series = self.catalogue.resolve(Batch([key], [self.kind], *columns, NOW))
        if self.windows.is_whole:
            self.windows.fold(series, *columns[1:], received_ms=NOW, offset=self._head)
        self._pending.append((series, time, value))

    async def write(self) -> None:
        """The store catches up."""
        series, time, value = zip(*self._pending, strict=True)
        rows = Rows(np.concatenate(series), np.array(time), np.array(value))
        metrics, new = self.catalogue.take_unsaved(with_seen=True)
        await self.store.append(Append(rows, metrics, new, "log", self._head, 0))
        self.offset, self._pending = self._head, []
        if not self.windows.is_whole:
            self.windows.pass_over(rows, NOW, self.offset)

    async def build(self) -> None:
        """Windows that were given up are built anew; the store has everything."""
        start = self.windows.settled
        restored = await self.store.rows_since(start)
        self.windows.start_again(start, self.offset)
        self.windows.restore(restored.series, restored.time, restored.value)
        self.windows.resume()

    def watch(self, interval_ms: int = 1000, **more: object) -> MetricWatch:
        return self.watches.metric(asked(**more), interval_ms)[1]()


def asked(**more: object) -> Query:
    return msgspec.structs.replace(QUERY, **more)


def told(news: News) -> list[tuple[str, float, dict[str, str]]]:
    return [(p["timestamp"], p["value"], p["tags"]) for p in json.loads(news.data)]


def at(milliseconds: int) -> str:
    return rfc3339(milliseconds).replace(".000Z", "Z")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await EmbeddedStore.open(tmp_path / "store.duckdb", FOR_EVER)
    yield World(store)
    await store.close()


async def test_only_what_changed_is_told(world: World) -> None:
    world.put(NOW - 10_000, 1, host="a")
    watch = world.watch(group_by=("host",))
    before = (await watch.snapshot()).position
    world.put(NOW - 9_000, 2, host="b")
    news = await watch.changes(before)
    assert news is not None
    assert told(news) == [(at(NOW - 9_000), 2, {"host": "b"})]
    assert (news.position, news.newest_ms) == (world.windows.position, NOW)


async def test_a_late_row_revises_the_whole_bucket(world: World) -> None:
    world.put(NOW - 10_000, 1)
    watch = world.watch()
    world.put(NOW - 9_500, 2)
    news = await watch.changes(1)
    assert news is not None
    assert told(news) == [(at(NOW - 10_000), 3, {})]


async def test_other_metrics_and_other_tags_say_nothing(world: World) -> None:
    watch = world.watch(filters={"host": "a"})
    world.put(NOW, 1, host="b")
    news = await watch.changes(0)
    assert news is not None
    assert told(news) == []


async def test_a_row_older_than_the_windows_waits_for_the_store(world: World) -> None:
    watch = world.watch()
    world.put(NOW - HOUR // 2, 1)
    first = await watch.changes(0)
    assert first is not None
    assert (told(first), watch.waiting) == ([], True)
    await world.write()
    second = await watch.changes(first.position)
    assert second is not None
    assert (told(second), watch.waiting) == ([(at(NOW - HOUR // 2), 1, {})], False)


async def test_who_comes_before_the_store_has_a_late_row_is_told_of_it_too(world: World) -> None:
    world.put(NOW - 1_000, 1)
    world.put(NOW - 400_000, 5)
    watch = world.watch()
    news = await watch.snapshot()
    assert told(news) == [(at(NOW - 1_000), 1, {})]
    assert watch.waiting
    assert told(await watch.snapshot()) == told(news)
    await world.write()
    later = await watch.changes(news.position)
    assert later is not None
    assert told(later) == [(at(NOW - 400_000), 5, {})]
    assert not watch.waiting


async def test_a_new_row_of_a_wide_bucket_does_not_wait(world: World) -> None:
    watch = world.watch(interval="1h")
    world.put(NOW - 60_000, 1)
    news = await watch.changes(0)
    assert news is not None
    assert (len(told(news)), watch.waiting) == (1, False)


async def test_a_store_that_fails_loses_no_late_row(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = world.watch()
    world.put(NOW - HOUR // 2, 1)
    first = await watch.changes(0)
    assert first is not None
    await world.write()
    with monkeypatch.context() as patched:
        patched.setattr(world.store, "partials", None)
        with pytest.raises(TypeError):
            await watch.changes(first.position)
    again = await watch.changes(first.position)
    assert again is not None
    assert told(again) == [(at(NOW - HOUR // 2), 1, {})]


async def test_what_is_forgotten_cannot_be_told(world: World) -> None:
    world.put(NOW, 1)
    await world.write()
    world.windows.forget(NOW - 1000, NOW + 1, world.offset)
    assert await world.watch().changes(0) is None


async def test_a_range_moves_with_the_clock_or_grows_from_its_start(world: World) -> None:
    world.put(NOW - 60_000, 1)
    moving = world.watch(time_range=TimeRange(last="2m"))
    fixed = world.watch(time_range=TimeRange(start=NOW - 120_000))
    world.clock.ms += 90_000
    assert told(await moving.snapshot()) == []
    assert told(await fixed.snapshot()) == [(at(NOW - 60_000), 1, {})]


async def test_equal_questions_have_equal_keys(world: World) -> None:
    def key(**more: object) -> str:
        return world.watches.metric(asked(**more), 1000)[0]

    fixed = TimeRange(start=NOW - 60_000)
    before = key(), key(time_range=fixed)
    world.clock.ms += 5_000
    assert (key(), key(time_range=fixed)) == before
    assert key(filters={"a": ["x", "y"]}) == key(filters={"a": ["y", "x", "x"]})
    different: list[dict[str, object]] = [
        {},
        {"filters": {"a": "x"}},
        {"interval": "2s"},
        {"group_by": ("a",)},
        {"timezone": "Europe/Rome"},
        {"aggregation": Aggregation.P50},
    ]
    assert len({key(**more) for more in different} | {before[1]}) == 7


async def test_percentiles_are_told_of_whole_buckets(world: World) -> None:
    world.put(NOW - 10_000, 10)
    watch = world.watch(aggregation=Aggregation.P50, interval="1m")
    before = (await watch.snapshot()).position
    world.put(NOW - 9_000, 20)
    await world.write()
    world.put(NOW - 8_000, 30)
    news = await watch.changes(before)
    assert news is not None
    ((time, value, _),) = told(news)
    assert time == at(NOW - 60_000)
    assert value == pytest.approx(20, rel=0.01)


async def test_a_histogram_tells_each_line_of_a_bucket_that_changed(world: World) -> None:
    world.kind = MetricType.DISTRIBUTION
    for second, value in ((70_000, 10), (69_000, 500), (10_000, 10)):
        world.put(NOW - second, value)
    watch = world.watch(aggregation=Aggregation.HISTOGRAM, interval="1m")
    news = await watch.snapshot()
    assert sorted((time, count) for time, count, _ in told(news)) == [
        (at(NOW - 120_000), 1),
        (at(NOW - 120_000), 1),
        (at(NOW - 60_000), 1),
    ]
    # One of a size that the bucket had, and one of a size that there was none of.
    world.put(NOW - 9_000, 10)
    world.put(NOW - 8_000, 70_000)
    world.put(NOW - 1_800_000, 3)
    await world.write()
    after = await watch.changes(news.position)
    assert after is not None
    found = {
        (time, float(tags["from"]) <= value < float(tags["to"])): count
        for time, count, tags in told(after)
        for value in (10,)
    }
    assert found == {
        (at(NOW - 60_000), True): 2,
        (at(NOW - 60_000), False): 1,
        (at(NOW - 1_800_000), False): 1,
    }


async def test_a_rate_told_before_its_bucket_was_over_is_told_again_when_it_is(
    world: World,
) -> None:
    world.kind = MetricType.COUNTER
    watch = world.watch(aggregation=Aggregation.RATE, interval="1m")
    world.clock.ms = NOW + 19_000
    world.put(NOW + 10_000, 60)
    first = await watch.changes(0)
    assert first is not None
    assert (told(first), watch.waiting) == ([(at(NOW), 3.0, {})], False)
    world.clock.ms = NOW + 59_999
    assert not watch.waiting
    world.clock.ms += 1
    assert (watch.waiting, watch.position) == (True, first.position)
    second = await watch.changes(first.position)
    assert second is not None
    assert (told(second), watch.waiting) == ([(at(NOW), 1.0, {})], False)
    third = await watch.changes(second.position)
    assert third is not None
    assert told(third) == []


async def test_a_late_value_of_a_gauge_changes_the_rise_to_the_next_one_too(world: World) -> None:
    for time, value in ((-50_000, 10.0), (-10_000, 30.0), (-9_000, 31.0)):
        world.put(NOW + time, value, host="a")
    world.put(NOW - 10_000, 5.0, host="b")
    watch = world.watch(aggregation=Aggregation.RATE, group_by=("host",))
    before = (await watch.snapshot()).position
    world.put(NOW - 20_000, 25.0, host="a")
    news = await watch.changes(before)
    assert news is not None
    assert told(news) == [
        (at(NOW - 20_000), 15.0, {"host": "a"}),
        (at(NOW - 10_000), 5.0, {"host": "a"}),
    ]


async def test_sums_of_running_totals_follow_their_increases(world: World) -> None:
    world.kind = MetricType.CUMULATIVE
    world.put(NOW - 10_000, 100)
    watch = world.watch()
    before = (await watch.snapshot()).position
    world.put(NOW - 9_000, 103)
    companion = world.catalogue.companion(np.array([0]))
    world.windows.fold(companion, np.array([NOW - 9_000]), np.array([3.0]), received_ms=1, offset=9)
    news = await watch.changes(before)
    assert news is not None
    assert told(news) == [(at(NOW - 9_000), 3.0, {})]


async def test_days_of_a_time_zone_begin_at_its_midnight(world: World) -> None:
    # Noon in Rome is 11:00 in UTC; NOW is 08:00.
    world.put(NOW - 10 * HOUR, 1)
    world.put(NOW - 9 * HOUR, 2)
    await world.write()
    watch = world.watch(interval="1d", timezone="Europe/Rome", time_range=TimeRange(last="12h"))
    first = await watch.snapshot()
    assert [value for _, value, _ in told(first)] == [1, 2]
    world.put(NOW, 4)
    news = await watch.changes(first.position)
    assert news is not None
    assert told(news) == [(at(NOW - 9 * HOUR), 6, {})]


async def test_fill_and_compare_change_nothing_live(world: World) -> None:
    world.put(NOW - 10_000, 1)
    watch = world.watch(fill=Fill.ZERO, compare="1h")
    assert told(await watch.snapshot()) == [(at(NOW - 10_000), 1, {})]


async def test_a_live_query_has_no_end(world: World) -> None:
    with pytest.raises(NowlineError, match="no end"):
        world.watch(time_range=TimeRange(start=NOW - 1000, end=NOW))


async def test_merged_updates_keep_the_newest_of_each_point(world: World) -> None:
    point = '{"timestamp":"%s","value":%d,"tags":{"h":"%s"}}'
    parts = [
        "[" + point % ("t2", 1, "a") + "," + point % ("t1", 2, "b") + "]",
        "[" + point % ("t1", 3, "a") + "," + point % ("t2", 4, "a") + "]",
    ]
    merged = json.loads(world.watch().merge([part.encode() for part in parts]))
    values = [(p["tags"]["h"], p["timestamp"], p["value"]) for p in merged]
    assert values == [("a", "t1", 3), ("a", "t2", 4), ("b", "t1", 2)]


async def test_the_catalogue_tells_new_and_changed_metrics(world: World) -> None:
    watch = world.watches.catalogue()[1]()
    before = (await watch.snapshot()).position
    world.put(NOW, 1, host="a")
    first = await watch.changes(before)
    assert [entry["name"] for entry in json.loads(first.data)] == ["m"]
    world.put(NOW + 1, 1, host="a")
    assert (await watch.changes(first.position)).data == b"[]"
    world.put(NOW + 2, 1, host="b")
    second = await watch.changes(first.position)
    (entry,) = json.loads(watch.merge([first.data, second.data]))
    assert entry["series"] == 2


async def test_nothing_is_missed_while_the_windows_fail_and_are_built_anew(world: World) -> None:
    watch = world.watch()
    world.put(NOW - 3_000, 1)
    news = await watch.snapshot()
    held = {at: value for at, value, _ in told(news)}

    async def hear() -> None:
        nonlocal news
        news = await watch.changes(news.position) or await watch.snapshot()
        held.update((at, value) for at, value, _ in told(news))

    world.put(NOW - 2_000, 2)
    world.windows.give_up(world.offset)
    is_degraded = [watch.is_degraded]
    # What was told from the windows is not taken back while the store does not have it yet.
    await hear()
    assert list(held.values()) == [1]
    for value in (4, 8):
        world.put(NOW - 1_000, value)
        await world.write()
        await hear()
    assert list(held.values()) == [1, 2, 12]
    await world.build()
    is_degraded.append(watch.is_degraded)
    assert is_degraded == [True, False]
    world.put(NOW - 1_000, 16)
    await hear()
    assert list(held.values()) == [1, 2, 28]
    assert held == {at: value for at, value, _ in told(await watch.snapshot())}


async def test_a_moving_question_is_planned_no_sooner_than_it_is_watched(world: World) -> None:
    key, make = world.watches.metric(asked(interval="soon"), 1000)
    assert key != world.watches.metric(asked(), 1000)[0]
    with pytest.raises(NowlineError, match="soon"):
        make()
