from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.auth.throttle import SignInThrottle, Throttle

gaps = st.lists(st.floats(0, 100), max_size=60)


def throttle(*, burst: int = 5, refill_s: float = 10, capacity: int = 100) -> Throttle:
    return Throttle(burst=burst, refill_s=refill_s, capacity=capacity)


@given(gaps)
def test_never_more_than_the_burst_and_the_refill(gaps: list[float]) -> None:
    """Whoever tries whenever it is allowed fails at most burst + time / refill times."""
    tested, now, failures = throttle(), 0.0, 0
    for gap in gaps:
        now += gap
        if tested.wait_s("key", now) == 0:
            tested.fail("key", now)
            failures += 1
    assert failures <= 5 + now / 10 + 1e-6


@given(gaps)
def test_waiting_as_long_as_told_is_enough(gaps: list[float]) -> None:
    tested, now = throttle(), 0.0
    for gap in gaps:
        now += gap
        tested.fail("key", now)
    assert tested.wait_s("key", now + tested.wait_s("key", now) + 1e-6) == 0


@given(st.lists(st.integers(0, 300), max_size=500))
def test_memory_is_bounded(keys: list[int]) -> None:
    tested = throttle(capacity=16)
    for now, key in enumerate(keys):
        tested.fail(str(key), now / 100)
        assert len(tested) <= 16


@given(st.integers(1, 20), st.integers(0, 40))
def test_the_burst_is_allowed_at_once_and_no_more(burst: int, failures: int) -> None:
    tested = throttle(burst=burst)
    for _ in range(failures):
        tested.fail("key", 0)
    assert (tested.wait_s("key", 0) == 0) is (failures < burst)


def test_a_flood_of_strangers_does_not_free_who_is_kept_out() -> None:
    tested = throttle(capacity=16)
    for _ in range(20):
        tested.fail("guesser", 0)
    for n in range(1000):
        tested.fail(f"stranger {n}", 0)
    assert tested.wait_s("guesser", 0) > 0


def test_keys_do_not_count_for_each_other() -> None:
    tested = throttle(burst=1)
    tested.fail("one", 0)
    assert tested.wait_s("one", 0) == 10
    assert tested.wait_s("other", 0) == 0
    tested.forgive("one")
    assert tested.wait_s("one", 0) == 0


def failed(times: int, ip: str | None, emails: int = 1) -> SignInThrottle:
    tested = SignInThrottle()
    for n in range(times):
        tested.fail(f"user {n % emails}", ip, 0)
    return tested


def test_a_user_is_kept_out_only_from_where_the_guesses_come() -> None:
    tested = failed(10, "192.0.2.1")
    assert tested.wait_s("user 0", "192.0.2.1", 0) == 30
    assert tested.wait_s("user 0", "192.0.2.2", 0) == 0
    assert tested.wait_s("another", "192.0.2.1", 0) == 0


def test_one_place_guesses_only_so_many_users_passwords() -> None:
    tested = failed(100, "192.0.2.1", emails=100)
    assert tested.wait_s("one more", "192.0.2.1", 0) > 0
    assert tested.wait_s("one more", "192.0.2.2", 0) == 0


def test_success_forgives_the_user_but_not_the_place() -> None:
    tested = failed(100, "192.0.2.1")
    tested.succeed("user 0", "192.0.2.1")
    assert tested.wait_s("user 0", "192.0.2.1", 0) == 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("not an address", "not an address", True),
        (None, None, True),
    ],
)
def test_what_counts_as_one_place(one: str | None, other: str | None, same: bool) -> None:
    assert (failed(10, one).wait_s("user 0", other, 0) > 0) is same
