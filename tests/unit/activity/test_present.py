"""The counters of the present: exact to their definitions, at every moment."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.activity.days import midnight
from nowline.activity.present import MOST_RECENT, Present, Stats
from nowline.clock import rfc3339
from nowline.model.event import Event
from nowline.model.query import HOUR_MS, MINUTE_MS
from personas import SetClock

NOW = 1_800_000_000_000
UTC_ZONE, ROME = ZoneInfo("UTC"), ZoneInfo("Europe/Rome")
KINDS = ["API_CALL", "USER_LOGIN", "USER_LOGOUT", "PRODUCT_CREATED", "PAGE_VIEW"]


def event(kind: str = "PAGE_VIEW", ago_ms: int = 0, **fields: object) -> Event:
    return Event(kind, NOW - ago_ms, f"{kind}{ago_ms}", **fields)  # type: ignore[arg-type]


def expected(events: list[Event], now: int, zone: ZoneInfo) -> Stats:
    """The definitions, word for word."""

    def count(kind: str, window_ms: int) -> int:
        return sum(e.event_type == kind and now - window_ms < e.time <= now for e in events)

    recent = [e for e in events if now - 5 * MINUTE_MS < e.time <= now]
    calls = [e for e in recent if e.event_type == "API_CALL"]
    failed = [e for e in calls if (e.status or 0) >= 500]
    local = datetime.fromtimestamp(now / 1000, zone)
    today = sum(
        e.event_type == "PRODUCT_CREATED"
        and e.time <= now
        and datetime.fromtimestamp(e.time / 1000, zone).date() == local.date()
        for e in events
    )
    return Stats(
        active_users=len({e.user_id for e in recent} - {None}),
        api_calls_per_minute=count("API_CALL", MINUTE_MS),
        api_calls_per_second=count("API_CALL", MINUTE_MS) / 60,
        logins_per_minute=count("USER_LOGIN", MINUTE_MS),
        logins_per_hour=count("USER_LOGIN", HOUR_MS),
        logouts_per_hour=count("USER_LOGOUT", HOUR_MS),
        products_created_today=today,
        error_rate_percent=100 * len(failed) / len(calls) if calls else 0.0,
        as_of=rfc3339(now),
    )


windows = st.sampled_from([0, MINUTE_MS, 5 * MINUTE_MS, HOUR_MS, 20 * HOUR_MS])
offsets = st.integers(-5 * MINUTE_MS, 5 * MINUTE_MS) | st.integers(-2, 2)
happening = st.builds(
    lambda kind, window, offset, user, status: Event(
        kind, NOW - max(window - offset, -5 * MINUTE_MS), "e", user_id=user, status=status
    ),
    st.sampled_from(KINDS),
    windows,
    offsets,
    st.sampled_from([None, "a", "b", "c"]),
    st.sampled_from([None, 200, 499, 500, 503]),
)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.lists(happening, max_size=8), st.integers(0, 200_000)), max_size=5))
def test_the_counters_are_what_the_definitions_say(
    steps: list[tuple[list[Event], int]],
) -> None:
    clock, every = SetClock(NOW), []
    present = Present(clock)
    for events, later_ms in steps:
        present.add(events)
        every += events
        clock.advance(later_ms / 1000)
        for zone in (UTC_ZONE, ROME):
            told = expected(every, clock.now_ms(), zone)
            assert present.active_users() == told.active_users
            assert present.stats(zone) == told


@given(st.lists(happening, max_size=30), st.integers(0, 30))
def test_it_is_the_same_after_a_restart(events: list[Event], split: int) -> None:
    clock = SetClock(NOW)
    present = Present(clock)
    present.count(events[:split])
    present.add(events[split:])
    assert present.stats(ROME) == expected(events, NOW, ROME)


def test_the_newest_are_told_newest_first_and_no_more_than_there_is_room_for() -> None:
    present = Present(SetClock(NOW))
    present.add([event(ago_ms=ago) for ago in (*range(0, 2 * MOST_RECENT, 2), 1, 5_000)])
    found = present.recent(MOST_RECENT)
    assert [NOW - e.time for e in found[:4]] == [0, 1, 2, 4]
    assert len(found) == MOST_RECENT
    assert present.recent(3) == found[:3]


def test_of_the_same_time_the_one_that_came_last_is_told_first() -> None:
    present = Present(SetClock(NOW))
    present.add([event("A"), event("B")])
    assert [e.event_type for e in present.recent(2)] == ["B", "A"]


def test_what_nobody_asks_for_is_forgotten_too() -> None:
    clock = SetClock(NOW)
    present = Present(clock)
    for step in range(900):
        now = clock.now_ms()
        ahead = Event("PAGE_VIEW", now + 500, f"e{step}", user_id=f"u{step}")
        present.add([ahead])
        clock.advance(1)
    assert len(present._ahead) <= 2
    assert len(present._users._last) <= 302


def test_a_day_begins_where_its_zone_says() -> None:
    summer = datetime(2026, 3, 29, 12, tzinfo=ROME)
    start = midnight(int(summer.timestamp() * 1000), ROME)
    assert datetime.fromtimestamp(start / 1000, UTC) == datetime(2026, 3, 28, 23, tzinfo=UTC)
