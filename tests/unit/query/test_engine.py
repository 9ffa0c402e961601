"""Answers over store and windows: every aggregation of every type, in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from nowline.errors import Code, NowlineError
from nowline.model.partials import Need, Partials
from nowline.model.query import DAY_MS, MINUTE_MS, Aggregation, Query, TimeRange
from nowline.model.series import MetricType
from nowline.query.answers import Answer
from nowline.query.engine import Engine
from nowline.query.figure import Figure
from nowline.rollup.window import Windows
from nowline.store.base import Span
from nowline.store.catalogue import Selection
from nowline.store.embedded import EmbeddedStore
from reference import Row
from worlds import FOR_EVER, NOW, START, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await EmbeddedStore.open(tmp_path / "store.duckdb", FOR_EVER)
    yield World(store)
    await store.close()


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        (Aggregation.AVG, 2.0),
        (Aggregation.SUM, 8.0),
        (Aggregation.COUNT, 4.0),
        (Aggregation.MIN, -1.0),
        (Aggregation.MAX, 6.0),
        (Aggregation.LAST, 2.0),
    ],
)
async def test_each_aggregation_over_store_and_windows(
    world: World, aggregation: Aggregation, expected: float
) -> None:
    seam = world.windows.start
    world.take_in([Row(0, seam - 5, 6.0), Row(1, seam - 4, 1.0)])
    await world.put_away(1, 0)
    world.take_in([Row(2, seam + 5, -1.0), Row(3, seam + 6, 2.0)])
    query = Query(
        metric_name="m",
        time_range=TimeRange(start=seam - MINUTE_MS, end=seam + MINUTE_MS),
        aggregation=aggregation,
        interval="1h",
    )
    points = (await world.engine.ask(query)).points
    assert points.value.tolist() == [expected]
    assert points.bucket.tolist() == [START]


async def test_answers_are_ordered_by_tags_then_time(world: World) -> None:
    at = world.windows.start
    world.take_in([Row(3, at, 3.0), Row(0, at + 1_000, 1.0), Row(2, at, 0.0), Row(1, at, 2.0)])
    query = Query(
        metric_name="m", time_range=TimeRange(last="5m"), group_by=("host",), interval="1s"
    )
    points = (await world.engine.ask(query)).points
    told = [points.tags[group]["host"] for group in points.group]
    assert told == ["a", "a", "b", "c"]
    assert points.value.tolist() == [0.0, 1.0, 2.0, 3.0]


async def test_an_unknown_metric_has_no_points(world: World) -> None:
    points = (await world.engine.ask(Query(metric_name="nothing"))).points
    assert len(points) == 0
    assert points.to_json() == b"[]"
    assert world.engine.answered.queries == 1


@pytest.mark.parametrize(
    ("kind", "aggregation", "expected"),
    [
        (MetricType.GAUGE, Aggregation.AVG, 3.5),
        (MetricType.GAUGE, Aggregation.SUM, 14.0),
        (MetricType.GAUGE, Aggregation.COUNT, 4.0),
        (MetricType.GAUGE, Aggregation.MIN, -1.0),
        (MetricType.GAUGE, Aggregation.MAX, 8.0),
        (MetricType.GAUGE, Aggregation.LAST, 8.0),
        (MetricType.GAUGE, Aggregation.RATE, 2.0 / 60),
        (MetricType.COUNTER, Aggregation.RATE, 14.0 / 60),
        (MetricType.DISTRIBUTION, Aggregation.RATE, 4.0 / 60),
    ],
)
async def test_a_value_is_one_number_over_the_range(
    world: World, kind: MetricType, aggregation: Aggregation, expected: float
) -> None:
    world.kind = kind
    at = world.windows.start + 500
    world.take_in([Row(0, at - 1_000, 6.0), Row(1, at - 1, 100.0), Row(0, at, 1.0)])
    await world.put_away(1, 0)
    world.take_in([Row(2, at + 4_000, -1.0), Row(3, at + 6_000, 6.0), Row(0, at + 9_000, 8.0)])
    world.take_in([Row(3, at + 60_000, 1_000.0)])
    await world.put_away(9, 0)
    figures = [
        Figure("m", aggregation, {}, at, at + 60_000),
        Figure("m", aggregation, {"host": ("z",)}, at, at + 60_000),
        Figure("n", aggregation, {}, at, at + 60_000),
        Figure("m", aggregation, {}, NOW + 10**9, NOW + 2 * 10**9),
    ]
    found = await world.engine.figures(figures)
    assert found == [pytest.approx(expected), None, None, None]
    assert await world.engine.figures(figures[:1]) == found[:1]


async def test_a_figure_of_the_past_is_read_anew_when_a_late_row_comes(world: World) -> None:
    figure = Figure("m", Aggregation.SUM, {}, START - MINUTE_MS, START)
    world.take_in([Row(0, START - 5_000, 6.0)])
    await world.put_away(1, 0)
    assert await world.engine.figures([figure]) == [6.0]
    world.take_in([Row(1, START - 4_000, 1.0)])
    await world.put_away(1, 0)
    assert await world.engine.figures([figure]) == [7.0]


PAST = Query(
    metric_name="m",
    time_range=TimeRange(start=START - 10 * MINUTE_MS, end=START),
    aggregation=Aggregation.SUM,
    interval="1m",
)
LATEST = msgspec.structs.replace(PAST, time_range=TimeRange(last="30m"))


async def total(world: World, query: Query) -> tuple[float, bool]:
    answer = await world.engine.ask(query)
    return float(answer.points.value.sum()), answer.cached


async def test_an_answer_about_the_past_is_given_again_until_a_late_row_comes(
    world: World,
) -> None:
    world.take_in([Row(0, START - MINUTE_MS, 1.0)])
    await world.put_away(1, 0)
    assert await total(world, PAST) == (1.0, False)
    world.take_in([Row(0, NOW - 1, 5.0)])
    assert await total(world, PAST) == (1.0, True)
    world.take_in([Row(1, START - MINUTE_MS, 2.0)])
    assert (await total(world, PAST))[1] is False
    await world.put_away(2, 0)
    assert await total(world, PAST) == (3.0, False)
    assert await total(world, PAST) == (3.0, True)


async def test_an_answer_up_to_now_is_given_again_until_a_row_of_its_series_comes(
    world: World,
) -> None:
    only_b = msgspec.structs.replace(LATEST, filters={"host": "b"}, interval="7s")
    world.take_in([Row(1, NOW - 5_000, 1.0), Row(0, NOW - 5_000, 5.0)])
    answers = world.engine.caches["answers"]
    assert await total(world, only_b) == (1.0, False)
    world.take_in([Row(0, NOW - 4_000, 10.0)])
    assert await total(world, only_b) == (1.0, True)
    assert (answers.hits, answers.misses) == (1, 1)
    world.take_in([Row(1, NOW - 4_000, 2.0)])
    assert (await total(world, only_b))[0] == 3.0
    assert (answers.hits, answers.misses) == (1, 2)


async def test_a_new_series_is_in_the_next_answer(world: World) -> None:
    every = msgspec.structs.replace(LATEST, group_by=("host",))
    world.take_in([Row(1, NOW - 5_000, 1.0)])
    assert await total(world, every) == (1.0, False)
    world.take_in([Row(3, NOW - 5_000, 2.0)])
    assert (await total(world, every))[0] == 3.0


async def test_a_new_group_before_the_others_does_not_mix_them_up(world: World) -> None:
    by_host = msgspec.structs.replace(LATEST, group_by=("host",))
    world.take_in([Row(1, START - MINUTE_MS, 1.0), Row(3, START - MINUTE_MS, 3.0)])
    await world.put_away(1, 0)
    await world.engine.ask(by_host)
    world.take_in([Row(0, NOW - 5_000, 10.0)])
    points = (await world.engine.ask(by_host)).points
    hosts = [points.tags[group]["host"] for group in points.group.tolist()]
    assert (hosts, points.value.tolist()) == (["a", "b", "c"], [10.0, 1.0, 3.0])


async def test_what_was_read_while_a_late_row_came_is_not_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.take_in([Row(0, START - MINUTE_MS, 1.0)])
    await world.put_away(1, 0)
    partials = world.store.partials

    async def overtaken(selection: Selection, span: Span, *, need: Need = Need.ALL) -> Partials:
        """Answer with what there was before a late row was stored."""
        found = await partials(selection, span, need=need)
        world.take_in([Row(0, START - MINUTE_MS, 2.0)])
        await world.put_away(1, 0)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "partials", overtaken)
        assert await total(world, PAST) == (1.0, False)
    assert await total(world, PAST) == (3.0, False)


async def test_a_range_that_moves_with_the_clock_reads_only_its_edges_again(world: World) -> None:
    times = range(START - 20 * MINUTE_MS, NOW, 13_000)
    world.take_in([Row(0, time, float(at)) for at, time in enumerate(times)])
    await world.put_away(1, START)
    for quantile in (Aggregation.SUM, Aggregation.P90):
        query = msgspec.structs.replace(
            LATEST, aggregation=quantile, time_range=TimeRange(last="20m"), interval="1m"
        )
        first = await world.engine.ask(query)
        for seconds in (0.5, 1, 1, 20, 61, 200):
            world.clock.advance(seconds)
            anew = Engine(world.catalogue, world.store, world.windows, world.clock)
            again = await world.engine.ask(query)
            expected = await anew.ask(query)
            assert again.cached
            assert again.points.bucket.tolist() == expected.points.bucket.tolist()
            assert again.points.value.tolist() == pytest.approx(expected.points.value.tolist())
        assert first.points.bucket.tolist() != again.points.bucket.tolist()


@pytest.mark.parametrize(
    ("time_range", "compare"),
    [
        (TimeRange(last="20m"), "30m"),
        # The start of a day is rounded, so its length changes with every second.
        (TimeRange(last="1d"), None),
        (TimeRange(last="1d"), "7d"),
        (TimeRange(start=START - 300 * MINUTE_MS), None),
    ],
)
async def test_a_range_that_moves_and_the_one_to_compare_with_are_both_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, time_range: TimeRange, compare: str | None
) -> None:
    times = [
        *range(START - 2 * DAY_MS, NOW, 13_000_000),
        *range(START - 8 * DAY_MS, NOW, 87_000_000),
    ]
    world.take_in([Row(0, time, float(at)) for at, time in enumerate(times)])
    await world.put_away(1, START)
    spans = []
    partials = world.store.partials

    async def noted(selection: Selection, span: Span, *, need: Need = Need.ALL) -> Partials:
        spans.append(span.end - span.start)
        return await partials(selection, span, need=need)

    monkeypatch.setattr(world.store, "partials", noted)
    query = msgspec.structs.replace(LATEST, time_range=time_range, compare=compare)
    assert not (await world.engine.ask(query)).cached
    assert sum(spans) > 15 * MINUTE_MS
    for seconds in (1, 2, 65):
        world.clock.advance(seconds)
        spans.clear()
        again = await world.engine.ask(query)
        assert sum(spans) <= 3 * MINUTE_MS
        anew = Engine(world.catalogue, world.store, world.windows, world.clock)
        expected = await anew.ask(query)
        assert again.points.to_json() == expected.points.to_json()
        assert again.compare() == expected.compare()


async def test_what_is_kept_has_a_budget_and_is_counted(world: World) -> None:
    world.take_in([Row(0, START - MINUTE_MS, 1.0)])
    await world.put_away(1, 0)
    for _ in range(3):
        await world.engine.ask(PAST)
    assert (world.engine.caches["answers"].hits, world.engine.caches["answers"].misses) == (2, 1)
    assert world.engine.caches["partials"].entries == 1
    assert 0 < world.engine.caches["partials"].bytes < 10_000


async def test_a_question_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    store = await EmbeddedStore.open(tmp_path / "store.duckdb", FOR_EVER)
    world = World(store)
    # Of one series, what is at hand takes no time at all.
    world.take_in([Row(series, START, 1.0) for series in (0, 1)])
    await world.put_away(1, 0)
    hasty = Engine(world.catalogue, store, world.windows, world.clock, limit_s=0)
    answers = await hasty.ask_all([PAST, msgspec.structs.replace(PAST, metric_name="")])
    assert [each.code for each in answers if isinstance(each, NowlineError)] == [
        Code.UNAVAILABLE,
        Code.INVALID,
    ]
    assert isinstance(await world.engine.ask(PAST), Answer)
    await store.close()


async def test_too_many_cells_are_refused_with_the_reason(world: World) -> None:
    world.take_in([Row(series, START, 1.0) for series in range(4)])
    wide = TimeRange(start=0, end=900_000_000)
    query = Query("m", wide, aggregation=Aggregation.RATE, interval="1s")
    with pytest.raises(NowlineError, match="900,000 buckets of each of 4 series") as caught:
        await world.engine.ask(query)
    assert caught.value.code is Code.UNPROCESSABLE
    one = msgspec.structs.replace(query, aggregation=Aggregation.SUM)
    assert len((await world.engine.ask(one)).points) == 0
    with pytest.raises(NowlineError, match="limit"):
        await world.engine.ask(msgspec.structs.replace(query, aggregation=Aggregation.P50))


async def test_a_batch_reads_a_range_once_however_many_ask(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.take_in([Row(0, START - MINUTE_MS, 1.0), Row(1, START - 2 * MINUTE_MS, 3.0)])
    await world.put_away(1, 0)
    spans = []
    partials = world.store.partials

    async def counted(selection: Selection, span: Span, *, need: Need = Need.ALL) -> Partials:
        spans.append(span)
        return await partials(selection, span, need=need)

    monkeypatch.setattr(world.store, "partials", counted)
    asked = [
        msgspec.structs.replace(PAST, aggregation=aggregation, filters=filters, group_by=group_by)
        for aggregation in (Aggregation.SUM, Aggregation.MAX, Aggregation.COUNT)
        for filters in ({}, {"host": "b"})
        for group_by in ((), ("host",), ("n", "host"))
    ]
    answers = await world.engine.ask_all(asked)
    assert len(spans) == 1
    values = [each.points.value.tolist() for each in answers if isinstance(each, Answer)]
    assert values[:6] == [[3.0, 1.0], [1.0, 3.0], [1.0, 3.0], [3.0], [3.0], [3.0]]
    assert len(values) == 18


async def test_a_range_to_compare_with_is_told_as_today(world: World) -> None:
    week = 7 * DAY_MS
    world.take_in([Row(0, START + 500, 1.0), Row(0, START + 500 - week, 2.0)])
    await world.put_away(1, 0)
    query = Query(
        "m",
        TimeRange(start=START - MINUTE_MS, end=START + MINUTE_MS),
        aggregation=Aggregation.SUM,
        interval="1s",
        compare="7d",
        timezone="Europe/Rome",
    )
    answer = await world.engine.ask(query)
    assert answer.compared is not None
    assert answer.points.bucket.tolist() == [START]
    # A week before, the clocks of Rome were an hour behind: half past ten was an hour later.
    assert answer.compared.bucket.tolist() == []
    plain = await world.engine.ask(msgspec.structs.replace(query, timezone=None))
    assert plain.compared is not None
    assert (plain.compared.bucket.tolist(), plain.compared.value.tolist()) == ([START], [2.0])


@pytest.fixture
async def filed(world: World) -> World:
    """Rows of two hosts, all of them in files that are open."""
    world.take_in([Row(n % 2, START - n * 7_000, n / 3) for n in range(1, 90)])
    await world.put_away(1, 0)
    await world.store.flush()
    await world.engine.ask(msgspec.structs.replace(PAST, aggregation=Aggregation.MAX))
    return world


ONE = msgspec.structs.replace(PAST, filters={"n": "0"})


@pytest.mark.usefixtures("told_what_is_at_hand")
@pytest.mark.parametrize("aggregation", [a for a in Aggregation if not a.is_binned])
@pytest.mark.parametrize("compare", [None, "3m"])
async def test_what_is_at_hand_is_what_is_read(
    filed: World, aggregation: Aggregation, compare: str | None
) -> None:
    query = msgspec.structs.replace(ONE, aggregation=aggregation, compare=compare)
    (anew,) = await filed.engine.run_anew([filed.engine.plan(query)])
    for is_known in (False, True):
        answer = filed.engine.ask_at_hand(query)
        assert answer is not None
        assert answer.cached is is_known
        assert (answer.data(), answer.compare()) == (anew.data(), anew.compare())
    assert len(anew.points) > 5
    assert filed.engine.answered.queries == 3
    answers = filed.engine.caches["answers"]
    assert (answers.hits, answers.misses, answers.entries) == (1, 2, 2)


@pytest.mark.usefixtures("told_what_is_at_hand")
async def test_newest_rows_are_at_hand_in_the_windows(filed: World) -> None:
    filed.take_in([Row(0, filed.windows.start + 5, 100.0)])
    answer = filed.engine.ask_at_hand(
        msgspec.structs.replace(
            ONE, time_range=TimeRange(start=START - 10 * MINUTE_MS, end=NOW), interval="1m"
        )
    )
    assert answer is not None
    assert answer.points.value[-1] == 100.0


@pytest.mark.usefixtures("told_what_is_at_hand")
async def test_what_takes_waiting_is_not_at_hand(filed: World) -> None:
    tally = filed.engine.caches["answers"]
    before = tally.misses
    for query in (
        PAST,
        msgspec.structs.replace(ONE, aggregation=Aggregation.P95),
        msgspec.structs.replace(
            ONE, time_range=TimeRange(start=START - DAY_MS, end=START), interval="1s"
        ),
    ):
        assert filed.engine.ask_at_hand(query) is None
    filed.take_in([Row(3, START - 9 * MINUTE_MS, 1.0)])
    await filed.put_away(1, 0)
    assert filed.engine.ask_at_hand(ONE) is None
    assert filed.engine.answered.queries == 1
    # Each is asked for again in the other way, and counted there.
    assert tally.misses == before
    with pytest.raises(NowlineError):
        filed.engine.ask_at_hand(Query(metric_name=""))


@pytest.mark.usefixtures("told_what_is_at_hand")
async def test_who_has_to_wait_does_not_look_through_the_windows_in_vain(
    filed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Selection] = []

    class Watched(Windows):
        def partials(self, selection: Selection, start: int, end: int, width_ms: int) -> Partials:
            looked.append(selection)
            return super().partials(selection, start, end, width_ms)

    monkeypatch.setattr(filed.windows, "__class__", Watched)
    query = msgspec.structs.replace(
        PAST, time_range=TimeRange(start=START - 10 * MINUTE_MS, end=NOW), interval="1m"
    )
    assert filed.engine.ask_at_hand(query) is None
    assert not looked
    await filed.engine.ask(query)
    assert len(looked) == 1


@pytest.mark.usefixtures("told_what_is_at_hand")
async def test_a_late_row_changes_what_was_at_hand(filed: World) -> None:
    first = filed.engine.ask_at_hand(ONE)
    filed.take_in([Row(0, START - 9 * MINUTE_MS, 1_000.0)])
    await filed.put_away(1, 0)
    await filed.store.flush()
    await filed.engine.ask(msgspec.structs.replace(PAST, aggregation=Aggregation.MAX))
    then = filed.engine.ask_at_hand(ONE)
    assert first is not None
    assert then is not None
    assert then.points.value.sum() == first.points.value.sum() + 1_000
