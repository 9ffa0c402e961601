"""What people do: the newest events, all of them page by page, and the counters."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from nowline.activity.history import Asked, History
from nowline.activity.present import MOST_RECENT, Present, Stats
from nowline.auth.policy import Action
from nowline.clock import rfc3339
from nowline.errors import invalid
from nowline.model.event import Event
from nowline.model.moment import moment_of, zone_named


class EventShown(msgspec.Struct, frozen=True):
    """An event."""

    event_id: str
    event_type: str
    user_id: str | None
    organization_id: str | None
    session_id: str | None
    timestamp: str
    metadata: dict[str, Any]


class EventList(msgspec.Struct, frozen=True):
    """Events, newest first."""

    events: list[EventShown]


class EventPage(msgspec.Struct, frozen=True):
    """Events, newest first, and where the next page begins; null after the last one."""

    events: list[EventShown]
    next_cursor: str | None


@get("/api/v1/activity/recent", opt={"action": Action.READ}, tags=["activity"])
async def recent(
    present: NamedDependency[Present], limit: FromQuery[int] = MOST_RECENT
) -> EventList:
    """List the newest events, at most 100, newest first."""
    if not 1 <= limit <= MOST_RECENT:
        raise invalid("limit", f"must be from 1 to {MOST_RECENT}")
    return EventList([shown(event) for event in present.recent(limit)])


@get("/api/v1/activity", opt={"action": Action.READ}, tags=["activity"])
async def page(  # noqa: PLR0913, PLR0917 - the parameters of the contract
    history: NamedDependency[History],
    user_id: FromQuery[str | None] = None,
    event_type: FromQuery[str | None] = None,
    organization_id: FromQuery[str | None] = None,
    session_id: FromQuery[str | None] = None,
    start: FromQuery[str | None] = None,
    end: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> EventPage:
    """List events, newest first; without `start`, those of the last 30 days."""
    values = {
        "user_id": user_id,
        "event_type": event_type,
        "organization_id": organization_id,
        "session_id": session_id,
    }
    known = {field: value for field, value in values.items() if value is not None}
    since = None if start is None else moment_of("start", start)
    until = None if end is None else moment_of("end", end)
    asked = Asked(known, since, until, cursor, limit)
    found = await history.page(asked)
    return EventPage([shown(event) for event in found.events], found.next_cursor)


@get("/api/v1/activity/stats", opt={"action": Action.READ}, tags=["activity"])
async def stats(present: NamedDependency[Present], timezone: FromQuery[str] = "UTC") -> Stats:
    """Tell what is going on: counts over windows that end now."""
    return present.stats(zone_named(timezone))


def shown(event: Event) -> EventShown:
    """An event as it is told."""
    return EventShown(
        event_id=event.event_id,
        event_type=event.event_type,
        user_id=event.user_id,
        organization_id=event.organization_id,
        session_id=event.session_id,
        timestamp=rfc3339(event.time),
        metadata=msgspec.json.decode(event.metadata, type=dict[str, Any]),
    )


routes = [recent, page, stats]
