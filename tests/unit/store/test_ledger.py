"""Which hot tables become files, and when."""

from __future__ import annotations

from nowline.model.level import Level
from nowline.model.query import DAY_MS
from nowline.store.base import Rows
from nowline.store.ledger import QUIET_MS, Ledger, Work
from nowline.store.segments import Hot, Manifest, Segment
from reference import Row, columns

FIRST, SECOND = Hot(0, 1), Hot(0, 2)
TOMORROW = Hot(1, 1)


def manifest(*hot: Hot, closed: int = 0, files: int = 0) -> Manifest:
    segments = [Segment(Level.MINUTE, False, 0, f"{n}.parquet", 1, 1) for n in range(files)]
    return Manifest(hot, tuple(segments), closed)


def note(ledger: Ledger, *times: int, hot: tuple[Hot, ...] = (FIRST,), now: int = 0) -> None:
    rows = Rows(*columns([Row(0, time, 1.0) for time in times]))
    ledger.note(manifest(*hot), rows, now)


def test_tables_that_are_full_are_sealed_and_due_when_their_minutes_are_closed() -> None:
    ledger = Ledger(most_rows=2)
    note(ledger, 1, 70_000)
    assert ledger.due(manifest(FIRST, closed=90_000), 0) == []
    assert not ledger.sealed
    note(ledger, 80_000)
    assert ledger.due(manifest(FIRST, closed=80_000), 0) == []
    assert ledger.sealed == {FIRST}
    due = ledger.due(manifest(FIRST, SECOND, closed=80_001), 0)
    assert due == [Work(0, (FIRST,), whole=False)]


def test_a_day_that_is_over_is_due_as_a_whole_once_it_is_quiet() -> None:
    ledger = Ledger(most_rows=100)
    note(ledger, DAY_MS - 1, DAY_MS, hot=(FIRST, TOMORROW), now=DAY_MS)
    over = manifest(FIRST, TOMORROW, closed=DAY_MS)
    assert ledger.due(over, DAY_MS + QUIET_MS - 1) == []
    assert ledger.due(over, DAY_MS + QUIET_MS) == [Work(0, (FIRST,), whole=True)]
    assert ledger.sealed == {FIRST}
    ledger.drop((FIRST,))
    assert not ledger.sealed


def test_several_files_of_a_day_that_is_over_are_merged_and_one_is_left_alone() -> None:
    ledger = Ledger(most_rows=100)
    assert ledger.due(manifest(closed=DAY_MS, files=1), 0) == []
    assert ledger.due(manifest(closed=DAY_MS, files=2), 0) == [Work(0, (), whole=True)]


def test_tables_of_an_earlier_run_are_as_quiet_as_can_be() -> None:
    due = Ledger(most_rows=100).due(manifest(FIRST, SECOND, closed=DAY_MS), QUIET_MS)
    assert due == [Work(0, (FIRST, SECOND), whole=True)]
