"""What is kept: within a budget, for a time, and until its metric's past changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nowline.query.cache import Cache


class Clock:
    ms = 0

    def now_ms(self) -> int:
        return self.ms


def always(_value: int) -> bool:
    return True


def test_a_value_is_there_until_it_expires() -> None:
    clock = Clock()
    cache: Cache[int] = Cache(clock, 100)
    cache.put("m", "a", 1, 10, 5_000)
    clock.ms = 4_999
    assert cache.get("a", always) == 1
    clock.ms = 5_000
    assert cache.get("a", always) is None
    assert (cache.tally.hits, cache.tally.misses, cache.tally.entries) == (1, 1, 0)


def test_a_value_that_does_not_fit_any_more_is_dropped() -> None:
    cache: Cache[int] = Cache(Clock(), 100)
    cache.put("m", "a", 1, 10, 5_000)
    assert cache.get("a", lambda _: False) is None
    assert cache.get("a", always) is None
    assert cache.tally.bytes == 0


def test_a_change_of_the_past_drops_what_is_kept_of_that_metric() -> None:
    cache: Cache[int] = Cache(Clock(), 100)
    cache.put("m", "a", 1, 10, 5_000)
    cache.put("m", "b", 2, 10, 5_000)
    cache.put("n", "c", 3, 10, 5_000)
    before = cache.revision("m"), cache.revision("n")
    cache.revise("m")
    assert [cache.get(key, always) for key in "abc"] == [None, None, 3]
    assert (cache.revision("m"), cache.revision("n")) == (before[0] + 1, before[1])


def test_what_was_used_least_recently_goes_first() -> None:
    cache: Cache[int] = Cache(Clock(), 20)
    cache.put("m", "a", 1, 10, 5_000)
    cache.put("m", "b", 2, 10, 5_000)
    cache.get("a", always)
    cache.put("m", "c", 3, 10, 5_000)
    assert [cache.get(key, always) for key in "abc"] == [1, None, 3]
    assert cache.tally.evictions == 1


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), st.integers(1, 60)),
        st.tuples(st.just("get"), st.integers(0, 5), st.booleans()),
        st.tuples(st.just("revise"), st.integers(0, 1), st.none()),
    )
)


@given(steps)
def test_it_never_holds_more_than_its_budget(steps: list[tuple[str, int, int]]) -> None:
    cache: Cache[int] = Cache(Clock(), 100)
    sizes: dict[int, int] = {}
    for step, key, more in steps:
        if step == "put":
            cache.put(f"m{key % 2}", key, more, more, 1_000)
            sizes[key] = more
        elif step == "get":
            found = cache.get(key, always if more else lambda _: False)
            assert found in (None, sizes.get(key))
        else:
            cache.revise(f"m{key}")
        assert 0 <= cache.tally.bytes <= 100
        assert (cache.tally.entries == 0) == (cache.tally.bytes == 0)
