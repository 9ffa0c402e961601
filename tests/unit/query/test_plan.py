"""From a query to what is read: ranges, bucket widths, limits, and the field at fault."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.errors import Code, NowlineError
from nowline.model.level import Level
from nowline.model.query import Aggregation, Query, TimeRange, duration_ms
from nowline.model.series import MetricType
from nowline.query.plan import Plan, Subject, plan
from nowline.query.ranges import interval_ms, reach_ms

NOW = 1_800_000_000_123
NEXT_SECOND = 1_800_000_001_000
DAY = 86_400_000


def query(**fields: object) -> Query:
    return msgspec.convert({"metric_name": "a", **fields}, Query)


def fault(**fields: object) -> NowlineError:
    with pytest.raises(NowlineError) as caught:
        plan(query(**fields), NOW)
    return caught.value


def test_defaults() -> None:
    planned = plan(query(), NOW)
    assert (planned.start, planned.end) == (NEXT_SECOND - 3_600_000, NEXT_SECOND)
    assert planned.aggregation is Aggregation.AVG
    assert (planned.filters, planned.group_by, planned.max_points) == ({}, (), 1000)


@pytest.mark.parametrize(
    ("time_range", "expected"),
    [
        ({"last": "5m"}, (NEXT_SECOND - 300_000, NEXT_SECOND)),
        ({"last": "4h"}, (NEXT_SECOND - 4 * 3_600_000, NEXT_SECOND)),
        ({"last": "1w"}, ((NEXT_SECOND - 7 * DAY) // 300_000 * 300_000, NEXT_SECOND)),
        ({"last": "365d"}, ((NEXT_SECOND - 365 * DAY) // DAY * DAY, NEXT_SECOND)),
        ({"start": 5, "end": 9}, (5, 9)),
        ({"start": 5.9, "end": 9.9}, (5, 9)),
        ({"start": NOW - 1}, (NOW - 1, NEXT_SECOND)),
        ({"start": "2024-05-01T12:00:00Z", "end": "2024-05-01T12:00:00.001Z"}, None),
        ({"start": "2024-05-01T14:00:00+02:00", "end": "2024-05-01T12:00:00.001Z"}, None),
    ],
)
def test_ranges(time_range: dict[str, Any], expected: tuple[int, int] | None) -> None:
    planned = plan(query(time_range=time_range), NOW)
    wanted = expected or (1_714_564_800_000, 1_714_564_800_001)
    assert (planned.start, planned.end) == wanted


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"metric_name": ""}, "metric_name"),
        ({"max_points": 0}, "max_points"),
        ({"max_points": -5}, "max_points"),
        ({"max_points": 100_001}, "max_points"),
        ({"interval": ""}, "interval"),
        ({"interval": "fast"}, "interval"),
        ({"interval": "0s"}, "interval"),
        ({"interval": "-1s"}, "interval"),
        ({"interval": "1.5s"}, "interval"),
        ({"interval": "100ms"}, "interval"),
        ({"interval": "1s "}, "interval"),
        ({"interval": "9999999999s"}, "interval"),
        ({"interval": "\u0661s"}, "interval"),
        ({"time_range": {"last": ""}}, "time_range.last"),
        ({"time_range": {"last": "soon"}}, "time_range.last"),
        ({"time_range": {"last": "999999999w"}}, "time_range.last"),
        ({"time_range": {"last": "1h", "start": 5}}, "time_range.last"),
        ({"time_range": {"last": "1h", "start": 5, "end": 6}}, "time_range.last"),
        ({"time_range": {"last": "1h", "end": 6}}, "time_range.last"),
        ({"time_range": {"end": 6}}, "time_range.start"),
        ({"time_range": {"start": "yesterday"}}, "time_range.start"),
        ({"time_range": {"start": "2024-05-01T12:00:00"}}, "time_range.start"),
        ({"time_range": {"start": -1}}, "time_range.start"),
        ({"time_range": {"start": 1e300}}, "time_range.start"),
        ({"time_range": {"start": 5, "end": "x"}}, "time_range.end"),
        ({"time_range": {"start": 5, "end": 5}}, "time_range.end"),
        ({"time_range": {"start": 6, "end": 5}}, "time_range.end"),
        ({"time_range": {"start": NEXT_SECOND}}, "time_range.end"),
    ],
)
def test_bad_input_names_its_field(fields: dict[str, Any], field: str) -> None:
    error = fault(**fields)
    assert error.code is Code.INVALID
    assert [each.field for each in error.errors] == [field]


@given(st.integers(0, 1 << 52), st.integers(1, 1 << 52), st.integers(2, 5_000))
def test_auto_never_makes_more_points_than_wanted(start: int, length: int, most: int) -> None:
    # Thinning would choose among them, where a wider bucket keeps all rows in the picture.
    length = min(length, 365 * DAY * (most - 2) or DAY)
    time_range = {"start": start, "end": start + length}
    planned = plan(query(time_range=time_range, max_points=most), NOW)
    assert planned.buckets() <= max(most, 3)


@given(st.integers(1, 40_000_000), st.integers(100, 5_000))
def test_auto_is_not_wider_than_it_must_be(seconds: int, most: int) -> None:
    time_range = {"start": 0, "end": seconds * 1_000}
    planned = plan(query(time_range=time_range, max_points=most), NOW)
    assert planned.width_ms == 1_000 or planned.buckets() > most // 8


@given(st.integers(0, NOW), st.integers(1, 10 * DAY), st.sampled_from(["1s", "7s", "1m", "1h"]))
def test_buckets_are_those_that_the_range_touches(start: int, length: int, width: str) -> None:
    planned = plan(query(time_range={"start": start, "end": start + length}, interval=width), NOW)
    touched = (start + length - 1) // planned.width_ms - start // planned.width_ms + 1
    assert planned.buckets() == touched


def test_more_buckets_than_the_limit_cost_too_much() -> None:
    million = {"start": 0, "end": 1_000_000_000}
    assert plan(query(time_range=million, interval="1s"), NOW).buckets() == 1_000_000
    error = fault(time_range={"start": 0, "end": 1_000_000_001}, interval="1s")
    assert error.code is Code.UNPROCESSABLE
    assert [each.field for each in error.errors] == ["interval"]
    assert "1,000,001" in error.detail


def test_filters_are_lists_in_one_order_whatever_they_came_as() -> None:
    planned = plan(query(filters={"b": ["2", "1", "2"], "a": "x"}), NOW)
    assert planned.filters == {"a": ("x",), "b": ("1", "2")}
    assert list(planned.filters) == ["a", "b"]


def test_a_tag_is_grouped_by_once() -> None:
    assert plan(query(group_by=["b", "a", "b"]), NOW).group_by == ("b", "a")


@given(st.text())
def test_any_text_is_a_duration_or_not(text: str) -> None:
    found = duration_ms(text)
    assert found is None or found >= 1_000


@given(st.integers(1, 999_999_999), st.sampled_from([("s", 1), ("m", 60), ("h", 3600)]))
def test_durations(number: int, unit: tuple[str, int]) -> None:
    assert interval_ms(f"{number}{unit[0]}") == number * unit[1] * 1_000


def test_a_live_range_reaches_back_from_now_and_has_no_end() -> None:
    assert reach_ms(TimeRange(), NOW, "5m") == 300_000
    assert reach_ms(TimeRange(last="1h"), NOW, "5m") == 3_600_000
    assert reach_ms(TimeRange(start=NOW - 10_000), NOW, "5m") == NEXT_SECOND - NOW + 10_000
    with pytest.raises(NowlineError) as caught:
        reach_ms(TimeRange(start=1, end=2), NOW, "5m")
    assert [error.field for error in caught.value.errors] == ["time_range.end"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"timezone": ""}, "timezone"),
        ({"timezone": "Rome"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"timezone": "/etc/localtime"}, "timezone"),
        ({"timezone": "Europe"}, "timezone"),
        ({"timezone": "a" * 5_000}, "timezone"),
        ({"timezone": "Europe/Rome\0"}, "timezone"),
        ({"timezone": "UTC", "time_range": {"start": 0, "end": 1 << 52}}, "time_range.end"),
        ({"compare": ""}, "compare"),
        ({"compare": "yesterday"}, "compare"),
        ({"compare": "99999999w"}, "compare"),
    ],
)
def test_bad_zones_and_comparisons_name_their_field(fields: dict[str, Any], field: str) -> None:
    error = fault(**fields)
    assert error.code is Code.INVALID
    assert [each.field for each in error.errors] == [field]


HOUR = 3_600_000
KEPT = {
    Level.RAW: 30 * DAY,
    Level.MINUTE: 365 * DAY,
    Level.FIVE_MINUTES: 365 * DAY,
    Level.HOUR: 5 * 365 * DAY,
    Level.DAY: 5 * 365 * DAY,
}


def planned(kind: MetricType = MetricType.GAUGE, series: int = 1, **fields: object) -> Plan:
    return plan(query(**fields), NOW, KEPT, Subject(kind, series))


@pytest.mark.parametrize(
    ("fields", "width", "level"),
    [
        ({"time_range": {"last": "1h"}, "interval": "7s"}, 7_000, Level.RAW),
        ({"time_range": {"last": "1h"}, "interval": "2m"}, 120_000, Level.MINUTE),
        ({"time_range": {"last": "1h"}, "interval": "15m"}, 900_000, Level.FIVE_MINUTES),
        ({"time_range": {"last": "1d"}, "interval": "3h"}, 3 * HOUR, Level.HOUR),
        ({"time_range": {"last": "30d"}, "interval": "7d"}, 7 * DAY, Level.DAY),
        ({"time_range": {"last": "31d"}, "interval": "7s"}, 60_000, Level.MINUTE),
        ({"time_range": {"last": "31d"}, "interval": "90s"}, 120_000, Level.MINUTE),
        ({"time_range": {"last": "366d"}, "interval": "5m"}, HOUR, Level.HOUR),
        ({"time_range": {"last": "366d"}, "interval": "90m"}, 2 * HOUR, Level.HOUR),
        ({"time_range": {"last": "3000d"}, "interval": "30m"}, HOUR, Level.HOUR),
        # Percentiles of anything but a distribution have bins from an hour up only.
        ({"time_range": {"last": "31d"}, "interval": "5m", "aggregation": "p95"}, HOUR, Level.HOUR),
        # What it is compared with has to be there as well.
        ({"time_range": {"last": "1h"}, "interval": "1s", "compare": "30d"}, 60_000, Level.MINUTE),
    ],
)
def test_a_range_is_read_from_the_finest_level_that_is_kept(
    fields: dict[str, Any], width: int, level: Level
) -> None:
    found = planned(**fields)
    assert (found.width_ms, found.level) == (width, level)
    if found.start < NOW - 30 * DAY:
        assert found.start % found.finest.width_ms == 0


def test_a_distribution_has_bins_at_every_level() -> None:
    found = planned(
        MetricType.DISTRIBUTION, time_range={"last": "31d"}, interval="5m", aggregation="p95"
    )
    assert (found.width_ms, found.level) == (300_000, Level.FIVE_MINUTES)


def test_edges_move_outwards_to_what_is_kept() -> None:
    start = NOW - 40 * DAY
    found = planned(time_range={"start": start, "end": start + 90_500}, interval="1m")
    assert (found.start, found.end) == (
        start // 60_000 * 60_000,
        -(-(start + 90_500) // 60_000) * 60_000,
    )
    found = planned(time_range={"start": start, "end": NOW - 1}, interval="1h")
    assert (found.start, found.end) == (start // 60_000 * 60_000, NOW - 1)


def test_auto_takes_hours_where_percentiles_would_read_very_many_rows() -> None:
    def width(series: int, last: str, kind: MetricType = MetricType.GAUGE) -> int:
        return planned(kind, series, time_range={"last": last}, aggregation="p95").width_ms

    assert width(100, "1d") == 120_000
    assert width(200, "1d") == HOUR
    assert width(1_000, "6h") == 30_000
    assert width(1_000, "1d", MetricType.DISTRIBUTION) == 120_000


def test_days_of_a_zone_are_made_of_what_divides_them() -> None:
    def level(zone: str) -> Level:
        last = {"last": "10d"}
        return planned(time_range=last, interval="1d", timezone=zone).level

    assert level("UTC") is Level.DAY
    assert level("Europe/Rome") is Level.HOUR
    assert level("Asia/Kolkata") is Level.FIVE_MINUTES
    found = planned(time_range={"last": "366d"}, interval="1d", timezone="Asia/Kolkata")
    assert found.level is Level.HOUR


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"group_by": ["a"]}, "group_by"),
        ({"compare": "1d"}, "compare"),
        ({"fill": "null"}, "fill"),
        ({"fill": "previous"}, "fill"),
        ({"time_range": {"last": "1h"}, "interval": "1s"}, "interval"),
    ],
)
def test_what_a_histogram_cannot_be_asked_with_is_named(fields: dict[str, Any], field: str) -> None:
    error = fault(aggregation="histogram", **fields)
    assert error.code is Code.INVALID
    assert [each.field for each in error.errors] == [field]


@pytest.mark.parametrize("kind", [MetricType.GAUGE, MetricType.COUNTER, MetricType.CUMULATIVE])
def test_only_distributions_have_histograms(kind: MetricType) -> None:
    with pytest.raises(NowlineError, match="distribution") as caught:
        plan(query(aggregation="histogram"), NOW, subject=Subject(kind, 1))
    assert [each.field for each in caught.value.errors] == ["aggregation"]


def test_a_histogram_of_a_distribution_or_of_nothing_yet_is_planned() -> None:
    for subject in (Subject(MetricType.DISTRIBUTION, 3), Subject()):
        asked = query(aggregation="histogram", fill="zero", time_range={"last": "1d"})
        planned = plan(asked, NOW, subject=subject)
        assert planned.keys == ("from", "to")
        assert planned.buckets() <= planned.max_points
