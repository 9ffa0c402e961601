from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nowline.live.pace import _BURST_S, _MOST_REFUSED, Pace

RATE = 50


def test_a_burst_is_let_in_and_what_is_beyond_it_is_not() -> None:
    pace = Pace()
    taken = [pace.take(RATE, 1_000.0) for _ in range(2 * RATE * _BURST_S)]
    assert taken.count(True) == RATE * _BURST_S
    assert taken == sorted(taken, reverse=True)
    assert pace.refused == RATE * _BURST_S


def test_who_rests_is_forgiven_and_who_goes_on_slower_is_not() -> None:
    pace = Pace()
    while pace.take(RATE, 0.0):
        pass
    assert pace.refused == 1
    assert not pace.take(RATE, 0.5 / RATE)
    assert pace.take(RATE, 1.5 / RATE)
    assert pace.refused == 2
    assert pace.take(RATE, _BURST_S / 2 + 0.1)
    assert pace.refused == 0


def test_a_flood_is_one_although_some_of_it_is_let_in() -> None:
    pace, now = Pace(), 0.0
    while not pace.is_flood and now < 10:
        now += 1 / (2 * RATE)
        pace.take(RATE, now)
    assert now < 10


def test_who_goes_on_all_the_same_is_a_flood() -> None:
    pace = Pace()
    while pace.take(RATE, 0.0):
        pass
    for _ in range(_MOST_REFUSED - 1):
        pace.take(RATE, 0.0)
    assert not pace.is_flood
    pace.take(RATE, 0.0)
    assert pace.is_flood


@given(st.integers(1, 1_000), st.lists(st.floats(0, 2), max_size=300))
def test_never_more_than_the_rate_and_a_burst(rate: int, pauses: list[float]) -> None:
    pace, now, taken = Pace(), 0.0, 0
    for pause in pauses:
        now += pause
        taken += pace.take(rate, now)
    assert taken <= rate * (now + _BURST_S) + 1
