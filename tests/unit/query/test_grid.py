"""Buckets: of one width, of a zone's days whatever its clocks do, and of an earlier time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.model.grouping import fold
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.query.grid import Grid, moved_back, of_zone

ROME = ZoneInfo("Europe/Rome")
zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
# From 1972 on no zone counts in seconds any more.
moments = st.integers(63_072_000_000, 2_200_000_000_000)


def ms(text: str, zone: ZoneInfo | None = None) -> int:
    moment = datetime.fromisoformat(text)
    return int(moment.replace(tzinfo=zone or UTC).timestamp() * 1000)


def days(zone: str, start: str, end: str, count: int = 1) -> list[float]:
    """The lengths in hours of the buckets of a range in local time."""
    where = ZoneInfo(zone)
    first, last = ms(start, where), ms(end, where)
    grid = of_zone(where, first, last, count)
    starts = grid.starts(first, last)
    return [float(each) / HOUR_MS for each in grid.ends(starts) - starts]


@pytest.mark.parametrize(
    ("zone", "start", "end", "hours"),
    [
        ("Europe/Rome", "2024-03-30", "2024-04-02", [24, 23, 24]),
        ("Europe/Rome", "2024-10-26", "2024-10-29", [24, 25, 24]),
        ("Asia/Kolkata", "2024-03-30", "2024-04-01", [24, 24]),
        ("Australia/Lord_Howe", "2024-04-06", "2024-04-09", [24, 24.5, 24]),
        # The clock jumps over midnight: the day begins at one.
        ("America/Sao_Paulo", "2018-11-03", "2018-11-06", [24, 23, 24]),
        # Midnight comes twice: the day begins with the first, or the one before is longer.
        ("America/Havana", "2024-11-02", "2024-11-05", [24, 25, 24]),
        ("America/Sao_Paulo", "2018-02-17", "2018-02-19", [25, 24]),
        # A day that never was.
        ("Pacific/Apia", "2011-12-29", "2012-01-01", [24, 24]),
    ],
)
def test_days_are_as_long_as_the_clock_makes_them(
    zone: str, start: str, end: str, hours: list[float]
) -> None:
    assert days(zone, start, end) == hours


def test_weeks_begin_on_monday_and_other_days_count_from_1970() -> None:
    start, end = ms("2024-03-20"), ms("2024-04-20")
    weeks = of_zone(ROME, start, end, 7).starts(start, end)
    local = [datetime.fromtimestamp(each / 1000, ROME) for each in weeks.tolist()]
    assert all(each.weekday() == 0 and each.hour == 0 for each in local)
    threes = of_zone(ZoneInfo("UTC"), start, end, 3)
    assert threes.starts(start, end).tolist() == Grid(3 * DAY_MS).starts(start, end).tolist()


@given(zones, moments, st.integers(1, 400 * DAY_MS), st.sampled_from([1, 2, 7, 30]))
def test_every_moment_lies_in_the_bucket_of_its_local_day(
    zone: ZoneInfo, start: int, length: int, count: int
) -> None:
    grid = of_zone(zone, start, start + length, count)
    starts = grid.starts(start, start + length)
    ends = grid.ends(starts)
    assert (np.diff(starts) > 0).all()
    assert starts[0] <= start < ends[0]
    assert starts[-1] < start + length <= ends[-1]
    assert (starts[1:] == ends[:-1]).all()
    assert not (starts % grid.step_ms).any()
    assert DAY_MS % grid.step_ms == 0
    for moment in (start, start + length // 2, start + length - 1):
        told = int(grid.of(np.array([moment]))[0])
        assert told <= moment < grid.ends(np.array([told]))[0]


@given(moments, st.integers(1, 90 * DAY_MS))
def test_rows_of_hours_compose_to_those_of_local_days(start: int, length: int) -> None:
    grid = of_zone(ROME, start, start + length, 1)
    time = np.linspace(start, start + length - 1, 200).astype(np.int64)
    value = np.arange(200.0)
    composed = grid.partials(fold(np.zeros(200, np.int64), time, value, grid.step_ms))
    dates = [datetime.fromtimestamp(each / 1000, ROME).date() for each in time.tolist()]
    expected = {date: dates.count(date) for date in dates}
    assert composed.count.tolist() == list(expected.values())
    assert composed.last.tolist() == (np.cumsum(composed.count) - 1).tolist()


@pytest.mark.parametrize(("back", "width"), [(90 * MINUTE_MS, HOUR_MS), (DAY_MS, 7 * DAY_MS)])
def test_an_earlier_time_is_told_as_the_bucket_that_it_compares_to(back: int, width: int) -> None:
    start, end = ms("2024-05-06T10:20:00"), ms("2024-05-06T12:00:00")
    grid = moved_back(Grid(width), start, end, back, None)
    told = Grid(width).starts(start, end)
    for moment in (start, end - 1):
        assert grid.of(np.array([moment - back])) == Grid(width).of(np.array([moment]))
    assert grid.starts(start - back, end - back).tolist() == told.tolist()
    assert not back % grid.step_ms
    assert not width % grid.step_ms


def test_days_are_compared_by_the_clock_on_the_wall() -> None:
    # The week before, the clocks were put forward.
    start, end = ms("2024-04-01", ROME), ms("2024-04-03", ROME)
    days = of_zone(ROME, start, end, 1)
    grid = moved_back(days, start, end, 7 * DAY_MS, ROME)
    early = ms("2024-03-25T00:30:00", ROME), ms("2024-03-26T23:30:00", ROME)
    assert grid.of(np.array(early)).tolist() == days.starts(start, end).tolist()


@given(zones, moments, st.sampled_from([1, 7, 30]), st.integers(1, 60))
def test_buckets_of_an_earlier_time_never_overlap(
    zone: ZoneInfo, start: int, back: int, hours: int
) -> None:
    end = start + hours * HOUR_MS
    grid = moved_back(Grid(15 * MINUTE_MS), start, end, back * DAY_MS, zone)
    assert grid.edges is not None
    assert (np.diff(grid.edges) >= 0).all()


def test_lengths_are_of_what_lies_in_the_range_and_has_passed() -> None:
    told = np.array([0, 60_000, 120_000, 180_000])
    lengths = Grid(60_000).lengths(told, 30_000, 200_000, 130_000)
    assert lengths.tolist() == [30_000, 60_000, 10_000, 20_000]


def test_a_local_day_is_the_same_as_a_calendar_says() -> None:
    start = ms("2024-01-01", ROME)
    grid = of_zone(ROME, start, start + 366 * DAY_MS, 1)
    told = [
        datetime.fromtimestamp(each / 1000, ROME)
        for each in grid.starts(start, start + 366 * DAY_MS)
    ]
    first = datetime(2024, 1, 1, tzinfo=ROME)
    assert told == [first + timedelta(days=n) for n in range(len(told))]
