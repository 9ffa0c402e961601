"""The open windows hold exactly the rows that a plain list would, and forget only what is safe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nowline.rollup.window import Windows
from nowline.store.base import Rows
from reference import Row, assert_equal, cells, columns, selection

START = 1_000_000
SECONDS = 30
END = START + SECONDS * 1_000
EVERY = dict.fromkeys(range(4), 0)

rows = st.builds(
    Row, st.integers(0, 3), st.integers(START - 5_000, END - 1), st.integers(-50, 50).map(float)
)
batches = st.lists(rows, min_size=1, max_size=12)


@dataclass
class Taken:
    """One batch as it went in."""

    offset: int
    rows: list[Row]
    oldest_held: int


def fold(windows: Windows, batch: list[Row], *, received_ms: int = 0, offset: int = 0) -> None:
    windows.fold(*columns(batch), received_ms=received_ms, offset=offset)


@given(st.lists(batches, max_size=25), st.integers(0, 20), st.integers(1, 25), st.data())
def test_windows_are_what_a_plain_list_says(
    taken: list[list[Row]], first: int, length: int, data: st.DataObject
) -> None:
    windows = Windows(START)
    for batch in taken:
        fold(windows, batch)
    kept = [row for batch in taken for row in batch if row.time >= START]
    start, end = START + first * 1_000, START + (first + length) * 1_000
    width = data.draw(st.sampled_from([1_000, 2_000, 5_000, 60_000]))
    groups = data.draw(st.dictionaries(st.integers(0, 3), st.just(0), min_size=1))
    found = windows.partials(selection(groups), start, end, width)
    assert_equal(found, cells(kept, groups, start, end, width))


@given(st.lists(batches, max_size=40))
def test_many_batches_into_one_second_stay_few_cells(taken: list[list[Row]]) -> None:
    windows = Windows(START)
    same = [[row._replace(time=START + row.time % 1_000) for row in batch] for batch in taken]
    for batch in same:
        fold(windows, batch)
    assert windows.cells <= 17 * len(EVERY)
    found = windows.partials(selection(EVERY), START, END, 1_000)
    assert_equal(found, cells([r for b in same for r in b], EVERY, START, END, 1_000))


def test_groups_of_series_are_merged() -> None:
    windows = Windows(START)
    batch = [Row(s, START + s, float(s)) for s in range(4)]
    fold(windows, batch)
    groups = {0: 1, 1: 0, 3: 1}
    found = windows.partials(selection(groups), START, END, 1_000)
    assert_equal(found, cells(batch, groups, START, END, 1_000))


def test_a_selection_of_series_that_are_not_there_is_empty() -> None:
    windows = Windows(START)
    fold(windows, [Row(1, START, 1.0)])
    assert len(windows.partials(selection({0: 0, 9: 0}), START, END, 1_000)) == 0
    assert len(windows.partials(selection({}), START, END, 1_000)) == 0
    assert len(windows.partials(selection({1: 0}), END, START, 1_000)) == 0


def test_changes_tell_series_second_and_when() -> None:
    windows = Windows(START)
    fold(windows, [Row(2, START + 1_500, 1.0), Row(2, START + 1_900, 1.0)], received_ms=7, offset=3)
    (change,) = windows.changes_since(0) or []
    assert (change.position, change.received_ms, change.offset) == (1, 7, 3)
    assert change.series.tolist() == [2]
    assert change.second.tolist() == [START + 1_000]


def test_a_row_older_than_the_windows_leaves_only_its_change() -> None:
    windows = Windows(START)
    fold(windows, [Row(1, START - 1, 1.0)])
    assert windows.cells == 0
    assert [c.second.tolist() for c in windows.changes_since(0) or []] == [[START - 1_000]]


def test_changes_since_are_complete_or_refused() -> None:
    windows = Windows(START)
    for number in range(5):
        fold(windows, [Row(0, START, 1.0)], received_ms=number * 10, offset=number + 1)
    windows.forget(START, changes_before=25, stored=5)
    assert windows.changes_since(2) is None
    assert [c.position for c in windows.changes_since(3) or []] == [4, 5]
    assert windows.changes_since(5) == []


@pytest.mark.parametrize("stored", [0, 1])
def test_a_second_with_a_row_that_is_not_stored_stays(stored: int) -> None:
    windows = Windows(START)
    fold(windows, [Row(0, START + 2_000, 1.0)], offset=1)
    fold(windows, [Row(0, START + 5_000, 1.0)], offset=2)
    windows.forget(START + 20_000, changes_before=0, stored=stored)
    assert windows.start == START + (5_000 if stored else 2_000)


def test_a_store_that_is_behind_for_long_makes_no_row_vanish() -> None:
    windows = Windows(START)
    fold(windows, [Row(0, START, 1.0)], received_ms=1, offset=1)
    for now in (100_000, 200_000, 300_000):
        windows.forget(START + 20_000, changes_before=now, stored=0)
    assert len(windows.partials(selection({0: 0}), START, END, 1_000)) == 1
    windows.forget(START + 20_000, changes_before=300_000, stored=1)
    assert windows.start == START + 20_000
    assert len(windows.partials(selection({0: 0}), START, END, 1_000)) == 0
    windows.forget(START + 60_000, changes_before=300_000, stored=1)
    assert windows.cells == 0


class Forgetting(RuleBasedStateMachine):
    """Batches, late rows, a store that is behind and forgetting, in any order.

    Every row is in the windows or stored, never in neither place, and a query that takes the
    windows from their start on and the store before it counts each row once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.windows = Windows(START)
        self.taken: list[Taken] = []
        self.stored = 0

    @rule(batch=batches, received_ms=st.integers(0, 100))
    def take_in(self, batch: list[Row], received_ms: int) -> None:
        offset = len(self.taken) + 1
        held = [row.time for row in batch if row.time >= self.windows.start]
        fold(self.windows, batch, received_ms=received_ms, offset=offset)
        self.taken.append(Taken(offset, batch, min(held, default=END)))

    @rule(share=st.integers(0, 4))
    def store(self, share: int) -> None:
        self.stored += (len(self.taken) - self.stored) * share // 4

    @rule(second=st.integers(0, SECONDS), changes_before=st.integers(0, 120))
    def forget(self, second: int, changes_before: int) -> None:
        self.windows.forget(START + second * 1_000, changes_before, self.stored)

    @invariant()
    def no_row_is_in_neither_place(self) -> None:
        rows = [row for taken in self.taken for row in taken.rows]
        found = self.windows.partials(selection(EVERY), START - 10_000, END, 1_000)
        assert_equal(found, cells(rows, EVERY, self.windows.start, END, 1_000))
        waiting = [taken.oldest_held for taken in self.taken[self.stored :]]
        assert self.windows.start <= min(waiting, default=END)

    @invariant()
    def every_row_that_is_not_stored_is_fresh(self) -> None:
        told = [
            (int(offset), Row(int(series), int(time), float(value)))
            for piece in self.windows.fresh
            for offset, series, time, value in zip(
                piece.offset, piece.series, piece.time, piece.value, strict=True
            )
        ]
        rows = [(taken.offset, row) for taken in self.taken for row in taken.rows]
        assert told == rows[len(rows) - len(told) :]
        assert {row for row in rows if row[0] > self.stored} <= set(told)

    @invariant()
    def changes_are_the_newest_batches_without_a_gap(self) -> None:
        for position in range(len(self.taken) + 1):
            changes = self.windows.changes_since(position)
            if changes is not None:
                offsets = [change.offset for change in changes]
                assert offsets == list(range(position + 1, len(self.taken) + 1))


TestForgetting = Forgetting.TestCase
TestForgetting.settings = settings(max_examples=40, stateful_step_count=20)


def test_equal_times_keep_the_row_that_came_in_last() -> None:
    windows = Windows(START)
    for value in range(40):
        fold(windows, [Row(0, START, float(value))])
    found = windows.partials(selection({0: 0}), START, END, 1_000)
    assert found.last.tolist() == [39.0]
    assert np.array_equal(found.count, [40])


def test_fresh_rows_are_dropped_when_the_store_has_all_of_a_fold() -> None:
    windows = Windows(START)
    rows = [Row(0, START, 1.0), Row(0, START - 9_000, 2.0), Row(1, START, 3.0)]
    windows.fold(*columns(rows), received_ms=0, offset=np.array([1, 1, 2]))
    fold(windows, [Row(2, START, 4.0)], offset=3)
    before = windows.fresh
    assert [piece.offset.tolist() for piece in before] == [[1, 1, 2], [3]]
    windows.forget(START, changes_before=0, stored=1)
    assert len(windows.fresh) == 2
    windows.forget(START, changes_before=0, stored=2)
    assert [piece.value.tolist() for piece in windows.fresh] == [[4.0]]
    assert len(before) == 2


@given(st.lists(batches, max_size=12), st.integers(1, 30), st.integers(0, 12))
def test_unstored_rows_are_given_once_each_in_order(
    taken: list[list[Row]], most_rows: int, empty_ones: int
) -> None:
    windows = Windows(START)
    for offset, batch in enumerate(taken, start=1):
        fold(windows, batch, offset=offset)
    # Batches without rows at the end of the log count as read too.
    windows.offset += empty_ones
    given_rows: list[tuple[int, int, float]] = []
    stored = 0
    while windows.offset > stored:
        found, stored = windows.unstored(stored, most_rows)
        columns_found = (found.series.tolist(), found.time.tolist(), found.value.tolist())
        given_rows += zip(*columns_found, strict=True)
        windows.forget(START, 0, stored)
    assert given_rows == [(row.series, row.time, row.value) for batch in taken for row in batch]
    assert stored == len(taken) + empty_ones


def test_of_a_fold_that_is_stored_in_part_the_rest_is_unstored() -> None:
    windows = Windows(START)
    rows = [Row(0, START, 1.0), Row(0, START, 2.0), Row(1, START, 3.0)]
    windows.fold(*columns(rows), received_ms=0, offset=np.array([1, 1, 2]))
    fold(windows, [Row(2, START, 4.0)], offset=3)
    found, stored = windows.unstored(1, 1)
    assert (found.value.tolist(), stored) == ([3.0], 2)
    found, stored = windows.unstored(2, 10)
    assert (found.value.tolist(), stored) == ([4.0], 3)


def test_increases_are_rows_of_their_series_but_not_fresh() -> None:
    windows = Windows(START)
    samples, increases = [Row(0, START, 5.0)], [Row(1, START, 2.0), Row(1, START + 3_000, -1.0)]
    made = Rows(*columns(increases))
    windows.fold(*columns(samples), received_ms=0, offset=1, increases=made)
    found = windows.partials(selection(EVERY), START, END, 1_000)
    assert_equal(found, cells([*samples, *increases], EVERY, START, END, 1_000))
    (change,) = windows.changes_since(0) or []
    assert change.series.tolist() == [0, 1, 1]
    assert [piece.series.tolist() for piece in windows.fresh] == [[0]]


def test_late_rows_are_told_when_they_come_and_when_they_are_stored() -> None:
    windows, told = Windows(START), list[list[int]]()
    windows.on_late(lambda series: told.append(series.tolist()))
    late = [Row(3, START - 1, 1.0), Row(1, START - 2_000, 1.0), Row(3, START - 5, 1.0)]
    fold(windows, [*late, Row(0, START, 1.0)], offset=1)
    fold(windows, [Row(2, START, 1.0)], offset=2)
    assert told == [[1, 3]]
    windows.forget(START, changes_before=0, stored=0)
    assert told == [[1, 3]]
    windows.forget(START, changes_before=0, stored=2)
    windows.forget(START, changes_before=0, stored=2)
    assert told == [[1, 3], [1, 3]]


def test_a_batch_without_rows_changes_nothing() -> None:
    windows = Windows(START)
    fold(windows, [])
    assert (windows.position, windows.fresh, windows.changes_since(0)) == (0, [], [])
