from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.errors import Code, NowlineError
from nowline.ingest.admission import (
    BURST_S,
    GRACE_S,
    LEAST_BYTES_PER_S,
    Admission,
    AdmissionLimits,
    Hold,
    TokenBuckets,
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def refusal(work: Callable[[], object]) -> NowlineError:
    with pytest.raises(NowlineError) as caught:
        work()
    return caught.value


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    buckets = TokenBuckets(rate=2, burst=6)
    for _ in range(6):
        assert buckets.wait_s("a", 0.0) == 0
        buckets.take("a", 1, 0.0)
    assert buckets.wait_s("a", 0.0) == pytest.approx(0.5)
    assert buckets.wait_s("b", 0.0) == 0
    assert buckets.wait_s("a", 0.5) == pytest.approx(0)


def test_what_was_taken_ahead_is_paid_back_first() -> None:
    buckets = TokenBuckets(rate=10, burst=100)
    buckets.take("a", 1000, 0.0)
    assert buckets.wait_s("a", 0.0) == pytest.approx(90.1)
    assert buckets.wait_s("a", 90.2) == 0


def test_only_full_buckets_are_forgotten() -> None:
    buckets = TokenBuckets(rate=1, burst=10)
    buckets.take("a", 5, 0.0)
    buckets.take("b", 10, 0.0)
    buckets.forget_full(6.0)
    assert len(buckets) == 1
    assert buckets.wait_s("b", 6.0) == 0


STEPS = st.lists(st.tuples(st.floats(0, 20), st.integers(1, 50)), max_size=40)


@given(STEPS, st.integers(1, 100), st.integers(1, 200))
def test_buckets_do_as_buckets_that_are_filled_drop_by_drop(
    steps: list[tuple[float, int]], rate: int, burst: int
) -> None:
    buckets = TokenBuckets(rate, burst)
    now_s, level = 0.0, float(burst)
    for passed_s, tokens in steps:
        now_s += passed_s
        level = min(burst, level + passed_s * rate)
        wait_s = buckets.wait_s("k", now_s)
        assert wait_s == pytest.approx(max(0.0, (1 - level) / rate), abs=1e-6)
        if wait_s == 0:
            buckets.take("k", tokens, now_s)
            level -= tokens


def test_without_limits_all_is_let_in(clock: Clock) -> None:
    admission = Admission(now_s=clock)
    for _ in range(10_000):
        with admission.admit("a") as hold:
            hold.grow(1, 1)
    assert sum(admission.refused.values()) == 0


def test_requests_over_the_rate_are_told_how_long_to_wait(clock: Clock) -> None:
    admission = Admission(AdmissionLimits(requests_per_s=2), clock)
    for _ in range(2 * BURST_S):
        admission.admit("a")
    refused = refusal(lambda: admission.admit("a"))
    assert (refused.code, refused.retry_after_s) == (Code.LIMITED, 1)
    assert admission.refused["requests"] == 1
    admission.admit("b")
    clock.now_s += 1
    admission.admit("a")


def test_bytes_over_the_rate_are_told_how_long_to_wait(clock: Clock) -> None:
    admission = Admission(AdmissionLimits(bytes_per_s=100), clock)
    with admission.admit("a") as hold:
        hold.grow(10, 5_000)
    refused = refusal(lambda: admission.admit("a"))
    assert (refused.code, refused.retry_after_s) == (Code.LIMITED, 41)
    assert admission.refused["bytes"] == 1
    clock.now_s += 40.5
    admission.admit("a")


def test_a_wait_that_was_told_is_enough(clock: Clock) -> None:
    admission = Admission(AdmissionLimits(requests_per_s=3, bytes_per_s=7), clock)
    for size in (100, 3, 1, 250, 80):
        with admission.admit("a") as hold:
            hold.grow(size, size)
        refused = None
        try:
            admission.admit("a")
        except NowlineError as error:
            refused = error
        if refused is not None:
            clock.now_s += refused.retry_after_s or 0
    admission.admit("a")


def test_what_is_held_is_bounded_and_let_go(clock: Clock) -> None:
    admission = Admission(AdmissionLimits(held_bytes=1000), clock)
    with admission.admit("a") as one, admission.admit("b") as two, admission.admit("c") as three:
        one.grow(1, 500)
        two.grow(1, 500)
        assert admission.held_bytes == 1000
        refused = refusal(lambda: three.grow(1, 1))
        assert (refused.code, refused.retry_after_s) == (Code.UNAVAILABLE, 1)
        assert refusal(lambda: three.announce(1)).code is Code.UNAVAILABLE
    assert admission.held_bytes == 0
    assert admission.refused["memory"] == 2
    assert admission.refused["log_full"] == 0
    with admission.admit("c") as again:
        again.grow(1, 400)


def test_one_key_may_hold_half_of_it(clock: Clock) -> None:
    admission = Admission(AdmissionLimits(held_bytes=1000), clock)
    with admission.admit("a") as one, admission.admit("a") as two, admission.admit("b") as other:
        one.grow(1, 300)
        two.grow(1, 200)
        refusal(lambda: two.grow(1, 1))
        refusal(lambda: admission.admit("a").announce(1))
        other.grow(1, 500)
    with admission.admit("a") as later:
        later.grow(1, 500)


def test_a_body_alone_has_room_whatever_its_size(clock: Clock) -> None:
    admission = Admission(AdmissionLimits(held_bytes=1000), clock)
    with admission.admit("a") as hold:
        hold.announce(5_000)
        for _ in range(5):
            hold.grow(1, 1_000)
        refusal(lambda: admission.admit("b").announce(1))


def test_what_is_announced_takes_nobodys_room(clock: Clock) -> None:
    admission = Admission(AdmissionLimits(held_bytes=1000), clock)
    stalled = [admission.admit("a") for _ in range(100)]
    for hold in stalled:
        hold.announce(500)
    with admission.admit("b") as hold:
        hold.grow(1, 1000)


@pytest.mark.parametrize(
    ("code", "reason"), [(Code.DISK_FULL, "disk_full"), (Code.UNAVAILABLE, "log_full")]
)
def test_what_the_log_refuses_is_counted(clock: Clock, code: Code, reason: str) -> None:
    admission = Admission(now_s=clock)
    for each in (code, Code.INVALID):
        hold = admission.admit("a")
        hold.grow(1, 1)
        with pytest.raises(NowlineError), hold:
            raise NowlineError(each, "no")
    assert {name: count for name, count in admission.refused.items() if count} == {reason: 1}
    assert admission.held_bytes == 0


async def reading(hold: Hold, pieces: asyncio.Queue[int]) -> str:
    async def body() -> str:
        while piece := await pieces.get():
            hold.grow(piece, piece)
        return "whole"

    with hold:
        return await hold.read(body())


async def test_a_body_that_never_comes_is_given_up(clock: Clock) -> None:
    admission = Admission(now_s=clock)
    task = asyncio.create_task(reading(admission.admit("a"), asyncio.Queue()))
    await asyncio.sleep(0)
    clock.now_s += GRACE_S
    admission.sweep()
    await asyncio.sleep(0)
    assert not task.done()
    assert admission.open_bodies == 1
    clock.now_s += 0.1
    admission.sweep()
    with pytest.raises(NowlineError) as caught:
        await task
    assert caught.value.code is Code.TOO_SLOW
    assert admission.refused["slow"] == 1
    assert (admission.held_bytes, admission.open_bodies) == (0, 0)


async def test_a_body_that_comes_fast_enough_may_take_long(clock: Clock) -> None:
    admission = Admission(now_s=clock)
    pieces: asyncio.Queue[int] = asyncio.Queue()
    task = asyncio.create_task(reading(admission.admit("a"), pieces))
    for _ in range(100):
        clock.now_s += 1
        pieces.put_nowait(LEAST_BYTES_PER_S)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        admission.sweep()
    pieces.put_nowait(0)
    assert await task == "whole"


async def test_a_body_that_drips_is_given_up(clock: Clock) -> None:
    admission = Admission(now_s=clock)
    pieces: asyncio.Queue[int] = asyncio.Queue()
    task = asyncio.create_task(reading(admission.admit("a"), pieces))
    for _ in range(GRACE_S + 2):
        clock.now_s += 1
        pieces.put_nowait(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        admission.sweep()
    with pytest.raises(NowlineError, match="too slowly"):
        await task


async def test_who_is_cancelled_by_others_stays_cancelled(clock: Clock) -> None:
    admission = Admission(now_s=clock)
    task = asyncio.create_task(reading(admission.admit("a"), asyncio.Queue()))
    await asyncio.sleep(0)
    clock.now_s += 2 * GRACE_S
    admission.sweep()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert admission.refused["slow"] == 0


async def test_sweeping_goes_on_until_it_is_cancelled() -> None:
    admission = Admission()
    task = asyncio.create_task(admission.run())
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
