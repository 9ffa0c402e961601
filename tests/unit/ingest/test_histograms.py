"""Histograms that count from a start on: each observation becomes one row, once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cancelling import give_up
from nowline.errors import NowlineError
from nowline.ingest import histograms
from nowline.ingest.histograms import Otlp
from nowline.ingest.otlp import Decoded
from nowline.ingest.otlp_json import OtlpJson
from nowline.ingest.service import Outcome
from once_world import NOW, World
from otlp_requests import DELTA, Json, counts, exponential, gauge, histogram, point, request

LONG_AGO = NOW - 3_600_000
RECENT = NOW - 60_000
BOUNDS = [10.0, 20.0]


class Door(World):
    """A world with a door for OTLP."""

    async def start(self) -> None:
        await super().start()
        self.otlp = Otlp(self.once, self.past, most_series=2, most_observations=100)

    async def send(self, *metrics: Json) -> Outcome:
        return await self.otlp.accept(decoded(*metrics))

    async def values(self) -> list[float]:
        """All observations, in the order of the log."""
        return [value for batch in await self.batches() for value in batch.value.tolist()]


def decoded(*metrics: Json) -> Decoded:
    return OtlpJson().decode(json.dumps(request(*metrics)).encode(), NOW)


def reached(time: int, *of_buckets: int, start: int = LONG_AGO, total: float = 0) -> Json:
    return histogram("m", point(time, start, **counts(*of_buckets, bounds=BOUNDS, total=total)))


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    made = Door(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_what_came_in_since_the_point_before(door: Door) -> None:
    await door.send(reached(NOW - 30, 5, 0, 1, total=60))
    assert await door.values() == []
    await door.send(reached(NOW - 20, 7, 1, 1, total=80))
    assert sum(await door.values()) == pytest.approx(20)
    assert sorted(await door.values()) == pytest.approx([3.333, 3.333, 13.333], rel=1e-3)
    await door.send(reached(NOW - 10, 7, 1, 1, total=80))
    assert len(await door.values()) == 3


async def test_a_source_that_has_just_started_counts_from_there(door: Door) -> None:
    await door.send(reached(NOW - 30, 2, 0, 0, start=RECENT, total=10))
    assert await door.values() == [5, 5]


async def test_a_source_that_started_within_the_millisecond(door: Door) -> None:
    for time, count in ((NOW - 30, 1), (NOW - 20, 3)):
        sent = reached(time, count, 0, 0, start=NOW - 30, total=5 * count)
        (of_point,) = sent["histogram"]["dataPoints"]
        of_point["timeUnixNano"] = str(int(of_point["timeUnixNano"]) + 1)
        await door.send(sent)
    assert await door.values() == [5, 5, 5]


async def test_a_source_that_starts_anew_counts_whole(door: Door) -> None:
    await door.send(reached(NOW - 40, 5, 5, 0, total=100))
    await door.send(reached(NOW - 30, 1, 0, 0, total=4))  # It fell.
    await door.send(reached(NOW - 20, 3, 0, 0, start=NOW - 25, total=12))  # A new start.
    assert await door.values() == [4, 4, 4, 4]


async def test_a_request_that_is_sent_again_counts_once(door: Door) -> None:
    first = reached(NOW - 30, 2, 0, 0, start=RECENT, total=10)
    second = reached(NOW - 20, 3, 0, 0, start=RECENT, total=18)
    for _ in range(3):
        await door.send(first)
    for _ in range(3):
        await door.send(second)
    await door.send(first)
    assert await door.values() == [5, 5, 8]


async def test_what_the_log_refused_is_told_with_the_next_point(door: Door) -> None:
    await door.send(reached(NOW - 30, 1, 0, 0, total=5))
    door.bus.refusals = 1
    with pytest.raises(NowlineError):
        await door.send(reached(NOW - 20, 2, 0, 0, total=11))
    await door.send(reached(NOW - 10, 3, 0, 0, total=17))
    assert await door.values() == [6, 6]


async def test_a_refused_point_changes_nothing(door: Door) -> None:
    await door.send(reached(NOW - 30, 1, 0, 0, total=5))
    outcome = await door.send(reached(NOW + 400_000, 9, 0, 0, total=50))
    assert [(row.index, row.error) for row in outcome.rejected] == [
        (0, "time: is more than 5 minutes ahead")
    ]
    await door.send(reached(NOW - 10, 2, 0, 0, total=9))
    assert await door.values() == [4]


async def test_after_a_restart_a_recent_source_is_known_by_what_is_stored(door: Door) -> None:
    await door.send(reached(NOW - 30, 2, 1, 1, start=RECENT, total=70))
    await door.restart()
    await door.send(reached(NOW - 30, 2, 1, 1, start=RECENT, total=70))
    await door.send(reached(NOW - 20, 2, 2, 1, start=RECENT, total=85))
    assert len(await door.values()) == 5
    assert sum(await door.values()) == pytest.approx(85)


async def test_after_a_restart_an_old_source_adds_nothing_at_first(door: Door) -> None:
    await door.send(reached(NOW - 40, 1, 0, 0, total=5))
    await door.restart()
    await door.send(reached(NOW - 30, 2, 0, 0, total=10))
    assert await door.values() == []
    await door.send(reached(NOW - 20, 3, 0, 0, total=15))
    assert await door.values() == [5]


async def test_exponential_buckets_of_changing_scale(door: Door) -> None:
    def at(time: int, scale: int, offset: int, total: float, *of_buckets: int) -> Json:
        fields = {"count": sum(of_buckets), "scale": scale, "sum": total}
        positive = {"offset": offset, "bucketCounts": list(of_buckets)}
        return exponential("e", point(time, RECENT, **fields, positive=positive))

    await door.send(at(NOW - 30, 1, 2, 5, 1, 1))  # (2, 2.83] and (2.83, 4]
    await door.send(at(NOW - 20, 0, 1, 16, 3, 1))  # (2, 4] and (4, 8]
    assert len(await door.values()) == 4
    assert sum(await door.values()) == pytest.approx(16)


async def test_deltas_count_as_they_are_and_once(door: Door) -> None:
    sent = histogram(
        "d", point(NOW, NOW - 10, **counts(0, 3, 0, bounds=BOUNDS, total=45)), temporality=DELTA
    )
    assert (await door.send(sent, gauge("g", point(NOW, asInt="1")))).accepted == 4
    assert (await door.send(sent)).accepted == 0
    assert await door.values() == [1, 15, 15, 15]


async def test_more_observations_than_are_taken_in_at_once(door: Door) -> None:
    points = [
        histogram(f"d{n}", point(NOW, **counts(60, 0, 0, bounds=BOUNDS)), temporality=DELTA)
        for n in range(3)
    ]
    assert (await door.send(*points)).accepted == 180
    assert [len(batch) for batch in await door.batches()] == [60, 60, 60]


async def test_more_observations_than_a_point_may_bring(door: Door) -> None:
    await door.send(reached(NOW - 30, 1, 0, 0, total=5))
    outcome = await door.send(gauge("g", point(NOW, asInt="1")), reached(NOW - 20, 102, 0, 0))
    assert outcome.accepted == 1
    ((index, error),) = [(row.index, row.error) for row in outcome.rejected]
    assert index == 1
    assert error.startswith("count: brings 101 observations at once; the most are 100")
    await door.send(reached(NOW - 10, 103, 0, 0, total=3))
    assert len(await door.values()) == 2


def test_no_more_rows_are_made_than_there_may_be() -> None:
    (found,) = decoded(reached(NOW, 50, 1, 0)).histograms
    assert len(histograms._rows([found], 51, {}).value) == 51
    with pytest.raises(ValueError, match="there are 102 observations; the most are 101"):
        histograms._rows([found, found], 101, {})


async def test_of_too_many_series_the_oldest_are_forgotten(door: Door) -> None:
    def of(name: str, time: int, count: int) -> Json:
        return histogram(name, point(time, LONG_AGO, **counts(count, bounds=[])))

    for name in "abc":
        await door.send(of(name, NOW - 30, 1))
    for name in "bca":
        await door.send(of(name, NOW - 20, 2))
    assert await door.rows() == [("b", NOW - 20), ("c", NOW - 20)]


async def test_how_far_totals_came_takes_no_more_than_it_may(door: Door) -> None:
    otlp = Otlp(door.once, door.past, most_bytes=1 << 20)
    bounds = [float(bound) for bound in range(5000)]
    for number in range(40):
        buckets = counts(*[1] * 5001, bounds=bounds, total=0)
        await otlp.accept(decoded(histogram(f"m{number}", point(NOW - 30, LONG_AGO, **buckets))))
        assert otlp.held_bytes < 1 << 20
    again = counts(*[2] * 5001, bounds=bounds, total=0)
    for name in ("m39", "m0"):  # The newest is known, the oldest is not any more.
        await otlp.accept(decoded(histogram(name, point(NOW - 20, LONG_AGO, **again))))
        assert len(await door.values()) == 5001


async def test_who_gives_up_wherever_that_is_counts_once(door: Door) -> None:
    await door.send(reached(NOW - 5000, 0, 0, 0))
    count = waits = 0
    is_given_up = True
    while is_given_up:
        count += 1
        sent = decoded(reached(NOW - 5000 + count, count, 0, 0, total=5 * count))
        is_given_up = await give_up(door.otlp.accept(sent), waits)
        if waits % 2:
            await door.otlp.accept(sent)
        waits += 1
    count += 1
    await door.send(reached(NOW, count, 0, 0, total=5 * count))
    assert waits > 1
    assert len(await door.values()) == count
