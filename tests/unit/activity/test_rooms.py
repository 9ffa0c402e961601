"""Which room an event is told in, and in what words."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import msgspec
import pytest

from nowline.activity.present import Present
from nowline.activity.rooms import EVERY_ROOM, Room, room_of, rooms_named, told, told_stats
from nowline.api.activity import shown
from nowline.errors import NowlineError
from nowline.model.event import Event
from personas import SetClock

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("event_type", "room", "named"),
    [
        ("USER_LOGIN", Room.USERS, "user:login"),
        ("USER_LOGOUT", Room.USERS, "user:logout"),
        ("USER_REGISTERED", Room.USERS, "user:registered"),
        ("PRODUCT_CREATED", Room.PRODUCTS, "product:created"),
        ("PRODUCT_UPDATED", Room.PRODUCTS, "product:updated"),
        ("PRODUCT_DELETED", Room.PRODUCTS, "product:deleted"),
        ("API_CALL", Room.API, "api:call"),
        ("PAGE_VIEW", Room.USERS, None),
        ("FEATURE_USED", Room.USERS, None),
        ("COUPON_REDEEMED", Room.USERS, None),
        ("PRODUCT_RATED", Room.PRODUCTS, None),
        ("API_LIMIT_HIT", Room.API, None),
        ("ERROR", Room.API, None),
        ("TASK_FAILED", Room.API, None),
    ],
)
def test_every_event_has_one_room_and_the_messages_of_its_type(
    event_type: str, room: Room, named: str | None
) -> None:
    where, texts = told(Event(event_type, NOW, "e1"))
    assert where is room_of(event_type) is room
    names = ["activity:new"] if named is None else ["activity:new", named]
    assert [json.loads(text)["event"] for text in texts] == names


def test_an_event_is_told_as_it_is_listed() -> None:
    metadata = '{"details":"a \\"b\\" ü","list":[1,2.5,null],"endpoint":"/x"}'
    event = Event("API_CALL", NOW, "e1", "ann", "acme", "s1", metadata, 503, "/x")
    _, texts = told(event)
    for text in texts:
        assert b"\n" not in text
        assert json.loads(text)["data"] == json.loads(msgspec.json.encode(shown(event)))


def test_rooms_are_chosen_by_name() -> None:
    assert rooms_named("user-activity") is Room.USERS
    assert rooms_named("api-activity, product-activity,") == Room.PRODUCTS | Room.API
    assert rooms_named("") == rooms_named(" , ") == EVERY_ROOM
    assert rooms_named("user-activity,product-activity,api-activity") == EVERY_ROOM


@pytest.mark.parametrize("text", ["users", "user-activity,nowhere", "USER-ACTIVITY"])
def test_an_unknown_room_is_named(text: str) -> None:
    with pytest.raises(NowlineError) as caught:
        rooms_named(text)
    assert caught.value.errors[0].field == "rooms"
    assert text.rpartition(",")[2] in caught.value.errors[0].message


def test_counters_are_the_same_while_only_the_time_goes_on() -> None:
    clock = SetClock(NOW)
    present = Present(clock)
    utc = ZoneInfo("UTC")
    figures, text = told_stats(present.stats(utc))
    assert json.loads(text) == {
        "event": "stats:update",
        "data": json.loads(msgspec.json.encode(present.stats(utc))),
    }
    clock.advance(1)
    later, worded = told_stats(present.stats(utc))
    assert later == figures
    assert worded != text
    present.add([Event("USER_LOGIN", NOW, "e1", "ann")])
    assert told_stats(present.stats(utc))[0] != figures
