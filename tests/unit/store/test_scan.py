"""Which rows a question reads, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.model import histogram
from nowline.model.level import Level
from nowline.model.partials import Need
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.store import flushing, hot, scan
from nowline.store.base import Rows, Span
from nowline.store.blockfile import Reader
from nowline.store.catalogue import Selection
from nowline.store.scan import AbandonedError, Chosen, Scan, Source
from nowline.store.segments import Kind, Manifest
from reference import Row, assert_equal, cells, columns, selection

EVERYTHING = dict.fromkeys(Level, -(1 << 62))
IDS = [0, 3, 4, 65_536]
ROWS = st.lists(
    st.builds(
        Row,
        st.sampled_from(IDS),
        st.integers(0, 3 * 288).map(lambda step: step * 300_007),
        st.sampled_from([-2.0, 0.0, 0.5, 3.0]),
    ),
    max_size=25,
)
SPANS = st.builds(
    lambda start, length, width: Span(start, start + length, width),
    st.integers(0, DAY_MS),
    st.integers(1, 3 * DAY_MS),
    st.sampled_from([1_000, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, DAY_MS]),
)
GROUPS = st.dictionaries(st.sampled_from(IDS), st.integers(0, 2), min_size=1)


def runs_of(rows: Sequence[Row]) -> tuple[hot.Run, ...]:
    return hot.runs_of(Rows(*columns(rows)), raw_from=0)


def source(
    folder: Path, in_files: Sequence[Sequence[Row]], in_memory: Sequence[Row], stop_after: int = -1
) -> Source:
    """Rows of several flushes, and in memory; nobody waits any more after so many blocks."""
    distributions = np.ones(IDS[-1] + 1, bool)
    written = [
        segment
        for rows in in_files
        for segment in flushing.write(folder, runs_of(rows), distributions, EVERYTHING)
    ]
    manifest = Manifest(tuple(written))

    def opened(kind: Kind, start: int, end: int) -> list[Reader]:
        found = manifest.segments_in(kind, start, end)
        return [Reader(folder / segment.name, kind.shape, kind.step_ms) for segment in found]

    asked = iter(range(1 << 30))
    return Source(runs_of(in_memory), opened, lambda *_: next(asked) == stop_after)


@given(st.lists(ROWS, max_size=2), ROWS, GROUPS, SPANS, st.booleans())
@settings(max_examples=60)
def test_partials_and_bins_are_those_of_all_rows(
    tmp_path_factory: pytest.TempPathFactory,
    in_files: list[list[Row]],
    in_memory: list[Row],
    groups: dict[int, int],
    span: Span,
    is_crowded: bool,
) -> None:
    rows = [row for each in (*in_files, in_memory) for row in each]
    found = source(tmp_path_factory.mktemp("files"), in_files, in_memory)
    with pytest.MonkeyPatch.context() as patched:
        if is_crowded:
            # As where there are more places than rows.
            patched.setattr(scan, "_MOST_PLACES", 0)
            patched.setattr(scan, "_ROWS_AT_A_TIME", 3)
        question = Scan(found, selection(groups), span)
        expected = cells(rows, groups, span.start, span.end, span.width_ms)
        assert_equal(question.partials(), expected)
        inside = [r for r in rows if r.series in groups and span.start <= r.time < span.end]
        series, time, value = columns(inside)
        group = np.array([groups[s] for s in series.tolist()], np.int64)
        binned = histogram.fold(group, time, value, span.width_ms)
        for is_distribution in (True, False):
            bins = question.bins(distribution=is_distribution)
            for name in ("key", "bucket", "bin", "count"):
                assert getattr(bins, name).tolist() == getattr(binned, name).tolist()


@given(st.lists(ROWS, max_size=3), st.sampled_from(IDS), SPANS)
@settings(max_examples=40)
def test_one_series_in_files_is_told_as_its_rows_are(
    tmp_path_factory: pytest.TempPathFactory, in_files: list[list[Row]], series: int, span: Span
) -> None:
    question = Scan(
        source(tmp_path_factory.mktemp("files"), in_files, []), selection({series: 2}), span
    )
    every = [row for rows in in_files for row in rows]
    expected = cells(every, {series: 2}, span.start, span.end, span.width_ms)
    whole = question.partials()
    assert_equal(whole, expected)
    for need in Need:
        some = question.partials(need=need)
        for name in ("key", "bucket", "count", *need.value):
            assert getattr(some, name).tolist() == getattr(whole, name).tolist()


def test_a_series_in_several_groups_counts_in_each(tmp_path: Path) -> None:
    rows = [Row(s, 5, float(s)) for s in (0, 3, 4)]
    both = Selection(np.array([0, 3, 3, 3]), np.array([1, 0, 1, 2]), [{}, {}, {}])
    for in_files, in_memory in (([rows], []), ([], rows)):
        folder = tmp_path / str(len(in_files))
        folder.mkdir()
        found = Scan(source(folder, in_files, in_memory), both, Span(0, 10, 1_000)).partials()
        assert found.key.tolist() == [0, 1, 2]
        assert found.total.tolist() == [3.0, 3.0, 3.0]
        assert found.count.tolist() == [1, 2, 1]


@given(st.lists(ROWS, max_size=2), ROWS, st.sets(st.sampled_from([0, 2, 3, 70_000]), min_size=1))
@settings(max_examples=40)
def test_raw_rows_come_oldest_first(
    tmp_path_factory: pytest.TempPathFactory,
    in_files: list[list[Row]],
    in_memory: list[Row],
    series: set[int],
) -> None:
    found = source(tmp_path_factory.mktemp("files"), in_files, in_memory)
    rows = [row for each in (*in_files, in_memory) for row in each]
    for chosen, ids in ((None, set(IDS)), (Chosen.all_of(np.array(sorted(series))), series)):
        told = found.rows(chosen, HOUR_MS, 2 * DAY_MS)
        expected = [r for r in rows if r.series in ids and HOUR_MS <= r.time < 2 * DAY_MS]
        listed = list(zip(told.series.tolist(), told.time.tolist(), told.value, strict=True))
        assert sorted(listed) == sorted(expected)
        assert told.time.tolist() == sorted(told.time.tolist())
        assert told.series.dtype == np.int64
        assert told.value.dtype == np.float64


def test_of_equal_times_the_row_that_came_last_is_the_last_value(tmp_path: Path) -> None:
    flushes = [[Row(0, 5, 1.0)], [Row(0, 5, 9.0), Row(0, 5, 4.0)]]
    span = Span(0, DAY_MS, DAY_MS)
    found = Scan(source(tmp_path, flushes, []), selection({0: 0}), span).partials()
    assert found.last.tolist() == [4.0]
    newer = source(tmp_path, flushes, [Row(0, 5, 2.0)])
    assert Scan(newer, selection({0: 0}), span).partials().last.tolist() == [2.0]


def test_a_question_that_nobody_waits_for_ends_at_the_next_block(tmp_path: Path) -> None:
    rows = [Row(0, hour * HOUR_MS, 1.0) for hour in range(10)]
    for stop_after in (0, 4):
        with pytest.raises(AbandonedError):
            source(tmp_path, [rows], [], stop_after).rows(None, 0, DAY_MS)
        abandoned = source(tmp_path, [rows], [], stop_after)
        with pytest.raises(AbandonedError):
            Scan(abandoned, selection({0: 0}), Span(0, DAY_MS, 1_000)).partials()


def test_the_newest_row_of_each_series() -> None:
    rows = Rows(np.array([1, 0, 1, 1]), np.array([1, 2, 3, 3]), np.array([1.0, 2.0, 3.0, 4.0]))
    found = scan.newest(rows)
    assert found.series.tolist() == [0, 1]
    assert (found.time.tolist(), found.value.tolist()) == ([2, 3], [2.0, 4.0])


def test_every_series_there_may_be_can_be_chosen_without_a_row(tmp_path: Path) -> None:
    found = source(tmp_path, [[Row(3, 5, 1.0)]], [Row(4, 5, 1.0)])
    question = Scan(found, selection({70_000: 0}), Span(0, DAY_MS, HOUR_MS))
    assert len(question.partials()) == 0
    assert len(question.bins(distribution=True)) == 0
