"""What a Redis promises, from what it says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from nowline.bus.redis_promise import promise_of
from nowline.errors import Code, NowlineError

INFO: dict[str, Any] = {
    "redis_version": "7.0.15",
    "aof_enabled": 1,
    "maxmemory_policy": "noeviction",
}
CONFIG = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


@pytest.mark.parametrize(
    ("changed", "text", "is_safe"),
    [
        ({}, "appendfsync always: ", True),
        ({"appendfsync": "everysec"}, "appendfsync everysec: up to one second", False),
        ({"appendfsync": "no"}, "appendfsync no: ", False),
        ({"appendonly": "no"}, "appendonly no: ", False),
        ({"maxmemory-policy": "volatile-lru"}, "appendfsync always: ", True),
    ],
)
def test_what_is_lost_is_said(changed: dict[str, str], text: str, is_safe: bool) -> None:
    promise = promise_of(INFO, CONFIG | changed)
    assert promise.text.startswith(text)
    assert promise.is_safe is is_safe


def test_where_it_does_not_tell_the_worst_is_assumed() -> None:
    untold = promise_of(INFO, None)
    assert "does not let CONFIG be read" in untold.text
    assert not untold.is_safe
    assert promise_of(INFO | {"aof_enabled": 0}, None).text.startswith("appendonly no")


@pytest.mark.parametrize("told", [CONFIG | {"maxmemory-policy": "allkeys-lru"}, None])
def test_one_that_throws_records_away_is_refused(told: dict[str, str] | None) -> None:
    with pytest.raises(NowlineError, match="allkeys-lru throws records away") as refused:
        promise_of(INFO | {"maxmemory_policy": "allkeys-lru"}, told)
    assert refused.value.code is Code.CONFLICT


@pytest.mark.parametrize("version", ["6.0.16", "5.0", ""])
def test_one_that_is_too_old_is_refused(version: str) -> None:
    with pytest.raises(NowlineError, match="too old"):
        promise_of(INFO | {"redis_version": version}, CONFIG)


@pytest.mark.parametrize("version", ["6.2.0", "7.0.15", "10.1.2"])
def test_any_newer_one_will_do(version: str) -> None:
    assert promise_of(INFO | {"redis_version": version}, CONFIG).is_safe
