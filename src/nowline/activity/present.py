"""What people are doing now: the newest events and the counters, in memory."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import count
from zoneinfo import ZoneInfo

import msgspec

from nowline.activity.counting import Distinct, Rolling
from nowline.activity.days import midnight
from nowline.clock import Clock, rfc3339
from nowline.model.event import API_CALL, PRODUCT_CREATED, USER_LOGIN, USER_LOGOUT, Event
from nowline.model.query import HOUR_MS, MINUTE_MS, SECOND_MS

MOST_RECENT = 100
"""How many of the newest events are held."""
RECENT_MS = 5 * MINUTE_MS
"""How far back users and failed calls are counted."""
_ANY_DAY_MS = 26 * HOUR_MS
"""How far back any zone's day begins; a day that is set back may have 25 hours."""
REACHES_MS = {
    USER_LOGIN: HOUR_MS,
    USER_LOGOUT: HOUR_MS,
    PRODUCT_CREATED: _ANY_DAY_MS,
}
"""Types that are counted further back than `RECENT_MS`, and how far."""


class Stats(msgspec.Struct, frozen=True):
    """What is going on (CONTRACT: activity).

    Attributes:
        active_users: Different users in the last five minutes.
        api_calls_per_minute: API calls in the last minute.
        api_calls_per_second: The same, a second on average.
        logins_per_minute: In the last minute.
        logins_per_hour: In the last hour.
        logouts_per_hour: In the last hour.
        products_created_today: Since midnight.
        error_rate_percent: API calls with a status of 500 and more among all of the last five
            minutes; 0 where there were none.
        as_of: Now.
    """

    active_users: int
    api_calls_per_minute: int
    api_calls_per_second: float
    logins_per_minute: int
    logins_per_hour: int
    logouts_per_hour: int
    products_created_today: int
    error_rate_percent: float
    as_of: str


class Present:
    """Holds the newest events and counts them.

    Args:
        clock: Tells where windows end.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._users = Distinct(RECENT_MS)
        self._calls = Rolling(RECENT_MS)
        self._failed = Rolling(RECENT_MS)
        self._counted = {kind: Rolling(reach) for kind, reach in REACHES_MS.items()}
        self._newest: list[tuple[int, int, Event]] = []
        self._ahead: list[tuple[int, int, Event]] = []
        self._order = count()

    def add(self, events: Iterable[Event]) -> None:
        """Take events in, in the order in which they came."""
        arrived = list(events)
        self.hold(arrived)
        self.count(arrived)

    def hold(self, events: Iterable[Event]) -> None:
        """Only hold these among the newest."""
        for event in events:
            item = event.time, next(self._order), event
            if len(self._newest) < MOST_RECENT:
                heapq.heappush(self._newest, item)
            else:
                heapq.heappushpop(self._newest, item)

    def count(self, events: Iterable[Event]) -> None:
        """Only count these."""
        now = self._clock.now_ms()
        self._catch_up(now)
        for event in events:
            if event.time > now:
                heapq.heappush(self._ahead, (event.time, next(self._order), event))
            else:
                self._count(event)
        self._forget(now)

    def become(self, other: Present) -> None:
        """Hold and count what the other does, which is not used any more."""
        vars(self).update(vars(other))

    def recent(self, limit: int) -> list[Event]:
        """The newest events, newest first."""
        return [event for *_, event in heapq.nlargest(limit, self._newest)]

    def active_users(self) -> int:
        """Different users in the last five minutes."""
        now = self._clock.now_ms()
        self._catch_up(now)
        return self._users.count(now)

    def stats(self, zone: ZoneInfo) -> Stats:
        """The counters as of now.

        Args:
            zone: Whose day today is.
        """
        now = self._clock.now_ms()
        self._catch_up(now)
        calls = self._calls.count(now - RECENT_MS, now)
        failed = self._failed.count(now - RECENT_MS, now)
        a_minute = self._calls.count(now - MINUTE_MS, now)
        logins = self._counted[USER_LOGIN]
        return Stats(
            active_users=self._users.count(now),
            api_calls_per_minute=a_minute,
            api_calls_per_second=a_minute * SECOND_MS / MINUTE_MS,
            logins_per_minute=logins.count(now - MINUTE_MS, now),
            logins_per_hour=logins.count(now - HOUR_MS, now),
            logouts_per_hour=self._counted[USER_LOGOUT].count(now - HOUR_MS, now),
            products_created_today=self._counted[PRODUCT_CREATED].count(
                midnight(now, zone) - 1, now
            ),
            error_rate_percent=100 * failed / calls if calls else 0.0,
            as_of=rfc3339(now),
        )

    def _catch_up(self, now: int) -> None:
        """Count the events whose time has come."""
        while self._ahead and self._ahead[0][0] <= now:
            self._count(heapq.heappop(self._ahead)[2])

    def _count(self, event: Event) -> None:
        if event.user_id is not None:
            self._users.add(event.user_id, event.time)
        if event.event_type == API_CALL:
            self._calls.add(event.time)
        if event.is_server_error:
            self._failed.add(event.time)
        if event.event_type in self._counted:
            self._counted[event.event_type].add(event.time)

    def _forget(self, now: int) -> None:
        self._users.forget(now)
        for rolling in (self._calls, self._failed, *self._counted.values()):
            rolling.forget(now)
