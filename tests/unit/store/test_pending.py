"""What waits to be on disk, and goes back there when it could not be written."""

from __future__ import annotations

import pytest

from nowline.model.series import MetricType, SeriesKey
from nowline.store.base import Append, Rows
from nowline.store.catalogue import Metric, NewSeries
from nowline.store.pending import Pending
from nowline.store.registry import Progress
from reference import Row, columns


def append(offset: int, closed: int, *values: float, metric: str = "a") -> Append:
    rows = [Row(0, 5, value) for value in values]
    return Append(
        Rows(*columns(rows)),
        [Metric(metric, MetricType.GAUGE, 0, offset)],
        [NewSeries(offset, SeriesKey.of(metric, {}), MetricType.GAUGE)],
        "log",
        offset,
        closed,
    )


def pending(*appends: Append, start: Progress | None = None) -> Pending:
    found = Pending(start or Progress())
    for each in appends:
        found = found.with_append(each, 0)
    return found


def values(found: Pending) -> list[float]:
    """In the order of the runs: all rows have one time."""
    return [value for run in found.runs for value in run.rows["value"].tolist()]


def test_nothing_waits_until_something_was_appended() -> None:
    assert pending().is_empty
    assert not pending(append(1, 0)).is_empty
    assert pending(append(1, 0)).rows == 0
    assert pending(append(1, 0, 1.0, 2.0)).rows == 2


def test_progress_is_that_of_the_last_append_and_the_clock_never_goes_back() -> None:
    found = pending(append(1, 100), append(2, 50), start=Progress("other", 9, 10))
    assert found.progress == Progress("log", 2, 100)
    assert found.since == 100
    assert pending(append(1, 5), append(2, 50)).since == 5


def test_what_could_not_be_written_comes_before_what_came_since() -> None:
    earlier = pending(append(1, 10, 1.0), append(2, 20, 2.0, metric="b"))
    later = pending(append(3, 30, 3.0), start=earlier.progress)
    both = later.after(earlier)
    assert values(both) == [1.0, 2.0, 3.0]
    assert both.progress == Progress("log", 3, 30)
    assert both.since == 10
    assert {name: metric.last_seen for name, metric in both.metrics.items()} == {"a": 3, "b": 2}
    assert [new.id for each in both.series for new in each] == [1, 2, 3]


def test_nothing_new_after_what_could_not_be_written_is_that() -> None:
    earlier = pending(append(1, 10, 1.0))
    both = Pending(earlier.progress).after(earlier)
    assert (both.progress, both.since, values(both)) == (earlier.progress, 10, [1.0])
    assert not both.is_empty


def test_an_offset_beyond_64_bits_is_refused() -> None:
    with pytest.raises(OverflowError):
        pending(append(1 << 70, 0, 1.0))
