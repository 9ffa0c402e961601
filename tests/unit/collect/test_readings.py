from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.collect.readings import CpuReading, Increments, Occasional, increase

totals = st.integers(min_value=0, max_value=2**64)


@given(totals, totals)
def test_an_increase_is_never_negative(previous: int, current: int) -> None:
    assert increase(previous, current) >= 0


@given(totals, st.integers(min_value=0, max_value=2**40))
def test_a_total_that_grew_increased_by_the_difference(previous: int, added: int) -> None:
    assert increase(previous, previous + added) == added


@given(st.integers(2**32 - 2**20, 2**32 - 1), st.integers(2**20, 2**30 - 2**20))
def test_a_32_bit_total_that_wrapped_goes_on_counting(previous: int, added: int) -> None:
    assert increase(previous, (previous + added) % 2**32) == added


@pytest.mark.parametrize(
    ("previous", "current"), [(1_000, 40), (2**31, 40), (2**40, 40), (2**32 - 1, 2**31)]
)
def test_a_total_that_was_reset_counts_from_zero(previous: int, current: int) -> None:
    assert increase(previous, current) == current


def test_the_first_reading_of_a_source_adds_nothing() -> None:
    increments = Increments()
    assert increments.advance({"eth0": (500, 100)}) == {}
    assert increments.advance({"eth0": (520, 100), "usb0": (9_000, 9_000)}) == {"eth0": (20, 0)}
    assert increments.advance({"usb0": (9_001, 9_000)}) == {"usb0": (1, 0)}


def test_a_source_that_was_gone_starts_anew() -> None:
    increments = Increments()
    increments.advance({"eth0": (500,)})
    increments.advance({})
    assert increments.advance({"eth0": (900,)}) == {}


def test_a_source_that_never_counted_is_left_out_until_it_does() -> None:
    increments = Increments()
    increments.advance({"ifb0": (0, 0)})
    assert increments.advance({"ifb0": (0, 0)}) == {}
    assert increments.advance({"ifb0": (0, 7)}) == {"ifb0": (0, 7)}


class LinuxTimes(NamedTuple):
    user: float
    system: float
    idle: float
    iowait: float
    guest: float


def test_waiting_and_guests_do_not_count_as_busy_twice() -> None:
    before = CpuReading.of(LinuxTimes(user=10, system=5, idle=80, iowait=5, guest=4))
    after = CpuReading.of(LinuxTimes(user=12, system=6, idle=86, iowait=6, guest=6))
    # ten seconds passed: six idle, one waiting, three busy, two of them for the guest
    assert before == CpuReading(busy=15, total=100)
    assert after.percent_since(before) == pytest.approx(30)


def test_no_time_passed_gives_no_percentage() -> None:
    reading = CpuReading(busy=3.0, total=9.0)
    assert reading.percent_since(reading) is None


@given(*[st.floats(0, 1e9)] * 4)
def test_a_percentage_stays_within_0_and_100(a: float, b: float, c: float, d: float) -> None:
    percent = CpuReading(a, b).percent_since(CpuReading(c, d))
    assert percent is None or 0 <= percent <= 100


def test_an_occasional_reading_repeats_in_between() -> None:
    source = iter(range(10))
    read = Occasional(lambda: next(source), every=3)
    assert [read() for _ in range(7)] == [0, 0, 0, 1, 1, 1, 2]
