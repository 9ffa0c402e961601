"""The newest records in memory, and how long records have waited."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nowline.bus import tail
from nowline.bus.base import Record
from nowline.bus.tail import Ages, Tail

ALL = 1 << 30


def test_it_tells_what_follows_and_says_where_it_does_not_reach_back() -> None:
    kept = Tail()
    assert kept.after(0, ALL) is None
    kept.add(5, [b"5", b"6", b"7"])
    assert kept.after(4, ALL) == [Record(5, b"5"), Record(6, b"6"), Record(7, b"7")]
    assert kept.after(6, ALL) == [Record(7, b"7")]
    assert kept.after(7, ALL) == []
    assert kept.after(3, ALL) is None
    kept.clear()
    assert kept.after(6, ALL) is None


def test_the_oldest_go_when_there_are_too_many_bytes() -> None:
    kept = Tail()
    half = bytes(tail._TAIL_BYTES // 2)
    kept.add(1, [half, half, half])
    assert [record.offset for record in kept] == [2, 3]
    kept.add(4, [half * 3])
    assert list(kept) == []
    assert kept.after(4, ALL) is None


def test_ages_are_those_of_the_oldest_record_that_is_left() -> None:
    ages = Ages(0, 0.0)
    for second in range(1, 6):
        ages.note(second * 10, float(second))
    assert ages.of(0, 6.0) == 5.0
    assert ages.of(15, 6.0) == 4.0
    assert ages.of(49, 6.0) == 1.0
    assert ages.of(50, 6.0) == 0.0
    ages.forget(30)
    assert ages.of(30, 6.0) == 2.0


@given(
    st.lists(st.tuples(st.integers(1, 50), st.floats(0.1, 30)), min_size=1, max_size=3_000),
    st.data(),
)
def test_ages_are_right_within_the_gap_and_few(
    steps: list[tuple[int, float]], data: st.DataObject
) -> None:
    ages, head, now = Ages(0, 0.0), 0, 0.0
    came: list[tuple[int, float]] = []
    for count, pause in steps:
        head, now = head + count, now + pause
        ages.note(head, now)
        came.append((head, now))
    after = data.draw(st.integers(0, head - 1))
    exact = next(now - since for last, since in came if last > after)
    assert len(ages._marks) <= tail._MOST_MARKS
    assert exact <= ages.of(after, now) + 1e-9
    assert ages.of(after, now) - exact <= 2 * ages._gap_s + 30
