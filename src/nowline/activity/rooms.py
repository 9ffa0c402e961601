"""Rooms: which events belong together, and how each is told to who follows them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntFlag

import msgspec

from nowline.activity.present import Stats
from nowline.clock import rfc3339
from nowline.errors import invalid
from nowline.model.event import (
    API_CALL,
    ERROR,
    PRODUCT_CREATED,
    PRODUCT_DELETED,
    PRODUCT_UPDATED,
    TASK_FAILED,
    USER_LOGIN,
    USER_LOGOUT,
    USER_REGISTERED,
    Event,
)


class Room(IntFlag):
    """What can be followed by itself. Every event belongs to one of them (docs/activity.md)."""

    USERS = 1
    PRODUCTS = 2
    API = 4


_ROOMS = {
    "user-activity": Room.USERS,
    "product-activity": Room.PRODUCTS,
    "api-activity": Room.API,
}
EVERY_ROOM = Room.USERS | Room.PRODUCTS | Room.API
_MOST_SHOWN = 40
_NEW = "activity:new"
_NAMED = {
    USER_LOGIN: "user:login",
    USER_LOGOUT: "user:logout",
    USER_REGISTERED: "user:registered",
    PRODUCT_CREATED: "product:created",
    PRODUCT_UPDATED: "product:updated",
    PRODUCT_DELETED: "product:deleted",
    API_CALL: "api:call",
}
_OF_SOFTWARE = frozenset({ERROR, TASK_FAILED})


class _Told(msgspec.Struct, frozen=True):
    """An event with its metadata as it is kept: JSON already."""

    event_id: str
    event_type: str
    user_id: str | None
    organization_id: str | None
    session_id: str | None
    timestamp: str
    metadata: msgspec.Raw


def rooms_named(text: str) -> Room:
    """The rooms of a list with commas; all of them where nothing is listed.

    Raises:
        NowlineError: INVALID with the name that is none.
    """
    names = [name for name in (each.strip() for each in text.split(",")) if name]
    for name in names:
        if name not in _ROOMS:
            known = ", ".join(_ROOMS)
            raise invalid("rooms", f"`{name[:_MOST_SHOWN]}` is not one of {known}")
    chosen = Room(0)
    for name in names:
        chosen |= _ROOMS[name]
    return chosen or EVERY_ROOM


def room_of(event_type: str) -> Room:
    """Where events of this type are told: what is of no other kind, a user did."""
    if event_type.startswith("PRODUCT_"):
        return Room.PRODUCTS
    if event_type.startswith("API_") or event_type in _OF_SOFTWARE:
        return Room.API
    return Room.USERS


def told(event: Event) -> tuple[Room, Sequence[bytes]]:
    """An event's room, and its messages there: one for any event, one of its own name if it has."""
    data = _encoder.encode(
        _Told(
            event.event_id,
            event.event_type,
            event.user_id,
            event.organization_id,
            event.session_id,
            rfc3339(event.time),
            msgspec.Raw(event.metadata.encode()),
        )
    )
    named = _NAMED.get(event.event_type)
    names = (_NEW,) if named is None else (_NEW, named)
    return room_of(event.event_type), [_message(name, data) for name in names]


def told_stats(stats: Stats) -> tuple[object, bytes]:
    """What makes counters different from those before, and the message that tells them."""
    figures = [value for name, value in msgspec.structs.asdict(stats).items() if name != "as_of"]
    return figures, _message("stats:update", _encoder.encode(stats))


def _message(name: str, data: bytes) -> bytes:
    return b'{"event":"%b","data":%b}' % (name.encode(), data)


_encoder = msgspec.json.Encoder()
