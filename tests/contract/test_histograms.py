"""What counts by size promise over every store: they add up to all observations."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS, Aggregation, Fill, Query, TimeRange
from nowline.model.series import MetricType
from reference import Row
from stores import FOREVER, KINDS, Kind
from worlds import NOW, START, World


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    kind: Kind = request.param
    store = await kind.open(tmp_path, FOREVER)
    yield World(store, MetricType.DISTRIBUTION)
    await store.close()


def observations(count: int) -> list[Row]:
    """Durations from microseconds to minutes, of all series, up to three days back."""
    rng = random.Random(8)
    return [
        Row(rng.randrange(4), NOW - rng.randrange(3 * DAY_MS), rng.lognormvariate(3, 3))
        for _ in range(count)
    ]


def asked(width: str, aggregation: Aggregation, fill: Fill = Fill.NONE) -> Query:
    span = TimeRange(start=NOW - 3 * DAY_MS - HOUR_MS, end=NOW)
    return Query("m", span, aggregation, interval=width, max_points=10_000, fill=fill)


async def by_bucket(world: World, query: Query) -> Counter[int]:
    points = (await world.engine.ask(query)).points
    found: Counter[int] = Counter()
    for bucket, value in zip(points.bucket.tolist(), points.value.tolist(), strict=True):
        found[bucket] += int(value)
    return found


@pytest.mark.parametrize("width", ["5m", "1h", "1d"])
async def test_they_add_up_to_the_count_of_each_bucket(world: World, width: str) -> None:
    rows = observations(600)
    world.take_in(rows[:500])
    await world.put_away(1, NOW - HOUR_MS)
    await world.store.maintain(NOW)
    # Some that the store does not have yet, in the windows and before them.
    world.take_in(rows[500:])
    world.take_in([Row(0, START + MINUTE_MS + second * 1000, 5.0) for second in range(30)])
    await world.put_away(1, NOW - HOUR_MS)
    counted = await by_bucket(world, asked(width, Aggregation.COUNT))
    sized = await by_bucket(world, asked(width, Aggregation.HISTOGRAM))
    assert sized == counted
    assert sum(sized.values()) == 630


async def test_each_observation_is_counted_by_its_size(world: World) -> None:
    rows = observations(200)
    world.take_in(rows)
    await world.put_away(1, 0)
    points = (await world.engine.ask(asked("1d", Aggregation.HISTOGRAM))).points
    lows = [float(tags["from"]) for tags in points.tags]
    assert lows == sorted(lows)
    for group, tags in enumerate(points.tags):
        low, high = float(tags["from"]) * (1 - 1e-5), float(tags["to"]) * (1 + 1e-5)
        least = float(tags["from"]) * (1 + 1e-5), float(tags["to"]) * (1 - 1e-5)
        told = points.value[points.group == group].sum()
        assert sum(least[0] <= row.value < least[1] for row in rows) <= told
        assert told <= sum(low <= row.value < high for row in rows)


async def test_zeros_fill_the_buckets_of_each_size_that_there_is(world: World) -> None:
    world.take_in(observations(50))
    await world.put_away(1, 0)
    points = (await world.engine.ask(asked("1h", Aggregation.HISTOGRAM, Fill.ZERO))).points
    assert points.value.sum() == 50
    hours = 3 * 24 + 2
    assert len(points) in {len(points.tags) * hours, len(points.tags) * (hours - 1)}
