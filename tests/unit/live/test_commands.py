from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.errors import Code, NowlineError
from nowline.live import commands
from nowline.live.commands import Ping, Subscribe, Unsubscribe
from nowline.live.frames import FrameId
from nowline.model.query import Aggregation

QUERY = {"metric_name": "cpu"}
SUBSCRIBE = {"type": "subscribe", "id": "w1", "query": QUERY}


def refusal(message: object) -> NowlineError:
    with pytest.raises(NowlineError) as caught:
        wanted(message)
    assert caught.value.code is Code.INVALID
    return caught.value


def wanted(message: object) -> list[commands.Wanted]:
    command = commands.parse_command(json.dumps(message))
    assert isinstance(command, Subscribe)
    return commands.wanted(command)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"type": "subscribe", "query": QUERY}, "id"),
        (SUBSCRIBE | {"id": ""}, "id"),
        (SUBSCRIBE | {"id": "x" * 256}, "id"),
        (SUBSCRIBE | {"id": 7}, "id"),
        (SUBSCRIBE | {"interval": "2s"}, "interval"),
        (SUBSCRIBE | {"interval": 1}, "interval"),
        (SUBSCRIBE | {"since": 5}, "since"),
        (SUBSCRIBE | {"colour": "red"}, "colour"),
        (SUBSCRIBE | {"metrics": ["a"]}, "query"),
        (SUBSCRIBE | {"catalogue": True}, "query"),
        ({"type": "subscribe", "id": "w1"}, "query"),
        (SUBSCRIBE | {"query": {}}, "query.metric_name"),
        (SUBSCRIBE | {"query": QUERY | {"aggregation": "mean"}}, "query.aggregation"),
        (SUBSCRIBE | {"query": QUERY | {"group_by": "host"}}, "query.group_by"),
        (SUBSCRIBE | {"query": QUERY | {"hosts": 1}}, "query.hosts"),
        ({"type": "subscribe", "metrics": []}, "metrics"),
        ({"type": "subscribe", "metrics": ["a", ""]}, "metrics"),
        ({"type": "subscribe", "metrics": "a"}, "metrics"),
        ({"type": "shout"}, "type"),
        ({"id": "w1"}, "type"),
    ],
)
def test_every_bad_field_is_named(message: dict[str, Any], field: str) -> None:
    assert [error.field for error in refusal(message).errors] == [field]


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"null", b"[]", b'"subscribe"', b"\xff\xfe", b'{"x":' + b"[" * 30_000, b"\x00"],
)
def test_what_is_no_message(text: bytes) -> None:
    with pytest.raises(NowlineError) as caught:
        commands.parse_command(text)
    assert caught.value.code is Code.INVALID


@given(st.binary() | st.text())
def test_any_bytes_are_a_message_or_refused(text: bytes | str) -> None:
    with pytest.raises(NowlineError):
        commands.parse_command(text)


def test_a_refusal_does_not_repeat_all_that_was_sent() -> None:
    assert len(refusal(SUBSCRIBE | {"x" * 60_000: 1}).detail) < 500
    assert len(refusal(SUBSCRIBE | {"interval": "x" * 60_000}).detail) < 500


def test_metrics_are_each_watched_under_their_name() -> None:
    command = commands.parse_command(b'{"type":"subscribe","metrics":["b","a","b"]}')
    assert isinstance(command, Subscribe)
    first, second = commands.wanted(command)
    assert (first.name, second.name) == ("b", "a")
    assert first.query is not None
    assert first.query.metric_name == "b"
    assert first.query.aggregation is Aggregation.AVG
    assert first.query.time_range.last == "5m"
    assert first.interval_ms == 1000


@pytest.mark.parametrize(("text", "milliseconds"), commands.INTERVALS_MS.items())
def test_intervals(text: str, milliseconds: int) -> None:
    (want,) = wanted(SUBSCRIBE | {"interval": text})
    assert want.interval_ms == milliseconds


@pytest.mark.parametrize(
    ("since", "frame_id"),
    [(None, None), ("e-4", FrameId("e", 4)), ("garbage", FrameId("", 0)), ("", FrameId("", 0))],
)
def test_where_to_continue(since: str | None, frame_id: FrameId | None) -> None:
    (want,) = wanted(SUBSCRIBE | {"since": since})
    assert want.since == frame_id


def test_the_catalogue_is_a_channel_without_a_query() -> None:
    command = commands.parse_command(b'{"type":"subscribe","id":"c","catalogue":true}')
    assert isinstance(command, Subscribe)
    (want,) = commands.wanted(command)
    assert (want.name, want.query) == ("c", None)


def test_the_other_commands() -> None:
    assert isinstance(commands.parse_command(b'{"type":"ping"}'), Ping)
    unsubscribe = commands.parse_command(b'{"type":"unsubscribe","id":"a","metrics":["b"]}')
    assert isinstance(unsubscribe, Unsubscribe)
    assert (unsubscribe.id, unsubscribe.metrics) == ("a", ["b"])


def test_a_list_takes_what_the_socket_takes() -> None:
    listed = commands.listed(json.dumps([SUBSCRIBE, {"id": "c", "catalogue": True}]))
    assert [want.name for want in listed] == ["w1", "c"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "[1]",
        '[{"id":"a"}]',
        '[{"query":{"metric_name":"m"}}]',
        '[{"id":"a","catalogue":true},{"id":"a","catalogue":true}]',
        '[{"id":"","catalogue":true}]',
        "[" * 30_000,
    ],
)
def test_what_is_no_list_of_subscriptions(text: str) -> None:
    with pytest.raises(NowlineError) as caught:
        commands.listed(text)
    assert caught.value.errors[0].field is not None
    assert caught.value.errors[0].field.startswith("subscriptions")


def test_different_channels_have_different_fingerprints() -> None:
    prints = {commands.fingerprint(keys) for keys in (["a"], ["a", "b"], ["b", "a"], ["ab"])}
    assert len(prints) == 4


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"type": "subscribe", "id": "w1", "nope": 1}', "w1"),
        ('{"type": "dance", "id": "w1"}', "w1"),
        ('{"type": "subscribe", "id": 5}', None),
        ("[]", None),
        ("not JSON", None),
        (b"\xff", None),
    ],
)
def test_a_refusal_can_carry_the_name_that_was_sent(text: str | bytes, name: str | None) -> None:
    assert commands.name_of(text) == name
